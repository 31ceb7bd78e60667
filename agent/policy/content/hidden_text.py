"""Hold back text that reads otherwise than it works (CVE-2021-42574, CVE-2021-42694).

In code it blocks; documents, translations, tests and bundled scripts may need such letters.
"""

from __future__ import annotations

import codecs
import io
import posixpath
import re
import tokenize
import unicodedata
from collections.abc import Iterator

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
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
#: Nobody writes a longer line; bundlers do.
_LONGEST_WRITTEN = 2000
_PROSE = (".md", ".rst", ".txt", ".po", ".ftl", ".xlf", ".csv", ".tsv", ".svg", ".map", ".min.js")
_APART = frozenset(
    {
        "locale", "locales", "translations", "i18n", "l10n", "lang", "messages", "doc", "docs",
        "vendor", "vendored", "_vendor", "node_modules", "dist", "snapshots",
    }
)  # fmt: skip
#: Ends of lines and of pages that few show as Python takes them, control characters, marks of
#: direction, tags, letters without a width or a mark. Joiners and marks that some scripts need
#: count between letters of ASCII alone; a flag may be made of tags.
_HIDDEN = re.compile(
    r"\U0001f3f4[\U000e0020-\U000e007f]{5,7}"
    r"|(\r(?!\Z)|\x0b|\x0c(?!\s*\Z)|[\x00-\x08\x0e-\x1f\x7f-\x9f\u115f\u1160\u180e\u2029-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb"
    r"\uffa0\U000e0000-\U000e007f]|(?<![^\x00-\x7f])[\u061c\u200b-\u200f](?![^\x00-\x7f]))"
)
#: Reads the same in each encoding that leaves ASCII as it is, and has no escapes of its own.
_PLAIN = "".join(map(chr, {*range(32, 127)} - {92})) + r"\u0041\x41+AEE-"
#: Drawn like a letter of ASCII by most fonts: from Unicode's table of confusables, those of
#: living scripts.
_ALIKE = (
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb\u0475"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408\u0423"
    "\u03bf\u03bd\u03b9\u03c1\u03c5\u03ba\u03c7\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c"
    "\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0585\u057d\u0578\u0570\u0581\u0584\u0575\u0251\u0261"
)
_MIXED = re.compile(rf"\b(?=\w*[A-Za-z])\w*?([{_ALIKE}])")


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for one in change_context.python:
        yield from _check_encoding(one.file)
    before = {line for one in change_context.change.files for line in _lines(one.before)}
    for file in change_context.change.files:
        yield from _check_file(file, before)


def _check_encoding(file: ChangedFile) -> Iterator[Finding]:
    """Name an encoding that editors and reviews do not show as Python reads it."""
    encoding = _find_encoding(file.after)
    if encoding in ("", "ascii", "utf-8", "utf-8-sig", _find_encoding(file.before)):
        return
    try:
        is_plain = _PLAIN.encode().decode(encoding) == _PLAIN
    except (LookupError, UnicodeError):
        is_plain = False
    rule = ODD_TEXT if is_plain else HIDDEN_TEXT
    yield rule.make_finding(file.path, f"is in {encoding}", "Write it in UTF-8.", 1)


def _find_encoding(content: bytes | None) -> str:
    """Return the encoding that Python reads a file by; "" where there is none."""
    try:
        return codecs.lookup(tokenize.detect_encoding(io.BytesIO(content or b"").readline)[0]).name
    except SyntaxError:
        return ""


def _check_file(file: ChangedFile, before: set[str]) -> Iterator[Finding]:
    for number, line in enumerate(_lines(file.after), 1):
        if line in before or (line.isascii() and line.isprintable()):
            continue
        if seen := next((found[1] for found in _HIDDEN.finditer(line) if found[1]), None):
            rule, says = HIDDEN_TEXT, f"has {_name_letter(seen)}, which cannot be seen"
        elif found := _MIXED.search(line):
            rule, says = LOOK_ALIKES, f"has {_name_letter(found[1])} in a word of other letters"
        else:
            continue
        is_odd = len(line) > _LONGEST_WRITTEN or _is_apart(file.path)
        yield (ODD_TEXT if is_odd else rule).make_finding(file.path, says, _FIX, number)


def _lines(content: bytes | None) -> list[str]:
    """Return the lines of a text; none of what is no text in UTF-8."""
    if content is None or b"\0" in content:
        return []
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return []


def _is_apart(path: str) -> bool:
    *folders, name = path.lower().split("/")
    is_prose = name.endswith(_PROSE) or "." not in posixpath.basename(name)
    return is_prose or not _APART.isdisjoint(folders) or layout.is_test(path)


def _name_letter(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character').lower()})"
