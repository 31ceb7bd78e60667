"""What a program prints that is measured anew each time: durations, and addresses in memory.

A replay has to find everything else again to the letter. Pure.
"""

from __future__ import annotations

import re

_MEASURED = re.compile(
    r"""
    \b\d+(?:\.\d+)?\ ?m?s\b              # 1.1 s, 0.09s, 12ms
    (?:\ \(\d+:\d\d:\d\d\))?            # as pytest adds to more than a minute
    | \b0x[0-9a-f]{6,16}\b              # of an object
    | ={3,} | -{5,}                     # drawn as long as the words beside it leave room
    """,
    re.VERBOSE,
)
_MARK = "\0"


def mask_measured(text: str) -> str:
    """Return the text without what is measured: equal for what says the same."""
    return _MEASURED.sub(_MARK, text)
