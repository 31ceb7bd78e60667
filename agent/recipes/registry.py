"""All recipes, in the order in which they are tried."""

from __future__ import annotations

from functools import cache

from agent.recipes.recipe import Recipe


@cache
def recipes() -> tuple[Recipe, ...]:
    """Return every recipe; they are loaded when somebody first asks."""
    # They bring what edits source code, which takes a fifth of a worker's start to load. A run that
    # goes on after a kill is past it, as a rule.
    from agent.recipes.add_field.recipe import AddDjangoField
    from agent.recipes.print_to_logging.recipe import PrintToLogging

    return (AddDjangoField(), PrintToLogging())


def by_name(name: str) -> Recipe:
    """Return the recipe of that name, as triage chose it."""
    return next(recipe for recipe in recipes() if recipe.name == name)
