"""What a change removes needs no proof where nothing refers to it any more."""

from __future__ import annotations

import pytest

from agent.checks.removals import Removals
from agent.models.change import Change, ChangedFile
from tests.unit.trees import DictTree

USED = "import json\n\n\ndef show(order):\n    return json.dumps(order)\n"
OLD = "\n\ndef old(order):\n    return 1\n"


def is_unused(before: str, after: str | None, **others: str) -> bool:
    files = {
        "shop/orders.py": before,
        **{name.replace("_DOT_", "."): text for name, text in others.items()},
    }
    file = ChangedFile(
        path="shop/orders.py",
        before=before.encode(),
        after=None if after is None else after.encode(),
    )
    tree = DictTree(files)
    removals = Removals(Change(base_commit="0" * 40, files=(file,)), tree)
    return removals.is_unused(file.path, file.before, file.after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (USED + OLD, USED),
        (USED, "import json\n"),
        (USED, None),
        (f"LIMIT = 3\n{USED}{OLD.replace('1', 'LIMIT')}", USED),
        (
            f"class A:\n    def a(self):\n        pass\n{OLD.replace('1', 'order.a()')}",
            "class A:\n    pass\n",
        ),
        ("class Odd(ValueError):\n    code = 1\n", "# Nothing.\n"),
        (f"from a import b, c\n{OLD.replace('1', 'b')}\nc()\n", "from a import c\n\nc()\n"),
        (f"import json\n{OLD.replace('1', 'json')}", ""),
    ],
)
def test_what_nothing_refers_to_is_unused(before: str, after: str | None) -> None:
    assert is_unused(before, after, README_DOT_md="old, A, Odd and show were removed")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (USED + OLD, f"{USED}\n\ndef new(): ...\n"),
        (USED + OLD, USED.replace("order)\n", "order) or 1\n")),
        (USED + OLD.replace("1", "2"), USED + OLD),
        (
            "def a(order):\n    order.check()\n    return order\n",
            "def a(order):\n    return order\n",
        ),
        ("import shop.signals\n", ""),
        ("DEBUG = True\n", ""),
        ("@app.get('/')\ndef home(): ...\n", ""),
        ("class A(Base):\n    def a(self): ...\n", "class A(Base):\n    pass\n"),
        ("class A:\n    def process_view(self): ...\n", "class A:\n    pass\n"),
        ("class A:\n    def __eq__(self, b): ...\n", "class A:\n    pass\n"),
        ("class A(Base): ...\n", ""),
    ],
)
def test_what_a_framework_may_find_and_what_runs_needs_its_proof(before: str, after: str) -> None:
    assert not is_unused(before, after)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a_DOT_py", "from shop.orders import old\n"),
        ("a_DOT_py", "getattr(orders, 'old')\n"),
        ("a_DOT_py", "orders.old()\n"),
        ("a_DOT_py", "def old(:\n"),
        ("pyproject_DOT_toml", "[project.scripts]\nshow = 'shop.orders:old'\n"),
        ("a_DOT_html", "{{ orders.old }}"),
    ],
)
def test_what_something_refers_to_is_used(path: str, text: str) -> None:
    assert not is_unused(USED + OLD, USED, **{path: text})
    assert is_unused(USED + OLD, USED, a_DOT_py="def old(): ...  # not the old one\n")
