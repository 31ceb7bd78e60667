"""Which class or function of the tree an expression begins with, however it came into the file."""

from __future__ import annotations

import ast

import pytest

from agent.policy.change_context import ChangeContext
from agent.policy.view import View
from tests.unit.policy import cases

BASE = {
    "app/__init__.py": "",
    "app/bases.py": "class Base:\n    pass\n",
    "app/models.py": "from .bases import Base\n\n\nclass Order(Base):\n    pass\n",
    "app/tasks.py": "async def send():\n    pass\n\n\ndef count():\n    pass\n",
    "app/again.py": "from .models import Order as Purchase\nfrom .tasks import send as tell\n",
}


def view_of(text: str) -> View:
    made, tree = cases.change({"app/views.py": text}, dict(BASE))
    (file,) = ChangeContext(made, cases.config(), cases.project("3.11"), tree).python
    assert file.after is not None
    return file.after


def owners(text: str) -> list[tuple[str, str, str]]:
    view = view_of(text)
    call = view.list_visits(ast.Call)[-1]
    found = view.find_owners(call.node.func, call.scope)
    return [(place.path, place.node.name, rest) for place, rest in found]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("from app.again import Purchase\nPurchase.objects.get()\n", "objects.get"),
        ("from . import models as m\norder = m.Order()\norder.save()\n", "().save"),
        (
            (
                "from typing import Annotated as A\nfrom app.models import Order\nIt = A[Order, 1]\n"
                "def f(order: It):\n    order.save()\n"
            ),
            "().save",
        ),
    ],
)
def test_a_class_is_found_with_the_rest_of_the_name(text, rest):
    assert owners(text) == [("app/models.py", "Order", rest)]


def test_the_lineage_of_a_class_is_followed_from_where_it_stands():
    view = view_of("from app.again import Purchase\nPurchase()\n")
    (call,) = view.list_visits(ast.Call)
    ((place, _),) = view.find_owners(call.node.func, call.scope)
    assert view.find_lineage(place.node, place.scope) == {"app.bases.Base"}
