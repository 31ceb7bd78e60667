"""Find patterns in added lines: suppressions, marks of a merge, hidden characters.

All patterns are in one table. A line that moved is not new.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.new_dependencies import SOURCE
from agent.policy.rule import Rule

SUPPRESSION = Rule(
    "suppression",
    "New comments, decorators, marks or branches that turn off a check need review.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
)
CONFLICT_MARKS = Rule(
    "conflict-marks", "No file contains marks of a merge conflict.", Severity.BLOCK
)
HIDDEN_TEXT = Rule(
    "hidden-text",
    "Code contains no invisible characters and none that reverse text direction.",
    Severity.BLOCK,
    minimum=Severity.REVIEW,
)
ODD_TEXT = Rule(
    "odd-text", "Hidden characters in docs, translations and tests need review.", Severity.REVIEW
)
RULES = (SUPPRESSION, CONFLICT_MARKS, HIDDEN_TEXT, ODD_TEXT)


def _may_install(file: ChangedFile) -> bool:
    # Requirements are checked for their hosts elsewhere; documents only inform people.
    return not (is_test(file.path) or file.path.endswith((".txt", ".in", ".md", ".rst")))


class LineRule(NamedTuple):
    """A row of the table: a rule, its files and its pattern."""

    rule: Rule
    applies: Callable[[ChangedFile], bool]
    pattern: str
    """A finding has the line on which the match ends."""
    is_reading: bool = False


def _is_python(file: ChangedFile) -> bool:
    return file.path.endswith((".py", ".pyi"))


def _is_product(file: ChangedFile) -> bool:
    return _is_python(file) and not is_test(file.path)


def _is_known_test(file: ChangedFile) -> bool:
    return file.before is not None and _is_python(file) and is_test(file.path)


#: Comments that suppress findings by their codes.
_CODED = (
    r"# *(?:(?i:noqa) *: *[A-Z]+\d|(?:ty(?:pe)?|pyright): *ignore\[|nosec:? *B\d"
    r"|pylint: *disable(?:-next)?=(?!all))[^#\n]*"
)
_BARE = (
    r"# *(?:(?i:noqa)\b(?! *: *[A-Z]+\d)|ty(?:pe)?: *ignore\b(?!\[)|nosec\b(?!:? *B\d)"
    r"|pyright:(?! *(?:ignore\[|strict))|pylint:(?! *(?:enable|disable(?:-next)?=(?!all)))"
    r"|(?:mypy|ruff|flake8):|fmt: *(?:off|skip)|isort: *(?:skip|off)|pragma: *no *cover)"
    r"[^#\n]*|\bno_type_check\b"
    # Branches for type checkers.
    r"|^([ \t]*)if (?:\w+\.)?TYPE_CHECKING:.*\n(?:\1[ \t].*\n|\n)*\1el(?:se|if)\b"
    r"|^(?![ \t]*if (?:\w+\.)?TYPE_CHECKING:)[^#\n]{0,300}?"
    r"\b(?:if|elif|while|assert|and|or|not)\b[^#\n]{0,300}?\bTYPE_CHECKING\b"
)
_SKIPPED = (
    r"\bmark\.(?:skip(?:if)?|xfail)\b|\bpytest\.(?:skip|xfail|importorskip)\(|\bskipTest\("
    r"|\bSkipTest\b|\bunittest\.skip\w*|@(?:\w+\.)*skip\w*|\bexpectedFailure\b"
    r"|\bcollect_ignore\w*|\b__test__\s*=\s*False"
)
_TESTED = r"\bPYTEST_\w+|[\"']pytest[\"'] (?:not )?in (?:sys\.)?modules"
#: Invisible characters. Joiners and marks are allowed next to other scripts, and in emoji.
_HIDDEN = (
    r"[\u202a-\u202e\u2066-\u2069]|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e01ef]"
    r"|(?<![^\x00-\x7f])[\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff](?![^\x00-\x7f])"
)
_INDEX = r"--(?:extra-)?index-url[ =][\"']?(?:https?:|\$)\S+"
TABLE = (
    LineRule(SUPPRESSION, _is_python, _CODED, is_reading=True),
    LineRule(SUPPRESSION, _is_python, _BARE),
    LineRule(SUPPRESSION, _is_known_test, _SKIPPED),
    LineRule(SUPPRESSION, _is_product, _TESTED),
    LineRule(CONFLICT_MARKS, lambda _: True, r"^(?:<{7}|\|{7}|>{7}) \S"),
    LineRule(HIDDEN_TEXT, _is_product, _HIDDEN),
    LineRule(ODD_TEXT, lambda file: not _is_product(file), _HIDDEN),
    LineRule(SOURCE, _may_install, _INDEX),
)
_WORDS = {
    SUPPRESSION: ("has `{}`, which may turn off a check", "Check that it is necessary and narrow."),
    CONFLICT_MARKS: ("has a mark of a merge conflict", "Merge both sides and remove the marks."),
    HIDDEN_TEXT: ("contains {}, which is invisible", "Remove it, or write data as \\u200b."),
    ODD_TEXT: ("contains {}, which is invisible", "Check that the text needs it."),
    SOURCE: ("names a package index: `{}`", "Check who runs it and what is taken from it."),
}


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    new = change_context.find_new_hits(_find_hits)
    once = {(path, hit.line, hit.what[0]): hit for path, hit in new}
    for (path, line, row), hit in once.items():
        _, _, match = hit.what
        text = match.strip().partition("\n")[0]
        text = text if text.isprintable() else f"U+{ord(match[0]):04X}"
        message, fix = _WORDS[row.rule]
        message = message.format(text[:80])
        yield row.rule.make_finding(path, message, fix, line, is_reading=row.is_reading)


def _find_hits(file: ChangedFile, content: bytes) -> Iterator[Hit[tuple[LineRule, str, str]]]:
    text = "" if b"\0" in content else content.decode("utf-8-sig", "replace")
    for row in TABLE:
        for match in re.finditer(row.pattern, text, re.MULTILINE) if row.applies(file) else ():
            yield Hit((row, file.path, match[0]), text.count("\n", 0, match.end()) + 1)
