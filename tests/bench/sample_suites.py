"""A package of ten modules with as many tests as asked for, each of which computes for a while."""

_IN_A_FILE = 20
_MODULE = """\
\"\"\"Receipts of department {number}.\"\"\"

from __future__ import annotations

import json
from decimal import Decimal


def write(lines: list[dict[str, str]]) -> str:
    text = json.dumps({{"department": {number}, "lines": lines}}, indent=1)
    return text


def add_up(text: str) -> Decimal:
    lines = json.loads(text)["lines"]
    total = sum((Decimal(line["price"]) for line in lines), Decimal())
    return total


def count(text: str) -> int:
    lines = json.loads(text)["lines"]
    number = len(lines)
    return number
"""
_TESTS_OF = """\
from decimal import Decimal

from receipts import department_{number} as department

"""
_COMPUTES = """
def test_receipt_{number}_survives_being_written_down():
    lines = [{{"price": f"{{n}}.25"}} for n in range(100)]
    for _ in range({amount}):
        text = department.write(lines)
        assert department.add_up(text) == sum((n + Decimal("0.25")) for n in range(100))
        assert department.count(text) == 100

"""
_NEW_TEST = """\
from decimal import Decimal

from receipts import department_3 as department


def test_what_is_written_{wording}():
    text = department.write([{{"price": "1.006"}}])
    assert "\\n" not in text
    assert department.add_up(text) == Decimal("1.01")
"""
_PYPROJECT = """\
[project]
name = "receipts"
version = "1.0"
requires-python = ">=3.11"

[tool.pytest.ini_options]
pythonpath = ["."]

[tool.mypy]
files = ["receipts"]
"""


def make_computing(count: int, amount: int) -> dict[str, str]:
    """Make a package and its tests; return texts by path.

    Args:
        amount: How much each test computes: a third of a millisecond for each.
    """
    files = {"pyproject.toml": _PYPROJECT, "receipts/__init__.py": ""}
    for number in range(10):
        files[f"receipts/department_{number}.py"] = _MODULE.format(number=number)
    for first in range(0, count, _IN_A_FILE):
        numbers = range(first, min(first + _IN_A_FILE, count))
        head = _TESTS_OF.format(number=first // _IN_A_FILE % 10)
        body = "".join(_COMPUTES.format(number=number, amount=amount) for number in numbers)
        files[f"tests/test_group_{first // _IN_A_FILE:03}.py"] = head + body
    return files


def edit_computing(files: dict[str, str], wording: str) -> dict[str, str]:
    """Return a change of three hunks with a new test, by path.

    Args:
        wording: Of the name of the new test.
    """
    path = "receipts/department_3.py"
    text = files[path]
    sums = '["lines"]\n    total = sum((Decimal(line["price"]) for line in lines), Decimal())'
    for old, new in (
        ('"lines": lines}, indent=1', '"rows": lines}'),
        (
            sums,
            sums.replace('"lines"', '"rows"').replace(
                'Decimal(line["price"])', 'round(Decimal(line["price"]), 2)'
            ),
        ),
        ('["lines"]\n    number', '["rows"]\n    number'),
    ):
        text = text.replace(old, new)
    name = wording.replace(" ", "_") or "holds"
    return {path: text, "tests/test_written.py": _NEW_TEST.format(wording=name)}


def break_computing(files: dict[str, str]) -> dict[str, str]:
    """Return a change that breaks the tests of one module, by path."""
    path = "receipts/department_3.py"
    return {path: files[path].replace("number = len(lines)", "number = len(lines) - 1")}
