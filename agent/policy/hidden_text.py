"""Block text that reads otherwise than it works (CVE-2021-42574, CVE-2021-42694).

What a letter is, Unicode says: its category, its direction, its name, and which others it is drawn
like (UTS 39). In code it blocks; documents, translations, tests and bundled scripts may need such
letters.
"""

import builtins
import codecs
import io
import keyword
import posixpath
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from confusable_homoglyphs import confusables

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.rule import Rule

HIDDEN_TEXT = Rule(
    id="hidden-text",
    demands="Code contains no invisible characters and none that reverse text direction.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
)
LOOK_ALIKES = Rule(
    id="look-alikes",
    demands="Code contains no look-alike letters from another script.",
    severity=Severity.BLOCK,
)
ODD_TEXT = Rule(
    id="odd-text",
    demands="Hidden and look-alike characters in docs, translations and tests need review.",
    severity=Severity.REVIEW,
)
RULES = (HIDDEN_TEXT, LOOK_ALIKES, ODD_TEXT)

_FIX = "Use plain letters, or an escape such as \\u200b if it is data."
#: Nobody writes a longer line; bundlers do.
_LONGEST_WRITTEN = 2000
#: Code behind more blanks on its line is not seen.
_MOST_BLANKS = 60
_LEAST_LETTERS = 3
_PROSE = (".md", ".rst", ".txt", ".po", ".ftl", ".xlf", ".csv", ".tsv", ".svg", ".map", ".min.js")
_APART = frozenset(
    {
        "locale", "locales", "translations", "i18n", "l10n", "lang", "messages", "doc", "docs",
        "vendor", "vendored", "_vendor", "node_modules", "dist", "snapshots",
    }
)  # fmt: skip
#: As Unicode names what is not drawn and is no control or format character.
_UNDRAWN = re.compile(r"\b(?:FILLER|VARIATION SELECTOR|GRAPHEME JOINER|INHERENT|BLANK)\b")
#: Pages end so, and a flag may be made of tags, a number of a selector.
_MEANT = re.compile(r"\x0c(?=\s*\Z)|\r\Z|\U0001f3f4[\U000e0020-\U000e007f]{5,7}|\ufe0f(?=\u20e3)")
#: Selectors of more than a font or colour, which can spell out a text of their own.
_SELECTORS = re.compile(r"[\U000e0100-\U000e01ef]|[\ufe00-\ufe0f](?=[\ufe00-\ufe0f])")
_ESCAPE = re.compile(r"[\\%][A-Za-z]")
_KNOWN = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    before = {line for file in change_context.change.files for line in _lines(file.before)}
    said: set[tuple[str, int | None]] = set()
    for file in change_context.change.files:
        yield from _check_name(file)
        for finding in _check_file(file, before):
            said.add((finding.path, finding.line))
            yield finding
    for python in change_context.python:
        yield from _check_encoding(python)
        for finding in _check_tokens(python) if python.after else ():
            if (finding.path, finding.line) not in said:
                yield finding


def _check_name(file: ChangedFile) -> Iterator[Finding]:
    """Name a new module that is called by letters which only look like those of ASCII."""
    name = posixpath.basename(file.path)
    if file.before is None and not name.isascii() and name.endswith(".py"):
        if (shape := _draw(name)).isascii():
            says = f"has a name that looks like `{shape}` but differs"
            yield LOOK_ALIKES.make_finding(file.path, says, "Use plain letters.")


def _check_encoding(file: PythonFile) -> Iterator[Finding]:
    """Name an encoding in which not all that reads a file reads it as Python does."""
    content = file.file.after
    if content is None or _is_utf8(content):
        return
    # Such as it was, people know of it.
    rule = HIDDEN_TEXT if file.file.before is None or _is_utf8(file.file.before) else ODD_TEXT
    yield rule.make_finding(
        file.path, "is not UTF-8, or declares another encoding", "Save it as UTF-8.", 1
    )


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except (UnicodeDecodeError, SyntaxError):
        return False
    return codecs.lookup(encoding).name in ("ascii", "utf-8", "utf-8-sig")


def _check_file(file: ChangedFile, before: set[str]) -> Iterator[Finding]:
    for number, line in enumerate(_lines(file.after), 1):
        if line in before or (line.isascii() and line.isprintable()):
            continue
        if seen := _find_hidden(line):
            rule, says = HIDDEN_TEXT, f"contains {_name_letter(seen)}, which is invisible"
        elif found := _find_mixed(line):
            rule, says = LOOK_ALIKES, f"contains {_name_letter(found)} in a word of another script"
        else:
            continue
        is_odd = len(line) > _LONGEST_WRITTEN or _is_apart(file.path)
        yield (ODD_TEXT if is_odd else rule).make_finding(file.path, says, _FIX, number)


def _check_tokens(file: PythonFile) -> Iterator[Finding]:
    """Check the names of a module against each other, and code for standing out of sight."""
    try:
        tokens = [*tokenize.tokenize(io.BytesIO(file.file.after or b"").readline)]
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        return  # `unreadable-python` speaks of it
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    place = (0, 0)
    for token in tokens:
        line, blanks = token.start[0], token.start[1] - place[1]
        is_far = place[0] == line and blanks > _MOST_BLANKS and token.string.strip()
        place = token.end
        if not file.is_new(line):
            continue
        if is_far and token.type not in (tokenize.COMMENT, tokenize.NEWLINE, tokenize.NL):
            yield ODD_TEXT.make_finding(
                file.path, f"has code after {blanks} spaces", "Move it to its own line.", line
            )
        name = token.string
        if token.type != tokenize.NAME or name.isascii():
            continue
        if any(map(_is_hidden, name)):
            says = "contains a name with an invisible character"
            yield HIDDEN_TEXT.make_finding(file.path, says, _FIX, line)
        elif (read := unicodedata.normalize("NFKC", name)) != name:
            # The micro sign of a keyboard is read as a letter of Greek.
            says = f"contains a name that Python reads as `{read}`"
            rule = LOOK_ALIKES if read.isascii() else ODD_TEXT
            yield rule.make_finding(file.path, says, f"Write it as `{read}`.", line)
        elif (shape := _draw(name)) != name and shape in (names | _KNOWN):
            rule = LOOK_ALIKES if len(name) >= _LEAST_LETTERS else ODD_TEXT
            says = f"contains a name that looks like `{shape}` but differs"
            yield rule.make_finding(file.path, says, _FIX, line)


def _find_hidden(line: str) -> str:
    """Return the first letter that is not drawn where text needs it to be; "" if there is none.

    Joiners, marks and selectors count between letters of ASCII alone: other scripts need them.
    """
    line = _MEANT.sub("", line)
    if selector := _SELECTORS.search(line):
        return selector[0]
    runs = ["", *("".join(run) for _, run in groupby(line, _is_hidden)), ""]
    for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
        around = before[-1:] + after[:1]
        if run and _is_hidden(run[0]) and (around.isascii() or any(map(_is_control, run))):
            return run[0]
    return ""


@cache
def _is_hidden(letter: str) -> bool:
    if letter == "\t" or (letter.isascii() and letter.isprintable()):
        return False
    is_format = unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")
    return is_format or _UNDRAWN.search(unicodedata.name(letter, "")) is not None


def _is_control(letter: str) -> bool:
    """Whether a letter ends lines, or turns the direction of all that follows."""
    category = unicodedata.category(letter)
    # Embeddings, overrides and isolates have classes of their own, as `RLO`.
    turns = category == "Cf" and len(unicodedata.bidirectional(letter)) > len("BN")
    return category in ("Cc", "Zl", "Zp") or turns


def _find_mixed(line: str) -> str:
    """Return the first letter in a word that looks like one of ASCII; else ""."""
    for word in re.findall(r"[^\W\d_]+", _ESCAPE.sub(" ", line)):
        others: list[str] = [letter for letter in word if not letter.isascii()]
        is_mixed = len(word) >= _LEAST_LETTERS and 0 < len(others) < len(word)
        if is_mixed and _draw(word).isascii():
            return others[0]
    return ""


def _draw(word: str) -> str:
    """Return a word as it looks, in letters of ASCII as far as there are such."""
    return "".join(map(_draw_letter, word))


@cache
def _draw_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    alike = (row["c"] for row in confusables.confusables_data.get(letter, ()))
    plain = (drawn for drawn in alike if drawn.isascii() and drawn.isalpha())
    look: str = next(plain, unicodedata.normalize("NFKC", letter))
    return look


def _lines(content: bytes | None) -> list[str]:
    """Return the lines of a text as it is decoded; none of what is none."""
    if content is None or b"\0" in content:
        return []
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return source.decode_text(content).split("\n")


def _is_apart(path: str) -> bool:
    *folders, name = path.lower().split("/")
    is_prose = name.endswith(_PROSE) or "." not in posixpath.basename(name)
    return is_prose or not _APART.isdisjoint(folders) or layout.is_test(path)


def _name_letter(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character').lower()})"
