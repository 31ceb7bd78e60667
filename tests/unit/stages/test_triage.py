"""A ticket goes to one recipe, or to a person with an honest word."""

from __future__ import annotations

import pickle
import re

import pytest

from agent.domain import Ticket
from agent.errors import NoRecipe, TicketUnclear
from agent.recipes import registry
from agent.stages import triage
from agent.testing import FakeModel, said

FIELD = "Add a CharField `nick` with max_length=50 to Customer."
PRINT = "Replace the print calls in shop/views.py with logging."


def ticket(body: str, title: str = "A wish", removed: tuple[str, ...] = ()) -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="", removed=removed)


def test_a_ticket_goes_to_the_recipe_that_fits() -> None:
    assert triage.decide(ticket(FIELD)).recipe == "add-django-field"
    assert triage.decide(ticket(PRINT)).recipe == "print-to-logging"


@pytest.mark.parametrize(
    "body",
    ["Rename the field `due` on Loan.", "Remove `email` from Member.", "The page is slow."],
)
def test_a_ticket_that_fits_none_says_what_there_is(body: str) -> None:
    with pytest.raises(NoRecipe) as raised:
        triage.decide(ticket(body))
    assert raised.value.message == (
        "No recipe fits this ticket, and no model is configured (MERGEWRIGHT_MODEL or"
        " MERGEWRIGHT_MODEL_EDITOR), so it is for a person. What recipes carry out reads like this: "
        "“Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True”; "
        "“Replace print with logging in shop/views.py”."
    )


def test_what_none_fits_is_for_the_editing_model_if_there_is_one() -> None:
    model = FakeModel(lambda request: said(), roles=("editor",))
    decision = triage.decide(ticket("The page is slow."), model)
    assert (decision.recipe, decision.category) == ("", "feature")
    assert decision.sentence == "feature, for fake:one"
    assert triage.decide(ticket(FIELD), model).recipe == "add-django-field"


def test_a_model_for_another_part_is_none_for_editing() -> None:
    with pytest.raises(NoRecipe, match="no model is configured"):
        triage.decide(ticket("The page is slow."), FakeModel(lambda _: said(), roles=("reviewer",)))


def test_a_model_without_a_key_is_named_before_anything_is_made_ready() -> None:
    said_missing = "openai:x: it has no key; set OPENAI_API_KEY"
    model = FakeModel(lambda _: said(), missing=said_missing)
    with pytest.raises(NoRecipe) as raised:
        triage.decide(ticket("The page is slow."), model)
    assert raised.value.message.startswith(
        f"No recipe fits this ticket, and no model can be asked ({said_missing}), so it is for a"
        " person."
    )
    assert triage.decide(ticket(FIELD), model).recipe == "add-django-field"


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("Total is wrong for a single order", "bug"),
        ("POST /orders fails with an empty list", "bug"),
        ("Export orders as CSV", "feature"),
        ("Replace requests with httpx", "dependency"),
        ("Add type hints to shop/prices.py", "typing"),
        ("Write tests for `total`", "tests"),
        ("Document the export", "feature"),
        ("Mend the docs of the export", "docs"),
        ("Split `checkout`, which has 90 lines", "refactor"),
        ("Fix the typo in the README", "docs"),
    ],
)
def test_what_kind_of_work_words_ask_for(title: str, category: str) -> None:
    assert triage.category(ticket("", title)) == category


def test_the_title_counts_before_the_text() -> None:
    told = ticket("It fails today, since nobody wrote it.", "Refactor the price list")
    assert triage.category(told) == "refactor"


def test_what_is_shown_of_each_recipe_is_carried_out_by_it() -> None:
    with pytest.raises(NoRecipe) as raised:
        triage.decide(ticket("The page is slow."))
    shown = re.findall(r"“([^”]+)”", raised.value.message)
    assert [triage.decide(ticket(one)).recipe for one in shown] == [
        recipe.name for recipe in registry.recipes()
    ]


def test_a_ticket_that_fits_several_is_asked_about() -> None:
    with pytest.raises(TicketUnclear) as raised:
        triage.decide(ticket(f"{FIELD}\n\n{PRINT}"))
    (asked,) = raised.value.questions
    assert asked.startswith("Several recipes fit this ticket (add-django-field, print-to-logging)")


def test_a_ticket_without_visible_text_is_asked_about() -> None:
    with pytest.raises(TicketUnclear, match=r"no visible text \(1 hidden comment removed\)"):
        triage.decide(ticket("", "", ("1 hidden comment",)))


def test_questions_survive_the_way_to_another_process() -> None:
    asked = TicketUnclear(("Why?", "How?"), "Understood so far: all.", "This line settles it.")
    again = pickle.loads(pickle.dumps(asked))
    assert again.message == (
        "Understood so far: all.\nThe ticket leaves open:\n- Why?\n- How?\nThis line settles it."
    )
    assert (again.questions, again.understood, again.answer) == (
        asked.questions,
        asked.understood,
        asked.answer,
    )
