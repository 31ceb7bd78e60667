"""What kind of work an issue asks for, by its labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from agent.models.ticket import Category

#: Our own names, and those that GitHub and Dependabot give every repository.
_BY_LABEL: dict[str, Category] = {name: name for name in get_args(Category)} | {
    "documentation": "docs",
    "enhancement": "feature",
    "dependencies": "dependency",
}


def read_category(labels: Iterable[str]) -> tuple[Category, str]:
    """Return the category and the label that names it, as in `bug` or `type: bug`."""
    for label in labels:
        if found := _BY_LABEL.get(re.split(r"[\s:/=]+", label.lower())[-1]):
            return found, label
    return "feature", ""
