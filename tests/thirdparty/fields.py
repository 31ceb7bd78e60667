"""Tickets that ask for a field, in the shapes that people use, and what must come of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """One field, asked for in one way."""

    name: str
    type_name: str
    options: dict[str, str]
    """What Django's field object must say, as `repr`."""
    value: str
    """What a row that was there before must have, as `str`."""
    words: Callable[[str], str]
    """The ticket for a model's label."""
    target: str | None = None
    on_delete: str | None = None
    admin: bool = False
    """Asked for in the admin list, where the model has an admin class."""
    test: bool = False
    """A test is asked for."""

    def ticket(self, label: str, *, admin: bool) -> str:
        """The whole ticket, as Markdown."""
        text = self.words(label)
        return text + (_answers(admin=admin, test=self.test) if text.startswith("### ") else "")


def _form(
    name: str, type_name: str, options: str, existing: str = "_No response_"
) -> Callable[[str], str]:
    """What GitHub makes of an issue form."""

    def words(label: str) -> str:
        return (
            f"### Model\n\n{label}\n\n### Field\n\n{name} = models.{type_name}({options})\n\n"
            f"### Default for existing rows\n\n{existing}\n"
        )

    return words


def _answers(*, admin: bool, test: bool) -> str:
    def box(checked: bool) -> str:
        return "Yes" if checked else "_No response_"

    return f"\n### Show in admin list\n\n{box(admin)}\n\n### Add a test\n\n{box(test)}\n"


def _define(definition: str) -> Callable[[str], str]:
    """The same form with the field as the model's file has it."""
    return lambda label: f"### Model\n\n{label}\n\n### Field\n\n```python\n{definition}\n```\n"


#: One for each ticket on a project, in their order.
WISHES = (
    Wish(
        "handling_data",
        "JSONField",
        {"null": "False", "default": "<class 'dict'>"},
        "{}",
        lambda label: (
            f"# Sandbox for structured data\n\nAdd this field to the model `{label}`:\n\n"
            "```python\nhandling_data = models.JSONField(default=dict, blank=True)\n```\n"
        ),
    ),
    Wish(
        "handling_story",
        "TextField",
        {"null": "False", "blank": "False"},
        "not told",
        _form("handling_story", "TextField", "", '"not told"'),
    ),
    Wish(
        "handling_tries",
        "PositiveSmallIntegerField",
        {"null": "False", "default": "3"},
        "3",
        _form("handling_tries", "PositiveSmallIntegerField", "default=3"),
        admin=True,
        test=True,
    ),
    Wish(
        "handled_by_hand",
        "BooleanField",
        {"null": "False", "default": "False"},
        "False",
        _define("handled_by_hand = models.BooleanField(default=False)"),
        admin=True,
        test=True,
    ),
    Wish(
        "handling_fee",
        "DecimalField",
        {"max_digits": "8", "decimal_places": "2", "null": "False"},
        "1.50",
        _form("handling_fee", "DecimalField", "max_digits=8, decimal_places=2, default=1.50"),
    ),
    Wish(
        "handled_by",
        "ForeignKey",
        {"null": "True", "blank": "True"},
        "None",
        _define(
            "handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True,"
            ' blank=True, related_name="+")'
        ),
        target="auth.User",
        on_delete="SET_NULL",
        admin=True,
    ),
    Wish(
        "handled_at",
        "DateTimeField",
        {"null": "True", "db_index": "True"},
        "None",
        _form("handled_at", "DateTimeField", "null=True, blank=True, db_index=True"),
        admin=True,
        test=True,
    ),
)
