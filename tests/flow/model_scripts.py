"""What a scripted model says in a whole run: by its part in the work, conversation and turn."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.flow.stories import Repository
from tests.scripted import Call, Said, Seen

#: How the prompt of each part begins.
_PARTS = {
    "agent": "Your part is the whole ticket",
    "review": "Your part is to review the diff",
    "answer": "Your part is to answer the review",
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
    "files": ["shop/prices.py", "tests/test_total.py"],
}
TEST_FILE = """\
from shop.prices import total


def test_the_first_price_counts():
    assert total([1, 2]) == 3
"""


def repository(folder: Path, files: Mapping[str, str] = PROJECT) -> Repository:
    folder.mkdir()
    made = Repository(folder)
    made.git("init", "-q", "-b", "main")
    for path, content in files.items():
        made.write(path, content)
    made.commit("First")
    return made


def calls(*several: tuple[str, dict[str, Any]]) -> Said:
    return Said(calls=tuple(Call(name, arguments) for name, arguments in several))


def bash(command: str, seconds: int = 120) -> tuple[str, dict[str, Any]]:
    return "bash", {"command": command, "seconds": seconds}


def read(path: str) -> tuple[str, dict[str, Any]]:
    return bash(f"cat {path}")


def run_tests(*names: str) -> tuple[str, dict[str, Any]]:
    return bash(f"python -m pytest -q -p no:cacheprovider {' '.join(names)}")


def edit(path: str, old: str, new: str) -> tuple[str, dict[str, Any]]:
    return "edit", {"path": path, "old": old, "new": new}


def write(path: str, text: str) -> tuple[str, dict[str, Any]]:
    return "write", {"path": path, "text": text}


def submit(summary: str = "Done.", **facts: Any) -> tuple[str, dict[str, Any]]:
    return "submit", {"summary": summary, **facts}


def plan(**facts: Any) -> tuple[str, dict[str, Any]]:
    return "plan", {**PLAN, **facts}


PLANNED = calls(plan())
TESTED = calls(
    write("tests/test_total.py", TEST_FILE),
    read("shop/prices.py"),
    run_tests("tests/test_total.py"),
)
FIXED = calls(edit("shop/prices.py", "prices[1:]", "prices"), run_tests())
SUBMITTED = calls(submit("The loop left the first price out."))
CARRIED = [PLANNED, TESTED, FIXED, SUBMITTED]


class Scripts:
    """A script for `tests.scripted`: for each part its conversations, each a list of replies.

    A conversation is told from others of its part by its first message.
    """

    def __init__(self, **parts: Sequence[Turns]) -> None:
        conversations = {"agent": [CARRIED], **parts}
        self._parts: dict[str, Sequence[Turns]] = conversations
        self._begun: dict[str, list[str]] = {}

    def __call__(self, seen: Seen) -> Said:
        part = next(part for part, words in _PARTS.items() if words in seen.system)
        begun = self._begun.setdefault(part, [])
        if seen.messages[0][1] not in begun:
            begun.append(seen.messages[0][1])
        turns = self._parts[part][begun.index(seen.messages[0][1])]
        return turns(seen) if callable(turns) else turns[seen.turn - 1]
