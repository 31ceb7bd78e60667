"""The demo's project with as many tests as asked for, each one to two milliseconds long.

Half of them ask the database, half compute, as in a usual Django project; so what a test costs
is neither nothing nor so much that the sandbox around it would not show.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

_IN_A_FILE = 20
_HEAD = '''"""Orders of customer group {number}."""

import json
import re
from decimal import Decimal

import pytest

from shop.models import Customer, Order

'''
_WITH_DATABASE = """
@pytest.mark.django_db
def test_orders_of_customer_{number}_add_up():
    customer = Customer.objects.create(name="Ada {number}", email="ada{number}@example.org")
    Order.objects.create(customer=customer, amount=Decimal("{number}.50"))
    assert customer.total() == Decimal("{number}.50")

"""
_WITHOUT = """
def test_receipt_{number}_survives_being_written_down():
    lines = [
        {{"article": f"A-{{n}}", "price": f"{{n}}.25", "count": n % 7}} for n in range(120)
    ]
    read = json.loads(json.dumps({{"receipt": {number}, "lines": lines}}, indent=1))
    total = sum(Decimal(line["price"]) * line["count"] for line in read["lines"])
    assert total == sum((n + Decimal("0.25")) * (n % 7) for n in range(120))
    assert all(re.fullmatch(r"A-\\d+", line["article"]) for line in read["lines"])

"""


def make(folder: Path, count: int) -> None:
    with resources.as_file(resources.files("agent.demo")) as files:
        ignored = shutil.ignore_patterns("__pycache__", "test_*.py")
        shutil.copytree(files / "sample_project", folder, ignore=ignored)
    tests = folder / "shop" / "tests"
    for first in range(0, count, _IN_A_FILE):
        numbers = range(first, min(first + _IN_A_FILE, count))
        parts = [(_WITHOUT if number % 2 else _WITH_DATABASE) for number in numbers]
        body = "".join(part.format(number=n) for part, n in zip(parts, numbers, strict=True))
        text = _HEAD.format(number=first // _IN_A_FILE) + body
        (tests / f"test_group_{first // _IN_A_FILE:03}.py").write_text(text)
