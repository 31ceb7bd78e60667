"""See whether the processes that a command relies on are still there when it is over.

Beside `room.py`, before anything is killed: the numbers are those that were left in files, which
foreign code may have changed by now. So "gone" takes away from what the command has shown, and
"still there" adds nothing to it.
"""

from __future__ import annotations

import os

import collection

TYPE_CHECKING = False  # see room.py
if TYPE_CHECKING:
    from typing import Any

MOST_WORDS = 4000
LONGEST_NUMBER = 10


def gone(order: dict[str, Any]) -> list[dict[str, str]]:
    """Name those that are not there any more, with the end of what they printed."""
    return [
        {"name": one["name"], "words": end_of(one["log"])}
        for one in order["company"]
        if not lives(one["number"])
    ]


def lives(path: str) -> bool:
    """Whether the process whose number is in a file is there."""
    try:
        with collection.open_plain(path) as file:
            number = file.read(LONGEST_NUMBER)
        if not number.isdigit() or int(number) <= 1:
            return False
        os.kill(int(number), 0)
    except (OSError, OverflowError):
        return False
    return True


def end_of(path: str) -> str:
    """Return the last part of a log, as far as it can be read."""
    try:
        with collection.open_plain(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_WORDS))
            return file.read(MOST_WORDS).decode("utf-8", "replace")
    except OSError:
        return ""
