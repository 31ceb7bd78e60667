"""What the words of a ticket make of it: one, several, too large, for people, or nothing at all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agent.demo.scenarios import SCENARIOS
from agent.domain import Ticket
from agent.errors import ForPeople, SeveralTickets, TicketUnclear, TooLarge
from agent.triage import people, rules, several, size
from tests.unit.triage import samples

TESTS = Path(__file__).parents[2]
DEMO = Path(rules.__file__).parents[1] / "demo"


def ticket(title: str, body: str = "") -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="")


@pytest.mark.parametrize("name", samples.SEVERAL)
def test_several_tickets_are_named_in_the_tickets_own_words(name):
    sample, words = samples.SEVERAL[name]
    found = several.found(ticket(*sample))
    assert found is not None
    for one in words:
        assert any(one.lower() in title.lower() for title in found.titles), found.titles
    assert len(found.titles) >= len(words)
    with pytest.raises(SeveralTickets) as raised:
        rules.hold(ticket(*sample))
    assert f"\n- {found.titles[0]}" in raised.value.message
    assert "What would make it fit: one ticket for each of these" in raised.value.message


@pytest.mark.parametrize("name", samples.TOO_LARGE)
def test_architecture_is_declined_with_how_a_first_ticket_is_made(name):
    sample, what = samples.TOO_LARGE[name]
    with pytest.raises(TooLarge) as raised:
        rules.hold(ticket(*sample))
    assert what in raised.value.message
    assert "What would make it fit: a first small ticket." in raised.value.message


@pytest.mark.parametrize("name", samples.PEOPLE)
def test_what_is_for_people_says_why_and_what_would_fit(name):
    sample, domain = samples.PEOPLE[name]
    with pytest.raises(ForPeople) as raised:
        rules.hold(ticket(*sample))
    assert domain in raised.value.message
    assert "What would make it fit: " in raised.value.message


@pytest.mark.parametrize("name", samples.EMPTY)
def test_a_form_that_nobody_has_filled_in_is_asked_about_in_one_list(name):
    sample, questions = samples.EMPTY[name]
    with pytest.raises(TicketUnclear) as raised:
        rules.hold(ticket(*sample))
    assert raised.value.questions == questions


@pytest.mark.parametrize("name", samples.ONE)
def test_one_ticket_is_let_pass(name):
    rules.hold(ticket(*samples.ONE[name]))


def test_a_title_with_words_of_its_own_needs_no_text():
    rules.hold(ticket("Crash on save", "### Describe the bug\n\n### To Reproduce\n"))


def test_of_a_long_list_so_many_are_named():
    listed = "".join(f"- Support {chr(97 + number) * 4}\n" for number in range(20))
    found = several.found(ticket("Wishlist", listed))
    assert found is not None
    assert found.titles[:2] == ("Support aaaa", "Support bbbb")
    assert len(found.titles) == 12


# --- tickets of other tests -------------------------------------------------------------------

#: What recipes are told there and do not carry out either: they ask about it.
_MEANT = {"encrypt"}


def _texts(path: Path) -> set[str]:
    """Every text of a module that could be a ticket or a sentence of one."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {one for one in constants if isinstance(one, str) and len(one.split()) > 2}


@pytest.mark.parametrize("folder", ["unit/recipes", "flow", "chaos", "thirdparty", "bench"])
def test_no_ticket_of_the_other_tests_is_declined(folder):
    # Those of the triage itself are there to be declined.
    modules = sorted({*(TESTS / folder).rglob("*.py")} - {TESTS / "flow/test_triage.py"})
    assert modules
    looked_at = 0
    for path in modules:
        for text in _texts(path):
            looked_at += 1
            title, _, body = text.removeprefix("# ").partition("\n")
            for one in (ticket(title, body), ticket("A wish", text)):
                _let_pass(one, path)
    assert looked_at > 20


def _let_pass(one: Ticket, path: Path) -> None:
    assert several.found(one) is None, (path, one)
    assert size.found(one) is None, (path, one)
    domain = people.found(one)
    assert domain is None or domain.words.lower() in _MEANT, (path, one)


@pytest.mark.parametrize("name", ["ticket.md", "logging_ticket.md"])
def test_the_tickets_of_the_demo_pass(name):
    title, _, body = (DEMO / name).read_text().removeprefix("# ").partition("\n")
    rules.hold(ticket(title, body))


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
        ("Split `vault/keys.py`", ""),
        ("Clean up payments/", "Remove what nobody calls."),
    ],
)
def test_a_ticket_that_names_only_paths_of_people_is_for_people(title, body):
    found = people.closed_by(ticket(title, body), HUMAN_ONLY, PRESENT)
    assert found is not None
    assert "scope.human_only" in found.told
    assert "names a place outside of scope.human_only" in found.told


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Round amounts in shop/cart.py", "As in payments/charge.py."),
        ("Use the rounding of payments/charge.py in shop/cart.py", ""),
        ("Round amounts in the cart", "Do not touch `payments/charge.py`."),
        ("Round amounts", "It is done like that in payments/charge.py as well."),
        ("Add tests in payments/tests/test_charge.py", ""),
        ("Add payments/refund.py", ""),
        ("Round amounts", ""),
    ],
)
def test_one_that_may_be_carried_out_elsewhere_is_left_to_its_plan(title, body):
    assert people.closed_by(ticket(title, body), HUMAN_ONLY, PRESENT) is None


def test_a_pattern_that_cannot_be_read_is_told_by_the_rule_of_paths():
    asked = ticket("Round amounts in payments/charge.py")
    assert people.closed_by(asked, ("[z-a",), PRESENT) is None


def test_every_reason_is_on_record():
    assert rules.hold(ticket("Round prices to two places")) == (
        "clarity: it has words of its own",
        "scope: one ticket, and no other architecture",
        "domains: none that is left to people",
    )
