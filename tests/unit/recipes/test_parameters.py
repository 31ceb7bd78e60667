"""Named values make the same request as a form."""

from __future__ import annotations

import pytest

from agent.recipes.add_field import request as of_field
from agent.recipes.add_field.parameters import Parameters
from repo_config.schema import RepoConfig
from tests.unit.recipes import trees
from tests.unit.trees import DictTree

NICKNAME = "nickname = models.CharField(max_length=50, blank=True)"


def test_named_values_settle_a_field_as_a_form_does() -> None:
    given = {"model": "shop.Customer", "field": NICKNAME, "default_for_existing_rows": '""'}
    settled = trees.RECIPE.settle_parameters(
        given, DictTree(trees.SHOP), RepoConfig(), trees.project()
    )
    told = trees.settle(trees.form(default_for_existing_rows='""'))
    assert Parameters.model_validate_json(settled) == told


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"model": "shop.Customer", "table": "x"}, "`table`"),
        ({"model": 3}, "`model`"),
        ({"model": "shop.Customer", "field": "a text"}, "`a text`"),
        ({}, "`field`"),
    ],
)
def test_a_field_needs_known_keys_and_values(given: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        of_field.read_parameters(given)
