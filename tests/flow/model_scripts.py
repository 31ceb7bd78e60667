"""What a scripted model says in a whole run: by its part in the work, conversation and turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.flow.stories import Repository
from tests.scripted import Call, Said, Seen

#: How the prompt of each part begins.
_PARTS = {
    "plan": "Your part: the plan.",
    "tests": "Your part: the acceptance tests",
    "edit": "Your part: the change.",
    "repair": "Your part: mend the change.",
    "review": "Your part: review the diff",
    "judge": "Your part: choose between attempts",
    "answer": "Your part: answer the review",
}
Turns = Sequence[Said] | Callable[[Seen], Said]

PROJECT = {
    "pyproject.toml": """\
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"

[tool.pytest.ini_options]
pythonpath = ["."]

[tool.ruff]
line-length = 100
""",
    "shop/__init__.py": "",
    "shop/prices.py": """\
def total(prices):
    \"\"\"Add prices up.\"\"\"
    result = 0
    for price in prices[1:]:
        result += price
    return result
""",
    "tests/test_prices.py": """\
from shop.prices import total


def test_nothing_costs_nothing():
    assert total([]) == 0
""",
}
TICKET = """\
# The total is wrong

`shop.prices.total` leaves the first price out: `total([1, 2])` returns 2, and should return 3.
"""
TEST = "tests/test_total.py::test_the_first_price_counts"
PLAN: dict[str, Any] = {
    "title": "Count the first price",
    "category": "bug",
    "steps": ["Go through all prices"],
    "files": ["shop/prices.py"],
    "tests": [{"name": TEST, "shows": "the first price counts"}],
    "risks": ["Somebody may have relied on it."],
    "lines": 2,
}
TEST_FILE = """\
from shop.prices import total


def test_the_first_price_counts():
    assert total([1, 2]) == 3
"""


def repository(folder: Path, files: Mapping[str, str] = PROJECT) -> Repository:
    """Make a repository of one commit."""
    folder.mkdir()
    made = Repository(folder)
    made.git("init", "-q", "-b", "main")
    for path, content in files.items():
        made.write(path, content)
    made.commit("First")
    return made


def calls(*several: tuple[str, dict[str, Any]]) -> Said:
    """Answer with calls of tools."""
    return Said(calls=tuple(Call(name, arguments) for name, arguments in several))


def read(path: str, *lines: int) -> tuple[str, dict[str, Any]]:
    return "read", {"path": path, **dict(zip(("start", "end"), lines, strict=False))}


def edit(path: str, old: str, new: str) -> tuple[str, dict[str, Any]]:
    return "edit", {"path": path, "old": old, "new": new}


def create(path: str, text: str) -> tuple[str, dict[str, Any]]:
    return "create", {"path": path, "text": text}


def finish(summary: str = "Done.") -> tuple[str, dict[str, Any]]:
    return "finish", {"summary": summary}


def plan(**facts: Any) -> tuple[str, dict[str, Any]]:
    return "submit_plan", {**PLAN, **facts}


PLANNED = [calls(read("shop/prices.py")), calls(plan())]
TESTED = [calls(create("tests/test_total.py", TEST_FILE), finish())]
MENDED = [
    calls(read("shop/prices.py"), edit("shop/prices.py", "prices[1:]", "prices")),
    calls(finish("The loop left the first price out.")),
]


class Scripts:
    """A script for `tests.scripted`: for each part its conversations, each a list of replies.

    A conversation is told from others of its part by its first message.
    """

    def __init__(self, **parts: Sequence[Turns]) -> None:
        given = {"plan": [PLANNED], "tests": [TESTED], "edit": [MENDED], **parts}
        self._parts: dict[str, Sequence[Turns]] = given
        self._begun: dict[str, list[str]] = {}

    def __call__(self, seen: Seen) -> Said:
        part = next(part for part, words in _PARTS.items() if words in seen.system)
        begun = self._begun.setdefault(part, [])
        if seen.messages[0][1] not in begun:
            begun.append(seen.messages[0][1])
        turns = self._parts[part][begun.index(seen.messages[0][1])]
        return turns(seen) if callable(turns) else turns[seen.turn - 1]


def openings(requests: Sequence[Seen], part: str) -> list[str]:
    """Return the first message of each conversation of a part."""
    of_part = [seen for seen in requests if _PARTS[part] in seen.system]
    return list(dict.fromkeys(seen.messages[0][1] for seen in of_part))
