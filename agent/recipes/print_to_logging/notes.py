"""What was done and what was left, in words for the pull request."""

from __future__ import annotations

from collections import Counter

from agent.recipes.print_to_logging.parameters import (
    LEVELS,
    FileWork,
    Level,
    Parameters,
    RemainingPrint,
)

#: So many places are listed one by one; a reader of more would look at none.
_SHOWN = 60
_PLACES = 12


def write_notes(parameters: Parameters) -> tuple[str, ...]:
    """Write the notes: counts by file and level, the loggers, what stays and why."""
    found = [_of_file(work) for work in parameters.files]
    levels = Counter(level for work in parameters.files for level in work.logged)
    if len(parameters.files) > 1:
        found.append(f"In all: {count_levels(levels)}.")
    if levels["info"] or levels["debug"]:
        found.append(
            "Messages of level info and debug show only where the program that uses this code "
            "configures logging; prints showed always."
        )
    return (*found, *list_left(parameters.remaining))


def _of_file(work: FileWork) -> str:
    said = [f"`{work.path}`: {count_levels(Counter(work.logged))}"]
    if lines := work.removed:
        said.append(f"{lines} print{'s' * (lines != 1)} of a blank or separating line removed")
    said.append(f"`{work.logger}` is {'new' if work.is_new else 'the logger that was there'}")
    return "; ".join(said) + "."


def count_levels(levels: Counter[Level]) -> str:
    """As in `3 messages (2 info, 1 error)`."""
    counted = [f"{levels[level]} {level}" for level in LEVELS if levels[level]]
    total = levels.total()
    return f"{total} message{'s' * (total != 1)} ({', '.join(counted)})"


def list_left(stays: tuple[RemainingPrint, ...]) -> tuple[str, ...]:
    """List what stays, by reason and file, up to a number that can be read."""
    groups: dict[tuple[str, str], list[int]] = {}
    for one in stays:
        groups.setdefault((one.path, one.reason), []).append(one.line)
    found: list[str] = []
    for (path, reason), every in groups.items():
        lines = list(dict.fromkeys(every))
        places = f"{path}:{lines[0]}" if lines[0] else path
        more = [str(line) for line in lines[1:]]
        if more:
            shown = ", ".join(more[:_PLACES])
            rest = len(more) - _PLACES
            places += f", {shown}" + (f" and {rest} more" if rest > 0 else "")
        found.append(f"Left alone, {places}: {reason}.")
    if len(found) > _SHOWN:
        rest = sum(len(lines) for lines in list(groups.values())[_SHOWN:])
        found = [*found[:_SHOWN], f"Left alone as well: {rest} more prints of the same kinds."]
    return tuple(found)
