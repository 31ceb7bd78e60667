"""What names stand for, and what is not followed."""

import ast

import pytest

from agent.policy.change_context import ChangeContext
from tests.unit.policy.cases import change, config, project

OBJECTS = {"app.again.Purchase.objects", "app.models.Order.objects"}
BASE = {
    "app/__init__.py": "",
    "app/models.py": "class Order:\n    pass\n",
    "app/again.py": "from .models import Order as Purchase\n",
}


def meant(text: str) -> set[str]:
    """Return what the argument of the last call of `show` stands for."""
    made, tree = change({"app/a.py": text}, dict(BASE))
    view = ChangeContext(made, config(), project("3.11"), tree).python[0].after
    assert view is not None
    shown = [
        call
        for call in view.list_nodes(ast.Call)
        if isinstance(call.func, ast.Name) and call.func.id == "show"
    ]
    return set(view.find_names(shown[-1].args[0]))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import lib\nshow(lib.table['a'].cursor())\n", {"lib.table.[].cursor.()"}),
        ("from lib import a, b\nx = a if a.y else b\nshow(x.get)\n", {"lib.a.get", "lib.b.get"}),
        ("import lib\nfor x, y in lib.pairs():\n    show(y)\n", set()),
        # Through a module of the tree that imports it again, and an annotation.
        ("from app.again import Purchase\nshow(Purchase.objects)\n", OBJECTS),
        (
            "from app.models import Order\ndef f(o: Order):\n    show(o.save)\n",
            {"app.models.Order.().save"},
        ),
    ],
)
def test_a_name_is_followed_to_what_it_is_taken_from(text, names):
    assert meant(text) == names
