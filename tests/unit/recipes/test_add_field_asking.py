"""Ordinary words that ask for a field are matched; requests for something else are not."""

from __future__ import annotations

import pytest

from agent.errors import NoRecipe, TicketUnclear
from agent.recipes.add_field import facts
from tests.unit.recipes.trees import SHOP, form, questions, settle, ticket

PLAINLY = [
    "Add a field `a` to the `Customer` model",
    "Add nickname CharField to Customer",
    "A CharField `nick` should be added to Customer.",
    "Can we get a date of birth field on Customer?",
    "We'd like to have a CharField `nick` on Customer.",
    "Customer should get a PositiveSmallIntegerField called renewals, default 0.",
    "Extend the model Customer with a CharField `nick`.",
    "New BooleanField `vip` on Customer",
    "Add to the model Customer a CharField `nick`",
    "I need to store the ISBN on Book: CharField `isbn10`",
    "Remove the CharField `email` from Shop. Add a CharField `fax` to Shop instead.",
    "- [ ] TextField `notes`, blank=True\n- [ ] on Customer",
    "Add a text field for notes to the Customer model",
    "Do NOT add a CharField `nick` to Customer.",
]
LOOSELY = [
    "Please add an optional subtitle to Book (max 150 characters).",
    "add a boolean is_reference to Book default False",
    "Customer needs a phone number",
    "Add nickname to Customer",
    "Book is missing a publisher field",
    "Please add a price (decimal) to the Book",
]
NOT = [
    # something is wrong with a field that is there
    "The login form has a field that crashes.",
    "The CharField `name` on the Customer model does not accept new lines",
    "The field `name` of model Customer crashes with a DataError",
    "The new CharField `nick` on the model Customer crashes",
    "When a member has no loans the overdue page throws DoesNotExist. Fix it.",
    "models.CharField warns.",
    # it is to be removed, renamed or changed
    "Remove the field `email` from Member",
    "We need to remove the CharField `email` from Member.",
    "Delete the boolean field vip from Customer model",
    "Drop column fax of Member",
    "Please rename the field `due` on `lending.Loan` to `due_date`.",
    "We want to rename the CharField `name` of Customer",
    "Replace the CharField `x` with a new TextField `y` on Book",
    "Convert the IntegerField `pages` to a PositiveIntegerField; needs a migration",
    "Change max_length of the CharField `name` on Customer to 200",
    "Increase the max_length of the field `name` on model Book",
    "The CharField `name` on Customer needs max_length=200",
    "Make the IntegerField `pages` nullable on Book",
    # something else is to be added
    "Add a model `Genre` with a CharField `name`",
    "Create a new model Invoice with a CharField `number` and a DateField `due`",
    "Add an index to the CharField `name` on Customer",
    "Add a unique constraint on Book.isbn",
    "Add a test for the CharField `name` on the model Customer",
    "Add a method `is_overdue` to Loan",
    "Add validation to the CharField `isbn` on Book",
    "Add field validation to the Book model",
    "Add help_text to the CharField `name` on Book",
    "Add type hints to the Book model",
    "Add default ordering to the Book model",
    "Add an API endpoint for the Book model",
    "Add pagination to Book list",
    "Book needs logging instead of print",
    "Users want a faster search",
    "Add retries to the client",
    # a field of something that is no model
    "Add a field to the search form",
    "Add a SerializerMethodField `total` to OrderSerializer",
    "Add a read-only field `full_name` to the serializer only, no model change",
    "Add a CharField `phone` to the MemberForm",
    "Show the field `email` in the admin list of Member",
    "Add the field `email` to the admin of Member",
    "",
]


@pytest.mark.parametrize("text", PLAINLY)
def test_a_field_that_is_named_is_matched(text: str) -> None:
    assert facts.strength(ticket(text, "A wish")) == "plainly"
    assert facts.strength(ticket("See the title.", text)) == "plainly"


@pytest.mark.parametrize("text", LOOSELY)
def test_a_thing_and_a_model_are_matched(text: str) -> None:
    assert facts.strength(ticket(text, "A wish")) == "loosely"


@pytest.mark.parametrize("text", NOT)
def test_other_requests_are_not_matched(text: str) -> None:
    assert facts.strength(ticket(text, "A wish")) is None
    assert facts.strength(ticket("", text)) is None


def test_a_form_whose_title_removes_or_renames_is_not_matched() -> None:
    assert facts.strength(ticket(form(), "Remove the nickname")) is None
    assert facts.strength(ticket(form(), "Rename nickname")) is None
    assert facts.strength(ticket(form(), "Remove name and add nickname to Customer")) == "plainly"
    assert facts.strength(ticket(form(), "Fix what Ada found")) == "plainly"
    assert facts.strength(ticket("- model: Customer\n- field: name", "Fix the crash")) is None


@pytest.mark.parametrize("text", ["Settings needs a dark mode", "Add fallback to Gateway"])
def test_a_thing_for_what_is_no_model_is_for_a_person(text: str) -> None:
    with pytest.raises(NoRecipe, match="names no model of this repository"):
        settle(text, SHOP)


def test_a_thing_for_a_model_is_asked_about() -> None:
    assert questions("Customer needs a phone number") == (
        "What is the field called? Would `phone_number` do?",
        "Which field type is meant? State it as in `CharField`.",
    )
    assert questions("Please add an optional title to Custmers.")[0].startswith(
        "There is no model `Custmers` in this repository. Nearest: shop.Customer."
    )


UNDERSTOOD = [
    (
        "Add a CharField `nick` with max_length=50 to Customer.",
        "model shop.Customer, field `nick`, type CharField, max_length=50",
        "added to the ticket",
        'default="": only an example',
        'Add a CharField `nick` to `shop.Customer` with max_length=50, default="".',
    ),
    (
        "Customer needs a phone number",
        "model shop.Customer",
        "added to the ticket",
        '`phone_number`, CharField, max_length=50, default="": only an example',
        'Add a CharField `phone_number` to `shop.Customer` with max_length=50, default="".',
    ),
    (
        "Add a DateField `born` with null=True to Custmer. Encrypt it.",
        "field `born`, type DateField, null=True",
        "in place of the ticket's text",
        "`shop.Customer`: only an example); this leaves out: “Encrypt it”",
        "Add a DateField `born` to `shop.Customer` with null=True.",
    ),
    (
        "Add a ForeignKey `shop` to the Customer model.",
        "model shop.Customer, field `shop`, type ForeignKey",
        "added to the ticket",
        "to='shop.Shop', on_delete=SET_NULL, null=True: only an example",
        (
            "Add a ForeignKey `shop` to `shop.Customer` with to='shop.Shop', on_delete=SET_NULL, "
            "null=True."
        ),
    ),
    (
        "Add a BooleanField `vip` to Customer, default False. Show it to staff only.",
        "model shop.Customer, field `vip`, type BooleanField, default=False",
        "in place of the ticket's text",
        "; this leaves out: “Show it to staff only”",
        "Add a BooleanField `vip` to `shop.Customer` with default=False.",
    ),
    (
        form(field_name="class"),
        "model shop.Customer, type CharField, max_length=50, blank=True",
        "in place of the ticket's text",
        "`new_class`: only an example",
        "Add a CharField `new_class` to `shop.Customer` with max_length=50, blank=True.",
    ),
]


@pytest.mark.parametrize(("body", "understood", "where", "invented", "sentence"), UNDERSTOOD)
def test_what_was_understood_comes_first_and_an_example_that_settles_it_last(
    body: str, understood: str, where: str, invented: str, sentence: str
) -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle(body, SHOP)
    asked = raised.value
    lines = asked.message.split("\n")
    assert lines[:2] == [f"Understood so far: {understood}.", "The ticket leaves open:"]
    examples = invented if invented.startswith(";") else f" ({invented}" if invented else ""
    examples += ")" if examples.startswith(" (") and "); " not in examples else ""
    assert lines[-2:] == [f"This line, {where}, settles it{examples}:", f"  {sentence}"]
    assert lines[2:-2] == [f"- {question}" for question in asked.questions]
    settled = settle(f"{body}\n\n{sentence}" if where.startswith("added") else sentence, SHOP)
    assert settled.field.name in sentence


def test_a_title_that_stands_in_the_way_is_replaced_as_well() -> None:
    with pytest.raises(TicketUnclear) as raised:
        settle("Add a TextField `notes` to Customer, blank=True.", SHOP, "Don't add notes yet")
    assert raised.value.answer.startswith("This line, in place of the ticket's title and text, ")


def test_nothing_is_shown_where_nothing_is_understood_or_would_settle_it() -> None:
    files = {path: text for path, text in SHOP.items() if path != "shop/models.py"}
    with pytest.raises(TicketUnclear) as raised:
        settle("Please add a field to the model.", files, "")
    assert (raised.value.understood, raised.value.answer) == ("", "")
    assert raised.value.message.startswith("The ticket leaves open:\n- Which model")
