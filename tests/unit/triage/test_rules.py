"""What the words of a ticket make of it: one, several, too large, for people, or nothing at all."""

from __future__ import annotations

import pytest

from agent.demo.scenarios import SCENARIOS
from agent.domain import Ticket
from agent.errors import ForPeople, SeveralTickets, TicketUnclear, TooLarge
from agent.triage import people, rules


def ticket(title: str, body: str = "") -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="")


@pytest.mark.parametrize(
    ("title", "body", "words"),
    [
        (
            "Misc fixes",
            "1. Add a CSV export to the order list\n2. Fix the redirect after login\n3. Upgrade Pillow to 11\n",
            ("Add a CSV export to the order list", "Fix the redirect after login"),
        ),
        (
            "Add a discount field to Order",
            "Default 0.\n\nAlso fix the broken redirect after logout.\n",
            ("Add a discount field to Order", "ix the broken redirect after logout"),
        ),
        (
            "Fix the login redirect and add CSV export for invoices",
            "",
            ("Fix the login redirect", "Add CSV export for invoices"),
        ),
    ],
)
def test_several_tickets_are_named_in_the_tickets_own_words(title, body, words):
    with pytest.raises(SeveralTickets) as raised:
        rules.hold(ticket(title, body))
    assert all(one in raised.value.message for one in words)


@pytest.mark.parametrize(
    ("title", "body", "declined"),
    [
        ("Migrate from Flask to FastAPI", "", TooLarge),
        ("Performance", "We should rewrite the entire backend in Rust.", TooLarge),
        ("Implement our own encryption for uploaded files", "", ForPeople),
        ("Checkout", "Please log the CVV when a payment is refused.", ForPeople),
    ],
)
def test_architecture_and_domains_of_people_are_declined(title, body, declined):
    with pytest.raises(declined):
        rules.hold(ticket(title, body))


def test_a_form_that_nobody_has_filled_in_is_asked_about_in_one_list():
    body = "### Describe the bug\nA clear and concise description of what the bug is.\n\n"
    with pytest.raises(TicketUnclear) as raised:
        rules.hold(ticket("[Bug]: ", f"{body}### To Reproduce\n1. Go to '...'\n"))
    first, second = raised.value.questions
    assert "“Describe the bug”" in first
    assert "“To Reproduce”" in second
    with pytest.raises(TicketUnclear):
        rules.hold(ticket("Help"))
    rules.hold(ticket("Crash on save", body))


@pytest.mark.parametrize(
    ("title", "body"),
    [
        (
            "Add a loyalty level to customers",
            (
                "- [ ] Add the model field\n- [ ] Write a migration that fills old rows\n"
                "- [ ] Return it by the API\n- [ ] Add tests\n- [ ] Update the docs\n"
            ),
        ),
        ("POST /orders returns 500", "We want to migrate from Flask to FastAPI eventually.\n"),
        ("Users cannot log in", "Compare in lower case. Do not change the password hashing.\n"),
    ],
)
def test_one_ticket_is_let_pass(title, body):
    assert len(rules.hold(ticket(title, body))) == 3


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"declined"}))
def test_the_issues_of_the_demos_scenarios_pass(name):
    rules.hold(ticket(SCENARIOS[name].title, SCENARIOS[name].body))


# --- paths of people --------------------------------------------------------------------------

PRESENT = ("shop/cart.py", "payments/charge.py", "payments/tests/test_charge.py", "vault/keys.py")
HUMAN_ONLY = ("payments/**", "vault/")


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Round amounts in payments/charge.py", ""),
        ("Wrong currency", "Fix the currency in `payments/charge.py`, it is always EUR."),
        ("Clean up payments/", "Remove what nobody calls."),
    ],
)
def test_a_ticket_that_names_only_paths_of_people_is_for_people(title, body):
    found = people.closed_by(ticket(title, body), HUMAN_ONLY, PRESENT)
    assert found is not None
    assert "scope.human_only" in found.told


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Round amounts in shop/cart.py", "As in payments/charge.py."),
        ("Round amounts in the cart", "Do not touch `payments/charge.py`."),
        ("Add tests in payments/tests/test_charge.py", ""),
    ],
)
def test_one_that_may_be_carried_out_elsewhere_is_left_to_its_plan(title, body):
    assert people.closed_by(ticket(title, body), HUMAN_ONLY, PRESENT) is None


def test_a_pattern_that_cannot_be_read_is_told_by_the_rule_of_paths():
    asked = ticket("Round amounts in payments/charge.py")
    assert people.closed_by(asked, ("[z-a",), PRESENT) is None
