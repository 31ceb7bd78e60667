"""What is to be done, settled: the recipe's parameters, which travel as JSON."""

from __future__ import annotations

from typing import Literal

from agent.models.record import Record


class Value(Record):
    """The value of an option or a default, as data: it is written into code, never evaluated."""

    kind: Literal["literal", "symbol", "call", "local"]
    """literal: a Python literal; symbol: a name of a module; call: a symbol called with literal
    arguments; local: a name that the file of the model already has."""
    text: str = ""
    """The literal, the arguments, or the local name, as Python source."""
    module: str = ""
    """Where the symbol lives, as in `django.utils.timezone`; "" for builtins."""
    name: str = ""
    """The symbol, dotted within its module, as in `date.today`."""

    def format(self) -> str:
        """The value as a person would write it."""
        if self.kind in ("literal", "local"):
            return self.text
        parent = self.module.rpartition(".")[2]
        dotted = f"{parent}.{self.name}" if parent else self.name
        return f"{dotted}({self.text})" if self.kind == "call" else dotted


class Option(Record):
    name: str
    value: Value


class Field(Record):
    name: str
    type_name: str
    """As in `CharField`."""
    own_type: bool
    """Whether Django has this type; else the model's file has it in scope under its name."""
    options: tuple[Option, ...]
    """In the order in which they are written; `to` and `on_delete` first."""
    target: str = ""
    """Label of the model a relation points to, where it is known: `shop.Shop`."""

    def option(self, name: str) -> Value | None:
        return next((option.value for option in self.options if option.name == name), None)

    def is_on(self, name: str) -> bool:
        value = self.option(name)
        return value is not None and value.text == "True"


class Place(Record):
    path: str
    class_name: str
    line: int
    """1-based line of the word `class`."""

    def format(self) -> str:
        return f"{self.class_name} ({self.path}:{self.line})"


LISTED_IN = "list_display"
"""The attribute of an admin class that lists fields."""


class Listing(Record):
    """The list of an admin class that the new field joins."""

    place: Place
    has_field: bool
    """Whether it is there already."""


class Carrier(Record):
    app_label: str
    model: str
    migrations: str
    """Folder of the app's migrations."""


class NewTest(Record):
    """Where and how the test is written."""

    path: str
    is_method: bool
    """Whether it is a method of a TestCase, for Django's own runner; else a function."""
    model: str
    """The model that is tested: for an abstract one a child."""
    model_module: str
    """What the model is imported from."""
    annotated: bool = False
    """Whether tests here say `-> None`."""


class Parameters(Record):
    """Everything `apply`, `produce` and `accept_produced` need."""

    app_label: str
    model: str
    place: Place
    abstract: bool
    field: Field
    existing: Value | None
    """Value for rows that are already there, used once and not kept as the field's default."""
    carriers: tuple[Carrier, ...]
    listing: Listing | None
    test: NewTest | None
    width: int
    """Longest line the repository's style allows."""
    formatters: dict[str, tuple[str, ...]] = {}
    """Tools that shape new files (`ruff check`, `ruff format`, `isort`, `black`) with the options
    that the repository runs them with."""
    remarks: tuple[str, ...] = ()
    """What a reader should know, for the pull-request text."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that this change does not carry out."""
