"""Clean text on its way in and out. Pure.

In: what a reader of the issue does not see must not reach anybody. Out: nothing in our texts
may act on its own (mentions, closing keywords, markup, terminal escapes) or break out of its
fence.
"""

from __future__ import annotations

import re
import unicodedata

#: GitHub refuses bodies above 65,536 characters; below that a cut can still be said.
TEXT_LIMIT = 65_000

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_].*?(?:\x07|\x1b\\|\Z)"  # OSC and kin: titles, links, clipboard
    r"|[@-Z\\-_])",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MENTION = re.compile(r"(?<![\w`/])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"(?<![\w&])(#|GH-)(?=\d)|(?<=\w)#(?=\d)")
_ADDRESS = re.compile(r"\b(https?)(://)", re.IGNORECASE)
_CLOSING = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(:?\s+)(?=[\w./-]*#\d|https?://)", re.IGNORECASE
)


def incoming(text: str) -> tuple[str, tuple[str, ...]]:
    """Reduce a ticket's text to what a person sees of it.

    Returns:
        The visible text, lines ended by newlines, and what was removed, in words.
    """
    removed = []
    visible, comments = _COMMENT.subn("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if comments:
        removed.append(f"{comments} hidden HTML comment{'s' * (comments > 1)}")
    kept = "".join(
        letter
        for letter in visible
        if letter in "\n\t" or unicodedata.category(letter) not in _HIDDEN
    )
    if len(kept) < len(visible):
        count = len(visible) - len(kept)
        removed.append(f"{count} invisible character{'s' * (count > 1)}")
    lines = "\n".join(line.rstrip() for line in kept.split("\n"))
    short, runs = _RUN.subn(lambda run: run[0][:_LONGEST_RUN], lines)
    if runs:
        removed.append(f"the rest of {runs} overlong run{'s' * (runs > 1)} of one sign")
    return short, tuple(removed)


#: No sign that is not a letter or digit says more by standing there forty times; patterns that
#: look for headings, lists and sentences would only take longer.
_LONGEST_RUN = 40
_RUN = re.compile(r"([^\w\n])\1{39,}|\n{40,}")
#: Control, format (zero-width, bidi, tags), surrogate, private use.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def terminal(text: str) -> str:
    """Take terminal escapes and control characters out of a tool's output."""
    # A carriage return overwrites its line on a terminal; what stays is what was printed last.
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in _ESCAPE.sub("", text).split("\n"))
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines))


def inert(text: str) -> str:
    """Take the power out of foreign words, on one line: no mention, reference, link or closing.

    For commit messages, which are no Markdown; `words` makes the same safe in Markdown.
    """
    flat = " ".join(terminal(text).split())
    flat = _MENTION.sub("@\N{ZERO WIDTH SPACE}", flat)
    flat = _CLOSING.sub(lambda found: f"{found[1]}\N{ZERO WIDTH SPACE}{found[2]}", flat)
    flat = _ADDRESS.sub("\\1\N{ZERO WIDTH SPACE}\\2", flat)
    return _REFERENCE.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", flat)


def words(text: str) -> str:
    """Make foreign words safe inside our Markdown: inert, and on one line."""
    flat = inert(text)
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|!~])", r"\\\1", flat)


def code(text: str) -> str:
    """Give foreign words as inline code that they cannot leave."""
    flat = " ".join(terminal(text).split()) or " "
    ticks = "`" * (_longest_run(flat) + 1)
    # In a table cell a pipe ends the cell even inside code.
    flat = flat.replace("|", "\\|")
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fenced(text: str, language: str = "") -> str:
    """Give foreign text as a code block whose fence is longer than any in it."""
    # Measured on what will stand there: taking an escape out can join two runs.
    shown = terminal(text).rstrip()
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def cut(text: str, limit: int, *, where: str) -> str:
    """Keep head and tail of a text that is too long, and say so.

    Args:
        where: Where the whole text is to be found, for the sentence at the cut.
    """
    if len(text) <= limit:
        return text
    notice = f"\n[... {len(text) - limit:,} characters left out; whole text: {where} ...]\n"
    room = max(0, limit - len(notice))
    head = room // 2
    return text[:head] + notice + text[len(text) - (room - head) :]


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
