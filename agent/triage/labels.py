"""What an issue's labels say of the kind of work. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from agent.models.ticket import Category

#: Our own names, and those that GitHub and Dependabot give every repository.
_CATEGORIES: dict[str, Category] = {name: name for name in get_args(Category)} | {
    "documentation": "docs",
    "enhancement": "feature",
    "dependencies": "dependency",
}


def read_category(labels: Iterable[str]) -> Category:
    for label in labels:
        if found := _CATEGORIES.get(re.split(r"[\s:/=]+", label.lower())[-1]):
            return found
    return "feature"
