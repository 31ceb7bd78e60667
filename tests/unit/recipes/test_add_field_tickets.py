"""What a ticket says in ordinary words: facts, questions, background, and the line that settles it."""

from __future__ import annotations

import pytest

from agent.errors import TicketUnclear
from agent.recipes.add_field import facts
from agent.recipes.add_field.parameters import Parameters
from agent.stages import triage
from tests.unit.recipes.trees import RECIPE, SHOP, form, settle, ticket

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
ADD = "Add a CharField `nick` with max_length=50, blank=True to Customer."
BARE = ADD.removesuffix(".")
NICK = "Customer.nick CharField max_length=50, blank=True"
FORM = "Customer.nickname CharField max_length=50, blank=True"


def told(body: str, title: str = "A field") -> str:
    """What is settled, in one line, for a ticket that the recipe is chosen for."""
    assert triage.judge(ticket(body, title)).recipe == RECIPE.name
    return _line(settle(body, FILES, title))


def _line(settled: Parameters) -> str:
    options = ", ".join(f"{one.name}={one.value.shown()}" for one in settled.field.options)
    said = f"{settled.model}.{settled.field.name} {settled.field.type_name} {options}".strip()
    said += f"; existing {settled.existing.shown()}" if settled.existing else ""
    said += "".join(f"; {one.kind}" for one in settled.listings)
    return said + ("; test" if settled.test else "")


def unclear(body: str, title: str = "A field") -> TicketUnclear:
    with pytest.raises(TicketUnclear) as raised:
        settle(body, FILES, title)
    return raised.value


# --- which tickets ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Add nickname CharField to Customer", True),
        ("Do NOT add a CharField `nick` to Customer.", True),
        ("Customer needs a phone number", False),
        ("We need to remove the CharField `email` from Member.", False),
        ("", False),
    ],
)
def test_a_field_for_a_model_is_matched_and_nothing_else(text: str, asks: bool) -> None:
    assert facts.asks_for_field(ticket(text, "A wish")) is asks


# --- what is said plainly ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            (
                "Add a nullable CharField `nickname` with max length 50 to the `Customer` model. "
                "Existing rows should get 'n/a'."
            ),
            "Customer.nickname CharField max_length=50, null=True; existing 'n/a'",
        ),
        (
            "We need a ForeignKey from Order to Customer called `buyer`, SET_NULL, optional.",
            "Order.buyer ForeignKey to='Customer', on_delete=models.SET_NULL, null=True, blank=True",
        ),
        (
            (
                "Acceptance:\n- [ ] CharField `nick`, max_length=50, blank=True\n- [ ] on Customer\n"
                "- [ ] visible in the admin list\n- [ ] not in the public form\n- [ ] test\n"
            ),
            f"{NICK}; admin; test",
        ),
    ],
)
def test_what_is_said_plainly_is_understood(body: str, wanted: str) -> None:
    assert told(body) == wanted


@pytest.mark.parametrize(
    ("sentence", "fact", "value"),
    [
        ("Expose it in the CustomerSerializer but not in the admin list.", "admin", "no"),
    ],
)
def test_wishes_in_words(sentence: str, fact: str, value: str) -> None:
    found = facts.read(ticket(f"Add a TextField `notes` to `Customer`. {sentence}"))
    assert [one.value for one in found.all(fact)] == [value]


def test_a_ticket_as_long_as_github_allows_is_read() -> None:
    body = form() + "\n\n### Why\n\n" + "Customers ask this of the model, a lot, and so on. " * 1250
    assert told(body[:65_536]) == FORM
    for noise in ("a" * 65_536, "add " * 16_000, "| a " * 16_000):
        RECIPE.match(ticket(noise))


# --- what is asked about ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (f"Please do NOT a{BARE[1:]}.", f"Please do NOT a{BARE[1:]}."),
        (f"{ADD} Only if legal agrees.", "Only if legal agrees."),
        (f"{ADD} Length: 60", "`max_length`"),
        (f"{ADD} Encrypt it.", "Encrypt it"),
        (f"{ADD}\n\n```python\ndef clean(self): ...\n```\n", "def clean(self): ..."),
    ],
)
def test_what_is_more_or_less_than_a_fact_is_asked_about(body: str, about: str) -> None:
    (asked,) = unclear(body).questions
    assert about in asked


@pytest.mark.parametrize(
    ("title", "about"),
    [
        ("feat(shop): nickname for customers (#12)", None),
        ("Add nickname to Order", "Order"),
    ],
)
def test_a_title_may_sum_up_but_not_contradict(title: str, about: str | None) -> None:
    if about is None:
        assert told(form(), title) == FORM
        return
    assert any(about in one for one in unclear(form(), title).questions)


@pytest.mark.parametrize(
    ("body", "filled"),
    [
        (
            "Add a CharField `nick` with max_length=50 to Customer.",
            [
                "Model: shop.Customer",
                "Field name: nick",
                "Options: max_length=50",
                "Default for existing rows: …",
            ],
        ),
        ("Customer needs a phone number", ["Model: shop.Customer", "Field name: …"]),
        (
            "Add a DateField `born` with null=True to Custmer. Show it in the admin list.",
            ["Model: …", "Field type: DateField", "Options: null=True", "Show in admin list: Yes"],
        ),
    ],
)
def test_the_form_comes_filled_in_with_what_was_understood(body: str, filled: list[str]) -> None:
    first, *lines = unclear(body).answer.split("\n  ")
    assert first == "This form, filled in, answers it:"
    assert set(filled) <= set(lines)
    open_lines = {
        "Model: …": "Model: shop.Customer",
        "Field name: …": "Field name: phone",
        "Field type: …": "Field type: DateField",
        "Default for existing rows: …": 'Default for existing rows: ""',
    }
    whole = [open_lines.get(line, line) for line in lines]
    rows = 'Default for existing rows: ""'
    whole += [] if "Options: null=True" in whole or rows in whole else [rows]
    whole = ["Field type: TextField" if "phone" in body and "type" in one else one for one in whole]
    assert settle("\n".join(whole), FILES, "").model == "Customer"


def test_no_form_is_shown_that_says_the_opposite_or_settles_nothing() -> None:
    assert unclear("Don't add a CharField `mark` with max_length=5 to Order.").answer == ""
    asked = unclear("Please add a field for the badge, unique per shop, to the Order.")
    assert "unique=True" not in asked.answer
