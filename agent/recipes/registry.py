"""All recipes, in the order in which they are tried."""

from __future__ import annotations

from agent.recipes.add_field.recipe import AddDjangoField
from agent.recipes.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (AddDjangoField(),)


def get_recipe(name: str) -> Recipe:
    return next(recipe for recipe in RECIPES if recipe.name == name)
