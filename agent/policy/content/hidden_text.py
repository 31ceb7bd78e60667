"""Hold back text that reads otherwise than it works.

Letters that turn the direction of a line, that have no width, or that look like those of another
script show a reviewer something else than the computer takes (CVE-2021-42574 and CVE-2021-42694).
In code they block. Documents, translations, tests and bundled scripts may have a use for them, so
there they are for the reviewer; joiners within emoji and within the scripts that need them are no
matter of anybody. Only lines that no changed file had before count.
"""

from __future__ import annotations

import io
import posixpath
import re
import tokenize
import unicodedata
from collections.abc import Iterator

from agent.domain import ChangedFile, Finding, Severity
from agent.policy import layout, source
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule

HIDDEN_TEXT = Rule(
    id="hidden-text",
    demands="Code has no letters that cannot be seen or that turn the direction of a line.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad='if role != "user<U+202E>":',
    good='if role != "user":',
)
LOOK_ALIKES = Rule(
    id="look-alikes",
    demands="No word of the code mixes letters of scripts that look the same.",
    severity=Severity.BLOCK,
    bad="def is_<U+0430>dmin(user): ...  # the a is Cyrillic",
    good="def is_admin(user): ...",
)
ODD_TEXT = Rule(
    id="odd-text",
    demands="Hidden and look-alike letters in documents, translations and tests are meant.",
    severity=Severity.REVIEW,
    bad="docs/setup.md: pip install req<U+200B>uests",
    good="docs/setup.md: pip install requests",
)
RULES = (HIDDEN_TEXT, LOOK_ALIKES, ODD_TEXT)

_FIX = "Write it with plain letters, or as an escape such as \\u200b where it is data."
#: What is not ASCII, or is a control character other than those that lay out a line.
_SUSPECT = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f\x7f-\xff]")
_PROSE = re.compile(r".*\.(?:md|rst|txt|adoc|po|pot|ftl|xlf|xliff|strings|arb|srt|csv|tsv)")
_APART_FOLDERS = frozenset(
    {
        "locale", "locales", "translations", "i18n", "l10n", "lang", "languages", "messages",
        "doc", "docs", "vendor", "vendored", "_vendor", "node_modules", "dist", "snapshots",
    }
)  # fmt: skip
_BUNDLED = re.compile(r".*(?:[.-]min|\.bundle)\.(?:js|css)|.*\.map|.*\.svg")
#: Nobody writes a longer line; bundlers do.
_LONGEST_WRITTEN = 2000
_WORD = re.compile(r"\w+")
#: The flags of England, Scotland and Wales, which Unicode writes with letters that are not seen.
_FLAGS = re.compile(
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)"
    "\U000e007f"
)
#: Drawn like a letter of ASCII by most fonts: from Unicode's table of confusables, those of
#: living scripts.
_ALIKE = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb\u0475"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408\u0423"
    "\u03bf\u03bd\u03b9\u03c1\u03c5\u03ba\u03c7\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c"
    "\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0585\u057d\u0578\u0570\u0581\u0584\u0575\u0251\u0261"
    "\u13a0\u13a1\u13a2\u13aa\u13ab\u13b3\u13b7\u13bb\u13c0\u13c2\u13c3\u13cf\u13d2\u13d9"
)
#: Letters without a width or a mark that are no format characters to Unicode.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u180e\u034f\u17b4\u17b5")
#: Joiners, and the space without a width that parts the words of Khmer and Thai.
_JOINERS = frozenset("\u200b\u200c\u200d")
_MARKS_OF_DIRECTION = frozenset("\u200e\u200f\u061c")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new line with letters that are not what they seem."""
    suspects = [
        file
        for file in proposal.change.files
        if file.after and file.after != file.before and _SUSPECT.search(file.after)
    ]
    if not suspects:
        return
    before = {line for file in proposal.change.files if file.before for line in _lines(file.before)}
    for file in suspects:
        content = file.after or b""
        if b"\0" not in content:
            yield from _of_file(file, content, before)


def _of_file(file: ChangedFile, content: bytes, before: set[str]) -> Iterator[Finding]:
    is_apart = _is_apart(file.path)
    lines = _lines(content)
    identifiers = _identifiers(content) if source.is_python(file.path, content) else {}
    for number, line in enumerate(lines, 1):
        if line in before or (line.isascii() and line.isprintable()):
            continue
        if seen := _hidden(_FLAGS.sub("", line), is_first=number == 1):
            rule, says = HIDDEN_TEXT, f"has {_name(seen)}, which cannot be seen"
        elif found := _mixed(line) or identifiers.get(number):
            rule, says = LOOK_ALIKES, f"has {_name(found)} in a word of other letters"
        else:
            continue
        is_bundled = len(line) > _LONGEST_WRITTEN
        yield (ODD_TEXT if is_apart or is_bundled else rule).at(file.path, says, _FIX, number)


def _lines(content: bytes) -> list[str]:
    try:
        return content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        # Of one byte each: no such letter is in it.
        return []


def _is_apart(path: str) -> bool:
    *folders, name = path.lower().split("/")
    return (
        not _APART_FOLDERS.isdisjoint(folders)
        or _PROSE.fullmatch(name) is not None
        or _BUNDLED.fullmatch(name) is not None
        or (
            "." not in posixpath.basename(name)[1:]
            and name.startswith(("authors", "contributors", "changelog", "changes", "readme"))
        )
        or layout.is_test(path)
    )


def _hidden(line: str, *, is_first: bool) -> str | None:
    """Return the first letter that cannot be seen, or that turns the direction."""
    for place, letter in enumerate(line):
        if letter.isascii():
            if not letter.isprintable() and letter not in "\t\r\f\v":
                return letter
            continue
        if letter == "\ufeff" and is_first and not place:
            continue
        category = unicodedata.category(letter)
        if category not in {"Cf", "Cc", "Zl", "Zp"} and letter not in _BLANK:
            continue
        if letter in _JOINERS | _MARKS_OF_DIRECTION and _is_joined(line, place):
            continue
        if letter == "\u00ad" or category == "Zl":
            continue  # a soft hyphen, and JavaScript's other ends of lines, change no meaning
        return letter
    return None


def _is_joined(line: str, place: int) -> bool:
    """Whether a joiner stands where writing needs it: beside letters that are not Latin."""
    beside = [line[at] for at in (place - 1, place + 1) if 0 <= at < len(line)]
    return any(
        ord(letter) > 0x2FFF
        or unicodedata.category(letter) in {"Lo", "Mn", "Mc", "So", "Sk"}
        or letter == "\ufe0f"
        for letter in beside
    )


def _mixed(line: str) -> str | None:
    """Return a letter that looks like a Latin one within a word that has Latin ones."""
    if _ALIKE.isdisjoint(line):
        return None
    for word in _WORD.findall(line):
        alike = [letter for letter in word if letter in _ALIKE]
        if alike and any(letter.isascii() and letter.isalpha() for letter in word):
            return str(alike[0])
    return None


def _identifiers(content: bytes) -> dict[int, str]:
    """Return by line the letters of names in Python that are read as other ones, or look so."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            if token.type != tokenize.NAME or token.string.isascii():
                continue
            plain = unicodedata.normalize("NFKC", token.string)
            others = [letter for letter in token.string if not letter.isascii()]
            if plain.isascii() or all(letter in _ALIKE for letter in others):
                found.setdefault(token.start[0], others[0])
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        pass  # what does not parse is the matter of `python_syntax`
    return found


def _name(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character').lower()})"
