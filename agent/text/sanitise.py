"""Clean text on its way in and out. Pure.

In: text of an issue that its readers do not see is removed. Out: nothing in our texts may act on
its own (mentions, closing keywords, links, pictures, markup, terminal escapes) or break out of its
fence. Secrets are removed by `redaction`.
"""

import re
import unicodedata
from collections.abc import Iterable

#: GitHub refuses bodies above 65,536 characters; the rest is for the notice that a text was cut.
TEXT_LIMIT = 65_000

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_].*?(?:\x07|\x1b\\|\Z)"  # OSC and kin: titles, links, clipboard
    r"|[@-Z\\-_])",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Colours of letters, and bold; none that can hide text, such as black or a background.
_COLOR = r"\x1b\[(?:(?:0|1|22|39|[39][1-7]);?)*m"
_CONTROL_BUT_COLOR = re.compile(rf"(?!{_COLOR}){_CONTROL.pattern}")
#: Characters that reverse text, or that only programs see.
_DECEIVING = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
# As on GitHub, a mention may follow any character but a Latin letter or a digit: also a letter of
# another alphabet, and a sign of emphasis.
_MENTION = "(?<![A-Za-z0-9])[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]+(?=[A-Za-z0-9])"
#: Mentions, references and addresses, which GitHub turns into links by itself.
_ACTING = re.compile(
    rf"{_MENTION}[\w-]+(?:/[\w-]+)?|#\d+|(?<![A-Za-z0-9])GH-\d+"
    r"|\w{0,20}://[^\s`|<>'\"]*|(?<![A-Za-z0-9])www\.\w[^\s`|<>]*",
    re.IGNORECASE,
)
#: Signs that make such a link, and those in commit messages that keep GitHub's workflows off.
_SIGNS = re.compile(
    # Markdown removes a backslash before a dash.
    rf"{_MENTION}|#+(?=\d)|(?<![A-Za-z0-9])(?P<gh>GH)\\?-(?=\d)"
    r"|\w{0,20}://|(?<![A-Za-z0-9])www\.(?=\w)"
    r"|\[(?=(?:skip[ -](?:ci|actions)|(?:ci|actions|no)[ -](?:skip|ci))\])"
    r"|\b(?P<skip>skip)-(?=checks?:)|\*{3}(?=NO_CI)",
    re.IGNORECASE,
)
#: Signs that, at the beginning of a line, make a heading, a list, a rule or an underline.
_ITEM = re.compile(r"^(\s{0,6})([-*]|\d{1,2}[.)])\s+(?=\S)")
_LINE_START = re.compile(r"^([#+=-]|\d{1,9}(?=[.)](?:\s|$)))")


def clean_ticket(text: str) -> tuple[str, tuple[str, ...]]:
    """Reduce a ticket's text to what a person sees; return it, and phrases on what was removed."""
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
        removed.append(f"part of {runs} overlong repetition{'s' * (runs > 1)} of one character")
    return short, tuple(removed)


#: Longer repetitions of a sign are cut: they say no more, and the patterns for headings, lists and
#: sentences would take longer.
_LONGEST_RUN = 40
_RUN = re.compile(r"([^\w\n])\1{39,}|\n{40,}")
#: Unicode categories: control, format (zero-width, bidi, tags), surrogate, private use.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def strip_terminal_codes(text: str, *, with_colors: bool = False) -> str:
    """Remove terminal escapes from a tool's output, and replace its control characters."""
    control, kept = (_CONTROL_BUT_COLOR, _COLOR) if with_colors else (_CONTROL, "")
    plain = _ESCAPE.sub(lambda found: found[0] if re.fullmatch(kept, found[0]) else "", text)
    # A carriage return overwrites its line on a terminal; only the last text of the line is shown.
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in plain.split("\n"))
    return _DECEIVING.sub(
        "\N{REPLACEMENT CHARACTER}", control.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines))
    )


def make_inert(text: str) -> str:
    """Return foreign words on one line, without mentions, references, links and closing keywords.

    For titles and commit messages, which are not Markdown: signs that act are removed. In Markdown,
    `format_words` keeps them.
    """
    return _disarm(" ".join(strip_terminal_codes(text).split()))


#: Maximum number of passes; removing one sign can form another one.
_MOST_PASSES = 8


def _disarm(text: str) -> str:
    """Remove the signs that act, repeatedly, since what is left may form another one."""
    for _ in range(_MOST_PASSES):
        done = _SIGNS.sub(lambda found: f"{found['gh'] or found['skip'] or ''} ".lstrip(), text)
        if done == text:
            return done
        text = done
    return re.sub(r"[@#/\[*\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]", "", text)


def format_words(text: str) -> str:
    """Make foreign words safe inside our Markdown, on one line; what would act becomes code."""
    flat = " ".join(strip_terminal_codes(text).split())
    parts, at = [], 0
    for acting in _ACTING.finditer(flat):
        parts += [_escape(flat[at : acting.start()]), format_code(acting[0])]
        at = acting.end()
    made = "".join((*parts, _escape(flat[at:])))
    return _LINE_START.sub(lambda at: f"{at[0]}\\" if at[0].isdigit() else f"\\{at[0]}", made)


def _escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|!~$])", r"\\\1", text)


def format_sentence(text: str) -> str:
    """Format a sentence that has names in backticks: these as code, the rest by `format_words`.

    Not for the cells of a table.
    """
    parts = re.split(r"`([^`\n]+)`", " ".join(strip_terminal_codes(text).split()))
    if len(parts) == 1:
        return format_words(text)
    pieces = [
        format_code(part) if number % 2 else _join_words(part) for number, part in enumerate(parts)
    ]
    return "".join(pieces)


def format_paragraphs(text: str) -> str:
    """Format foreign sentences as a quotation that keeps their paragraphs and lists."""
    lines = []
    for line in text.strip().splitlines():
        found = _ITEM.match(line)
        mark = f"{'  ' if len(found[1]) > 1 else ''}{found[2]} " if found else ""
        lines.append(f"> {mark}{format_sentence(line[found.end() :] if found else line)}".rstrip())
    return "\n".join(lines)


def _join_words(part: str) -> str:
    """Format a part of a sentence by `format_words`, with the spaces around it."""
    before = part[: len(part) - len(part.lstrip())]
    after = part[len(part.rstrip()) :] if part.strip() else ""
    return f"{before}{format_words(part)}{after}"


def format_code(text: str) -> str:
    """Format foreign words as inline code that they cannot end."""
    flat = " ".join(strip_terminal_codes(text).split()) or " "
    mark = "`" * (_measure_longest_run(flat) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{mark}{pad}{flat}{pad}{mark}"


def format_cell(text: str) -> str:
    """Format foreign words as inline code for a table, where a pipe ends the cell even in code."""
    return format_code(text).replace("|", "\\|")


def format_fenced(text: str, language: str = "") -> str:
    """Format foreign text as a code block whose fence is longer than any in it."""
    # Measured on the shown text: removing an escape can join two runs of backticks.
    shown = strip_terminal_codes(text).rstrip()
    fence = "`" * max(3, _measure_longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def list_some(things: Iterable[str], most: int = 3) -> str:
    """Name the first of many things, and count the others."""
    several = list(things)
    more = len(several) - most
    return ", ".join(several[:most]) + (f" and {more:,} more" if more > 0 else "")


def shorten(text: str, limit: int) -> str:
    """Return a text on one line, cut after a whole word if it is too long."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    head = flat[: limit - 1]
    whole = head.rpartition(" ")[0]
    return f"{(whole if len(whole) > limit // 2 else head).rstrip(' ,;:')}…"


def cut_words(text: str, limit: int) -> str:
    """Return a text, cut after a whole word if it is too long; its lines stay."""
    text = text.strip()
    head = text[: limit - 1]
    return text if len(text) <= limit else f"{head.rpartition(' ')[0] or head}…"


def shorten_middle(text: str, limit: int, *, where: str, omitted: int = 0) -> str:
    """Keep head and tail of a text that is too long; the cut says where the whole text is.

    Args:
        omitted: Characters that the text itself leaves out in its middle.
    """
    if len(text) <= limit:
        return text
    notice = f"\n{format_omission(len(text) - limit + omitted, where)}\n"
    space = max(0, limit - len(notice))
    head = space // 2
    return text[:head] + notice + text[len(text) - (space - head) :]


def format_omission(count: int, where: str) -> str:
    """Say how many characters of a text are left out, and where it is."""
    return f"[... {count:,} characters omitted; full text: {where} ...]"


def cut_markdown(text: str, limit: int, *, where: str) -> str:
    """Keep the head of a Markdown text of ours that is too long, close it, and say so."""
    if len(text) <= limit:
        return text
    notice = f"\n\n**Truncated: the text had {len(text):,} characters. Full log: {where}**\n"
    # Closing fences and folds after the cut takes some space, too.
    space = max(0, limit - len(notice) - 200)
    head = text[:space]
    whole_lines = head[: head.rfind("\n") + 1] or head
    return (close_markup(whole_lines).rstrip("\n") + notice)[:limit]


def close_markup(text: str) -> str:
    """Close what a cut left open in Markdown of ours: a fence, then the folds around it."""
    fence, folds = "", 0
    for line in text.split("\n"):
        if own := count_ticks(line, fence):
            fence = "" if fence else own
        elif not fence:
            folds += line.count("<details>") - line.count("</details>")
    ends = ([fence] if fence else []) + ["\n</details>"] * max(0, folds)
    return "\n".join((text.rstrip("\n"), *ends)) + "\n" if ends else text


def count_ticks(line: str, fence: str) -> str:
    """Return the backticks of a line that opens a fence, or closes the open one, if any."""
    found = _FENCE.match(line)
    if found is None or (fence and (len(found["ticks"]) < len(fence) or found["info"].strip())):
        return ""
    return found["ticks"]


_FENCE = re.compile(r" {0,3}(?P<ticks>`{3,})(?P<info>[^`]*)$")


def _measure_longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
