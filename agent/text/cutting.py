"""Cut long texts where a reader would: at sentences, at lines, where lines repeat. Pure."""

import re
from itertools import accumulate, groupby

from agent.text import sanitise

_SENTENCE_ENDS = re.compile(r"[.!?](?=\s)|(?<=\S)(?=\n\s*\n)")
#: Equal lines in a row, of which one is shown.
_MOST_EQUAL = 3


def cut_sentences(text: str, limit: int) -> str:
    """Keep the whole sentences that fit; of a first one that is too long, whole words."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head = text[: limit - 2]
    ends = [found.end() for found in _SENTENCE_ENDS.finditer(f"{head} ")]
    if ends and ends[-1] > limit // 2:
        return f"{head[: ends[-1]]} …"
    return f"{head.rpartition(' ')[0] or head} …"


def shorten_output(text: str, limit: int, *, where: str, omitted: int = 0) -> str:
    """Of more than the limit fold lines that repeat, and keep the first and the last lines.

    Args:
        where: Where the whole text is, for the notice at the cut.
        omitted: Characters that the text itself leaves out in its middle.
    """
    if len(text) <= limit:
        return text
    lines: list[str] = []
    for line, group in groupby(text.split("\n")):
        count = sum(1 for _ in group)
        lines += [line] * (count if count <= _MOST_EQUAL else 1)
        if count > _MOST_EQUAL:
            lines.append(f"[line repeated {count - 1:,} more times]")
    folded = "\n".join(lines)
    if len(folded) <= limit:
        return folded
    half = limit // 2
    head, tail = _keep_lines(lines, half), _keep_lines(lines[::-1], half)[::-1]
    if not head and not tail:
        return sanitise.shorten_middle(folded, limit, where=where)
    shown = sum(len(line) + 1 for line in (*head, *tail))
    notice = sanitise.format_omission(len(folded) - shown + omitted, where)
    return "\n".join([*head, notice, *tail])


def _keep_lines(lines: list[str], limit: int) -> list[str]:
    sizes = accumulate(len(line) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= limit]
