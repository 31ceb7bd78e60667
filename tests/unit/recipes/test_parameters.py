"""Named values make the same request as a form."""

from __future__ import annotations

from agent.recipes import tickets
from agent.recipes.add_field import recipe
from agent.recipes.add_field.parameters import Parameters
from tests.unit.recipes import trees
from tests.unit.trees import DictTree

NICKNAME = "nickname = models.CharField(\n    max_length=50, blank=True\n)"


def test_named_values_settle_a_field_as_a_form_does() -> None:
    given = {"model": "shop.Customer", "field": NICKNAME, "default_for_existing_rows": '""'}
    ticket = tickets.make_ticket({**given, "show_in_admin_list": False})
    settled = recipe.settle(ticket, DictTree(trees.SHOP), trees.project())
    told = trees.settle(trees.form(default_for_existing_rows='""'))
    assert Parameters.model_validate_json(settled) == told
