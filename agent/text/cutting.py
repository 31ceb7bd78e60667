"""Cut long texts at the ends of sentences. Pure."""

import re

_SENTENCE_ENDS = re.compile(r"[.!?](?=\s)|(?<=\S)(?=\n\s*\n)")


def cut_sentences(text: str, limit: int) -> str:
    """Keep the whole sentences that fit, or whole words if these fill less than half the limit."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head = text[: limit - 2]
    ends = [found.end() for found in _SENTENCE_ENDS.finditer(f"{head} ")]
    if ends and ends[-1] > limit // 2:
        return f"{head[: ends[-1]]} …"
    return f"{head.rpartition(' ')[0] or head} …"
