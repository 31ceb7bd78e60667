"""Tickets in a maintainer's own words: what is said plainly is understood, in whatever phrase."""

from __future__ import annotations

import re

import pytest

from agent.errors import TicketUnclear
from agent.publishing import text
from agent.recipes.add_field.parameters import Parameters
from agent.stages import triage
from tests.unit.recipes.trees import RECIPE, SHOP, edited, settle, ticket

FILES = SHOP | {
    "shop/models.py": SHOP["shop/models.py"]
    + "\n\nclass Order(models.Model):\n    total = models.IntegerField()\n",
    "shop/admin.py": "from django.contrib import admin\n\nfrom .models import Customer, Order\n\n\n"
    "@admin.register(Customer)\nclass CustomerAdmin(admin.ModelAdmin):\n"
    '    list_display = ("name", "email")\n\n\n'
    "@admin.register(Order)\nclass OrderAdmin(admin.ModelAdmin):\n"
    '    list_display = ("total",)\n',
    "shop/test_models.py": "def test_name():\n    pass\n",
}
ADD = "Add a CharField `code` with max_length=13, blank=True to Order."
CODE = "Order.code CharField max_length=13, blank=True"


def told(body: str, title: str = "") -> str:
    """What is settled, in one line, for a ticket that the recipe is chosen for."""
    assert triage.judge(ticket(body, title)).recipe == RECIPE.name
    return _line(settle(body, FILES, title))


def _line(settled: Parameters) -> str:
    options = ", ".join(f"{one.name}={one.value.shown()}" for one in settled.field.options)
    said = f"{settled.model}.{settled.field.name} {settled.field.type_name} {options}".strip()
    said += f"; existing {settled.existing.shown()}" if settled.existing else ""
    said += "".join(f"; {one.kind}" for one in settled.listings)
    return said + ("; test" if settled.test else "")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            f"{ADD} It should be in the list in the admin and I want a test for it.",
            f"{CODE}; admin; test",
        ),
        (f"{ADD} It should show up in the admin.", f"{CODE}; admin"),
        (f"{ADD} I'd like to see it in the admin list.", f"{CODE}; admin"),
        (f"{ADD} We want tests for this.", f"{CODE}; test"),
        (f"{ADD} There should be a test for it.", f"{CODE}; test"),
        (f"{ADD} It should be tested.", f"{CODE}; test"),
        (f"{ADD} Don't forget a test.", None),
        (f"{ADD} A test is not needed.", CODE),
        (
            "Add a CharField `code` to Order, max 13 characters, blank allowed, existing rows empty.",
            f"{CODE}; existing ''",
        ),
        ("Add a CharField `code` to Order, 13 characters, blank is fine.", CODE),
        ("Add a CharField `code` of 13 characters to Order. It can stay empty.", CODE),
        ("Add a CharField `code` to Order, at least 13 characters, blank.", None),
        (
            "Add an IntegerField `rank` to Order. Leave old orders at 0.",
            "Order.rank IntegerField; existing 0",
        ),
        (
            "Add a DateField `sent_on` to Order, nullable, existing rows empty.",
            "Order.sent_on DateField null=True",
        ),
        (
            "Please add an optional integer field `pages` to Order.",
            "Order.pages IntegerField null=True, blank=True",
        ),
        (
            "Add an optional TextField `note` to Order.",
            "Order.note TextField blank=True",
        ),
        (
            "Add a `slug` SlugField to Order, unique, optional.",
            "Order.slug SlugField unique=True, null=True, blank=True",
        ),
        (
            "Add an optional ManyToManyField `shops` from Order to Shop.",
            "Order.shops ManyToManyField to='Shop', blank=True",
        ),
        (
            "Add an optional IntegerField `pages` to Order, null=True.",
            "Order.pages IntegerField null=True",
        ),
        (
            (
                "Every order should carry a `priority`, an IntegerField, required, default 0 for "
                "old rows"
            ),
            "Order.priority IntegerField; existing 0",
        ),
        (
            "Books need a page count: Order needs a `pages` IntegerField, optional.",
            None,
        ),
        (
            "Orders need a page count: `pages`, IntegerField, optional, in the admin list.",
            "Order.pages IntegerField null=True, blank=True; admin",
        ),
        (
            "Please give Customer a `phone` CharField (max 20 chars, optional).",
            "Customer.phone CharField max_length=20, blank=True",
        ),
        (
            "Add `code` to Order. It's a CharField with at most 13 characters and may be blank.",
            CODE,
        ),
        (
            "Could we get a `code` on Order? CharField, up to 13 characters, blank=True.",
            CODE,
        ),
        (
            "We need a ForeignKey from Order to Customer called `buyer`, SET_NULL, optional.",
            "Order.buyer ForeignKey to='Customer', on_delete=models.SET_NULL, null=True, blank=True",
        ),
        (
            "Add a foreign key `buyer` from each order to a customer, on_delete=CASCADE, null=True.",
            "Order.buyer ForeignKey to='Customer', on_delete=models.CASCADE, null=True",
        ),
        (
            "Order needs a link to Customer: `buyer`, ForeignKey, SET_NULL, optional.",
            "Order.buyer ForeignKey to='Customer', on_delete=models.SET_NULL, null=True, blank=True",
        ),
        (
            (
                "Customers keep asking for it, so please add a CharField `code`, 13 characters, "
                "optional, to Order."
            ),
            CODE,
        ),
        ("Please extend Order by a CharField `code` (max 13, blank).", CODE),
        (
            "Add a boolean field `paid` to Order which is False by default.",
            "Order.paid BooleanField default=False",
        ),
        (
            "Add an IntegerField `pages` to Order. It isn't mandatory. Show in admin, tests please.",
            "Order.pages IntegerField null=True, blank=True; admin; test",
        ),
        (
            "Add an IntegerField `pages` to Order, 0 for the orders we have.",
            "Order.pages IntegerField; existing 0",
        ),
        (
            "Add an IntegerField `pages` to Order, null for the orders we have.",
            "Order.pages IntegerField null=True",
        ),
        ("Add a required IntegerField `pages` to Order. Existing rows get NULL.", None),
        (f"{ADD[:-1]} so the support team can export remarks.", CODE),
        (f"{ADD[:-1]} so that admins can search by it.", None),
        (f"{ADD} I want a test for the admin.", None),
    ],
)
def test_what_a_maintainer_says_plainly_is_understood(body: str, wanted: str | None) -> None:
    if wanted is not None:
        assert told(body) == wanted
        return
    with pytest.raises(TicketUnclear):
        settle(body, FILES, "")


@pytest.mark.parametrize(
    "sentence",
    [
        "We import from the publisher's list and match by ISBN.",
        "The accountants export a list every month and sort orders by hand.",
        "Today librarians search paper cards.",
        "Our editors copy the list and print labels.",
        "Customers were notified last year.",
        "The accountants want to know where the money went.",
        "Who bought what? Nobody knows.",
    ],
)
def test_sentences_on_how_people_work_are_background(sentence: str) -> None:
    settled = settle(f"{sentence} {ADD}", FILES, "")
    assert _line(settled) == CODE
    (passed,) = [one for one in settled.remarks if one.startswith("Read as background")]
    assert re.split(r"[.?]", sentence, maxsplit=1)[0] in passed


@pytest.mark.parametrize(
    "sentence",
    [
        "Customers search by code.",
        "Staff filter by it.",
        "We validate codes by hand.",
        "We encrypt codes.",
        "The accountants need a monthly export.",
        "We import orders, please export customers.",
        "We import orders and also export customers.",
        "The importer should fill it.",
        "We sort the admin by code.",
        "Orders export their codes.",
        "Search covers the code.",
        "It is one of new, paid or sent.",
        "Who may see it?",
        "Where should it be shown?",
        "What is the longest code?",
    ],
)
def test_sentences_that_may_ask_for_more_are_not_background(sentence: str) -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle(f"{ADD} {sentence}", FILES, "")
    assert sentence.rstrip(".") in " ".join(raised.value.questions) or any(
        part in " ".join(raised.value.questions) for part in sentence.split(", ")
    )


@pytest.mark.parametrize(
    ("title", "passes"),
    [
        ("When was a customer billed?", True),
        ("Should we add a code?", True),
        ("Maybe a code for orders", True),
        ("Could orders be encrypted?", False),
        ("Should it be searchable?", False),
        ("Should we add `rank` to Order?", False),
        ("Don't add a code", False),
        ("Should we delete total and add a code?", False),
    ],
)
def test_a_title_does_not_block_a_complete_text_unless_it_asks_for_more(
    title: str, passes: bool
) -> None:
    if passes:
        assert told(ADD, title) == CODE
        return
    with pytest.raises(TicketUnclear):
        settle(ADD, FILES, title)


def test_a_title_in_doubt_still_counts_where_the_text_leaves_something_open() -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle("A CharField, max_length=13, blank=True.", FILES, "Should orders get a code?")
    assert any("“Should orders get a code?”" in one for one in raised.value.questions)


def test_optional_and_its_opposite_are_asked_about() -> None:
    for body, asked in (
        (
            "Add an optional IntegerField `rank` to Order. It is required.",
            (
                "“Add an optional IntegerField `rank` to Order.” says that the field is optional, "
                "and “It is required.” that it is required. Which one holds?"
            ),
        ),
        (
            "Add an optional TextField `note` to Order, blank=False, default=''.",
            (
                "“Add an optional TextField `note` to Order, blank=False, default=''.” says that "
                "the field is optional, and elsewhere `blank=False` is stated. Which one holds?"
            ),
        ),
    ):
        with pytest.raises(TicketUnclear) as raised:
            settle(body, FILES, "")
        assert asked in raised.value.questions


def test_the_suggested_line_of_an_optional_field_keeps_it_optional() -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle("Add an optional integer field `pages` to Order. Encrypt it.", FILES, "")
    assert raised.value.answer.splitlines()[-1].strip() == (
        "Add an IntegerField `pages` to `shop.Order` with null=True, blank=True."
    )


def test_both_ends_of_a_relation_stand_in_the_suggested_line() -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle("We need a ForeignKey from Order to Customer called `buyer`", FILES, "")
    assert "model shop.Order" in raised.value.understood
    assert raised.value.answer.splitlines()[-1].strip() == (
        "Add a ForeignKey `buyer` to `shop.Order` with to='Customer', on_delete=SET_NULL, null=True."
    )


def test_the_only_model_that_can_be_meant_is_no_example() -> None:
    body = "A new field is needed for the customer: CharField `nick`, max_length=5, blank=True."
    with pytest.raises(TicketUnclear) as raised:
        settle(body, FILES, "")
    assert any(one.endswith("Is it shop.Customer?") for one in raised.value.questions)
    assert "`shop.Customer`: only an example" not in raised.value.answer
    assert "to `shop.Customer`" in raised.value.answer


def test_the_plan_names_the_file_and_not_the_line_of_the_class() -> None:
    settled = settle(ADD, FILES, "")
    assert RECIPE.steps(settled.model_dump_json())[0] == (
        "Add `code = CharField(max_length=13, blank=True)` to Order in shop/models.py."
    )


def test_background_reaches_the_text_as_what_it_is() -> None:
    remarks = settle(f"Support asks for it daily. {ADD}", FILES, "").remarks
    assert [one for one in remarks if one.startswith(text.READ_AS_BACKGROUND)] == [
        "Read as background, nothing is done for it: “Support asks for it daily”."
    ]


@pytest.mark.parametrize(
    ("options", "checked"),
    [
        ("max_length=9, blank=True, db_index=True", "assert field.db_index is True"),
        ("max_length=9, unique=True, null=True", "assert field.unique is True"),
        ("max_length=9, blank=True, editable=False", "assert field.editable is False"),
        (
            'max_length=9, blank=True, verbose_name="a code"',
            'assert field.verbose_name == "a code"',
        ),
        ('max_length=9, blank=True, help_text="Printed"', 'assert field.help_text == "Printed"'),
        ('max_length=9, blank=True, db_column="c"', 'assert field.db_column == "c"'),
    ],
)
def test_the_test_checks_every_option_that_was_asked_for(options: str, checked: str) -> None:
    body = f"Add a CharField `code` to Order with {options}. Add a test."
    (written,) = [code for path, code in edited(body, FILES).items() if "test" in path]
    assert checked in written.decode()


@pytest.mark.parametrize(
    ("field", "imported", "checked"),
    [
        (
            "DateTimeField `seen` to Order, default timezone.now",
            "from django.utils import timezone",
            "assert field.default == timezone.now",
        ),
        (
            "DecimalField `fee` to Order, max_digits=5, 2 decimal places, default 1.50",
            "from decimal import Decimal\n\nfrom django.db import models",
            'assert field.default == Decimal("1.50")',
        ),
    ],
)
def test_the_test_checks_a_default_that_is_no_literal(
    field: str, imported: str, checked: str
) -> None:
    after = edited(f"Add a {field}. Add a test.", FILES)
    (written,) = [code.decode() for path, code in after.items() if "test" in path]
    assert imported in written
    assert checked in written
