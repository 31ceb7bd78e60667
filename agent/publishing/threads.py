"""Write answers to threads of a pull request, and the section that lists them. Pure.

Words of a model are marked as such; all words that are not ours are made inert.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

from agent.models.outcome import ThreadOutcome, ThreadResult
from agent.models.task import ItemAnswer
from agent.text import sanitise

_FIRST_HEADING = "## Risk"
_BEGIN, _END = "<!-- mergewright:asked -->", "<!-- /mergewright:asked -->"
_PAGE = re.compile(r"https?://[^\s()<>|]+")
_BECAME: dict[ThreadResult, str] = {
    "commit": "commit {commit}",
    "reply": "answered",
    "human": "needs a person",
}
_LONGEST_CELL = 160
#: Maximum number of rows, for the newest threads; the pull request's page shows all threads.
_MOST_ROWS = 10


def write_reply(answer: ItemAnswer, commit: str) -> str:
    """Write the answer to a thread; `commit` has the edits, "": there are none."""
    head = {
        "commit": f"Done in {commit}.",
        "reply": "",
        "human": "**A person has to handle this.**",
    }[answer.end]
    words = sanitise.format_words(answer.text)
    if answer.by_model:
        words = f"Model: “{words}”"
    return f"{head} {words}".strip()


def write_section(ends: Sequence[ThreadOutcome], notes: Iterable[str] = ()) -> str:
    """Write the section with outcomes and notes, between marks by which it is found again."""
    listed = [f"- {sanitise.format_words(note)}" for note in notes]
    if not ends and not listed:
        return ""
    rows = [_make_row(end) for end in ends[-_MOST_ROWS:]]
    if left := len(ends) - len(rows):
        rows.insert(0, f"| {left} earlier (see their threads) | | |")
    table = ["| Comment | Result | Answer |", "|---|---|---|", *rows] if rows else []
    text = "\n".join([*listed, *([""] if listed and table else []), *table])
    return f"{_BEGIN}\n## Review comments\n\n{text}\n{_END}"


def replace_section(body: str, section: str) -> str:
    """Return the text of a pull request with the section, which replaces an earlier one.

    A section comes before our first heading, or at the end if people removed that. Marks after that
    heading do not count: they are quoted, in a diff or a log.
    """
    lines = body.replace("\r\n", "\n").split("\n")
    begin = end = lines.index(_FIRST_HEADING) if _FIRST_HEADING in lines else len(lines)
    if _BEGIN in lines[:end] and _END in lines[lines.index(_BEGIN) : end]:
        begin = lines.index(_BEGIN)
        end = lines.index(_END, begin) + 1
    elif not section:
        return "\n".join(lines)
    parts = "\n".join(lines[:begin]).rstrip(), section, "\n".join(lines[end:]).strip("\n")
    return "\n\n".join(filter(None, parts)) + "\n"


def compute_digest(body: str) -> str:
    """Return a digest of a pull request's text, without section, line ends and outer blanks."""
    lines = (line.rstrip() for line in replace_section(body, "").split("\n"))
    return hashlib.sha256("\n".join(lines).strip().encode()).hexdigest()


def _make_row(end: ThreadOutcome) -> str:
    about = sanitise.format_words(sanitise.shorten(end.about, _LONGEST_CELL))
    linked = f"[{about}]({end.url})" if _PAGE.fullmatch(end.url) else about
    became = _BECAME[end.kind].format(commit=end.commit[:12])
    if end.resolved:
        became += ", resolved"
    words = sanitise.format_words(sanitise.shorten(end.text, _LONGEST_CELL))
    return f"| {linked} | {became} | {f'“{words}”' if end.by_model else words} |"
