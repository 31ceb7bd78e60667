"""What is known of a model class from its code alone."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from agent.recipes.modules import FoundClass, Module

_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?)(?:/|\.py$)|(?:^|/)conftest")


@dataclass(frozen=True)
class App:
    """A Django application."""

    label: str
    dotted: str
    folder: str
    """Relative to the root; "" for the root itself."""

    @property
    def migrations(self) -> str:
        """Folder of its migrations."""
        return f"{self.folder}/migrations" if self.folder else "migrations"


@dataclass(frozen=True)
class ModelField:
    """A field in a class body."""

    name: str
    type_name: str
    line: int
    call: ast.Call


@dataclass(eq=False)
class Model:
    """A model class."""

    name: str
    module: Module
    node: ast.ClassDef
    app: App
    parents: tuple[Model, ...]
    """Models of the tree it inherits from."""
    external: tuple[str, ...]
    """Bases that live outside the tree."""
    plain: tuple[FoundClass, ...]
    """Bases of the tree that are not models."""
    fields: dict[str, ModelField]
    names: dict[str, int]
    """Every name of the class body, with its line."""
    meta: dict[str, ast.expr] = field(default_factory=dict)
    """Options of its own Meta, and of those that Meta inherits."""

    @property
    def path(self) -> str:
        """File it is defined in."""
        return self.module.path

    @property
    def line(self) -> int:
        """Line of the word `class`."""
        return self.node.lineno

    @property
    def label(self) -> str:
        """As in `shop.Customer`."""
        return f"{self.app.label}.{self.name}"

    @property
    def description(self) -> str:
        """As in `shop.Customer (shop/models.py:12)`."""
        return f"{self.label} ({self.path}:{self.line})"

    @property
    def test_only(self) -> bool:
        """Whether it exists for tests."""
        return _TEST_PATH.search(self.path) is not None

    def meta_flag(self, name: str) -> bool | None:
        """A boolean option of Meta; None where it is not stated."""
        value = self.meta.get(name)
        return (
            value.value
            if isinstance(value, ast.Constant) and isinstance(value.value, bool)
            else None
        )

    @property
    def abstract(self) -> bool:
        """Whether it has no table of its own and lends its fields to its children."""
        return self.meta_flag("abstract") is True

    @property
    def proxy(self) -> bool:
        """Whether it shares the table of its parent."""
        return self.meta_flag("proxy") is True

    def ancestors(self) -> tuple[Model, ...]:
        """Models it inherits from, nearest first, each once."""
        found: list[Model] = []
        for parent in self.parents:
            found += [one for one in (parent, *parent.ancestors()) if one not in found]
        return tuple(found)
