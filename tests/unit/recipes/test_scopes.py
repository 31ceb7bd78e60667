"""What names of modules stand for, also through other modules of the tree."""

import pytest

from agent.recipes.add_field.modules import Modules
from tests.unit.trees import DictTree

BASE = {
    "app/__init__.py": "",
    "app/models.py": "class Order:\n    pass\n",
    "app/again.py": "from .models import Order as Purchase\n",
}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import lib\nx = lib.table['a'].cursor()\n", {"lib.table.[].cursor.()"}),
        ("from lib import a, b\nx = a if a.y else b\n", {"lib.a", "lib.b"}),
        ("import lib\nx, y = lib.pairs()\n", set()),
        ("from app.again import Purchase as x\n", {"app.again.Purchase", "app.models.Order"}),
    ],
)
def test_a_name_is_followed_to_what_it_is_taken_from(text, names):
    modules = Modules(DictTree({**BASE, "app/a.py": text}))
    scope = modules.get_scope("app/a.py")
    assert scope is not None
    assert {every for name in scope.names["x"] for every in modules.list_names(name)} == names
