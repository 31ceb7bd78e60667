"""Find out why tests fail, from what they have printed. Pure."""

import re
import textwrap

from agent.models.checks import CheckItem, TestRun

_MARKED = re.compile(r"E\s+\S")
_FRAME = re.compile(r'\s*File ".*", line \d+')
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")


def group_failures(tests: TestRun) -> list[list[CheckItem]]:
    """Group failing tests by their error, the largest group first."""
    kinds: dict[str, list[CheckItem]] = {}
    for item in tests.items:
        if item.outcome in ("failed", "error"):
            kinds.setdefault(strip_numbers(find_error_line(item.text)), []).append(item)
    return sorted(kinds.values(), key=lambda items: -len(items))


def strip_numbers(words: str) -> str:
    """Remove addresses and counters: errors that differ only in these are of one kind."""
    return _NUMBER.sub("", words)


def count_error(items: list[CheckItem]) -> str:
    """Name the error of a group, after the number of its tests."""
    return f"{len(items)} x {find_error_line(items[0].text) or 'no error line'}"


def find_error_line(text: str) -> str:
    """Return the line that names an error: the first unindented one after the last frame.

    If pytest has marked the lines of an error by an E, only these count.
    """
    lines = text.splitlines()
    marked = [line[1:] for line in lines if _MARKED.match(line)]
    lines = textwrap.dedent("\n".join(marked or lines)).splitlines()
    frames = [number for number, line in enumerate(lines) if _FRAME.match(line)]
    behind = lines[frames[-1] + 1 :] if frames else lines
    return next((line for line in behind if line.strip() and not line[0].isspace()), "")
