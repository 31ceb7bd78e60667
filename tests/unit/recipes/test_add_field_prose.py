"""Prose that states the facts works like a form."""

from __future__ import annotations

import pytest

from agent.recipes.add_field import facts
from tests.unit.recipes.trees import RECIPE, SHOP, form, settle, ticket


def settled(body: str, title: str = "A field") -> dict[str, str]:
    """The settled field as text: name, type, options, and the value for existing rows."""
    parameters = settle(body, SHOP, title)
    found = {option.name: option.value.shown() for option in parameters.field.options}
    found |= {"": f"{parameters.model}.{parameters.field.name}: {parameters.field.type_name}"}
    return found | ({"existing": parameters.existing.shown()} if parameters.existing else {})


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            (
                "Add a nullable CharField `nickname` with max length 50 to the `Customer` model. "
                "Existing rows should get 'n/a'."
            ),
            {
                "": "Customer.nickname: CharField",
                "null": "True",
                "max_length": "50",
                "existing": "'n/a'",
            },
        ),
        (
            "We need a new boolean field called `vip` on the Customer model, defaulting to False.",
            {"": "Customer.vip: BooleanField", "default": "False"},
        ),
        (
            (
                "Please add `price` (DecimalField, 8 digits, two decimal places, default 1.50) to the "
                "Customer model."
            ),
            {
                "": "Customer.price: DecimalField",
                "max_digits": "8",
                "decimal_places": "2",
                "default": "decimal.Decimal('1.50')",
            },
        ),
        (
            "Add a ForeignKey `shop` to Shop on model shop.Customer, nullable, on delete set null.",
            {
                "": "Customer.shop: ForeignKey",
                "to": "'Shop'",
                "on_delete": "models.SET_NULL",
                "null": "True",
            },
        ),
        (
            "Add a field `age` to `shop.Customer`. It is an IntegerField. null=True, blank=True.",
            {"": "Customer.age: IntegerField", "null": "True", "blank": "True"},
        ),
        (
            "The Customer model needs a text field named `notes`, which may be left blank.",
            {"": "Customer.notes: TextField", "blank": "True"},
        ),
        (
            'Add `nickname = models.CharField(max_length=50, default="")` to shop.Customer.',
            {"": "Customer.nickname: CharField", "max_length": "50", "default": "''"},
        ),
        (
            (
                "Please add this field.\n\n```python\nclass Customer(models.Model):\n"
                "    seen = models.DateTimeField(null=True)\n```\n"
            ),
            {"": "Customer.seen: DateTimeField", "null": "True"},
        ),
        (
            (
                "Add a DateTimeField `joined` to the Customer model with auto_now_add=True. "
                "Use now for existing rows."
            ),
            {
                "": "Customer.joined: DateTimeField",
                "auto_now_add": "True",
                "existing": "timezone.now",
            },
        ),
        (
            "Add an EmailField `second_email`, unique and nullable, to Customer.",
            {"": "Customer.second_email: EmailField", "unique": "True", "null": "True"},
        ),
    ],
)
def test_sentences_are_read_as_facts(body: str, wanted: dict[str, str]) -> None:
    assert settled(body) == wanted
    assert RECIPE.match(ticket(body))


def test_the_title_may_state_what_the_text_does_not() -> None:
    body = "A CharField, at most 30 characters, nullable."
    assert settled(f"Type: CharField\n\n{body}", "Add nickname to the Customer model") == {
        "": "Customer.nickname: CharField",
        "max_length": "30",
        "null": "True",
    }


@pytest.mark.parametrize(
    ("sentence", "fact", "value"),
    [
        ("Show it in the admin list.", "admin", "yes"),
        ("It should be visible in CustomerAdmin.", "admin", "CustomerAdmin"),
        ("Don't show it in the admin.", "admin", "no"),
        ("Add it to the form.", "form", "yes"),
        ("Include it in `CustomerForm`.", "form", "CustomerForm"),
        ("Expose it in the API.", "serializer", "yes"),
        ("Expose it in the CustomerSerializer but not in the admin list.", "admin", "no"),
        ("Please add a test.", "test", "yes"),
        ("No tests needed.", "test", "no"),
    ],
)
def test_wishes_in_words(sentence: str, fact: str, value: str) -> None:
    found = facts.read(ticket(f"Add a TextField `notes` to `Customer`. {sentence}"))
    assert [one.value for one in found.all(fact)] == [value]


@pytest.mark.parametrize(
    ("sentence", "beyond"),
    [
        ("Support keeps asking how to address people.", ""),
        ("Customers told us in March.", ""),
        ("Remove the old `name` field.", "Remove the old `name` field."),
        ("Also rename email to mail.", "Also rename email to mail."),
        (
            "The field should be validated against the phone book.",
            "The field should be validated against the phone book.",
        ),
        ("Send a mail when it changes.", "Send a mail when it changes."),
        ("Add it to the form and remove `name`.", "and remove `name`."),
        ("Make it searchable in the admin.", "Make it searchable in the admin."),
    ],
)
def test_requests_for_something_else_are_not_lost(sentence: str, beyond: str) -> None:
    found = facts.read(ticket(f"Add a TextField `notes` to `Customer`. {sentence}"))
    assert found.beyond == ([beyond] if beyond else [])


@pytest.mark.parametrize(
    ("title", "body", "matches"),
    [
        ("x", form(), True),
        ("Add nickname CharField to Customer", "", True),
        ("x", "- model: Customer\n- name: nick\n", True),
        ("x", "Add a field `a` to the `Customer` model", True),
        ("Fix the crash on login", "The login form has a field that crashes.", False),
        ("Add retries to the client", "Requests fail too often.", False),
        ("Add a field to the search form", "People want to search by date.", False),
        ("Upgrade Django", "models.CharField warns.", False),
        ("", "", False),
    ],
)
def test_only_tickets_of_this_shape_match(title: str, body: str, matches: bool) -> None:
    assert RECIPE.match(ticket(body, title)) is matches


def test_a_ticket_as_long_as_github_allows_is_read() -> None:
    body = form() + "\n\n### Why\n\n" + "Customers ask this of the model, a lot, and so on. " * 1250
    assert settled(body[:65_536])[""] == "Customer.nickname: CharField"
    for noise in ("a" * 65_536, "add " * 16_000, "`" * 65_536, "| a " * 16_000, "(" * 65_536):
        RECIPE.match(ticket(noise))
