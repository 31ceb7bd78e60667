"""A ticket goes to one recipe, or to a person with an honest word."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent import telemetry
from agent.domain import Decision, Reason, Run, Ticket
from agent.errors import Duplicate, ForPeople, NoModel, NoRecipe, TicketUnclear
from agent.ports import NewPullRequest, OtherRun
from agent.recipes import registry
from agent.stages import triage
from agent.testing import FakeForge, FakeModel, said
from agent.triage import category
from tests.unit.stages import forge_runs

FIELD = "Add a CharField `nick` with max_length=50 to Customer."
PRINT = "Replace the print calls in shop/views.py with logging."


def ticket(body: str, title: str = "A wish", removed: tuple[str, ...] = ()) -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="", removed=removed)


def test_a_ticket_goes_to_the_recipe_that_fits() -> None:
    assert triage.judge(ticket(FIELD)).recipe == "add-django-field"
    assert triage.judge(ticket(PRINT)).recipe == "print-to-logging"


@pytest.mark.parametrize(
    "body",
    ["Rename the field `due` on Loan.", "Remove `email` from Member.", "The page is slow."],
)
def test_a_ticket_that_fits_none_says_what_there_is(body: str) -> None:
    with pytest.raises(NoRecipe) as raised:
        triage.judge(ticket(body))
    assert raised.value.message == (
        "No recipe fits this ticket, and no model is configured (MERGEWRIGHT_MODEL or"
        " MERGEWRIGHT_MODEL_EDITOR), so it is for a person. What recipes carry out reads like this: "
        "“Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True”; "
        "“Replace print with logging in shop/views.py”."
    )


def test_what_none_fits_is_for_the_editing_model_if_there_is_one() -> None:
    model = FakeModel(lambda request: said(), roles=("editor",))
    decision = triage.judge(ticket("The page is slow."), model)
    assert (decision.recipe, decision.category) == ("", "feature")
    assert decision.sentence == "feature, for fake:one"
    assert triage.judge(ticket(FIELD), model).recipe == "add-django-field"


def test_a_model_for_another_part_is_none_for_editing() -> None:
    with pytest.raises(NoRecipe, match="no model is configured"):
        triage.judge(ticket("The page is slow."), FakeModel(lambda _: said(), roles=("reviewer",)))


def test_a_model_without_a_key_is_named_before_anything_is_made_ready() -> None:
    said_missing = "openai:x: it has no key; set OPENAI_API_KEY"
    model = FakeModel(lambda _: said(), missing=said_missing)
    with pytest.raises(NoModel) as raised:
        triage.judge(ticket("The page is slow."), model)
    assert raised.value.message == (
        f"No recipe fits this ticket, and no model can be asked ({said_missing})."
    )
    assert raised.value.reason is Reason.MODEL_UNUSABLE
    assert triage.judge(ticket(FIELD), model).recipe == "add-django-field"


@pytest.mark.parametrize(
    ("title", "kind"),
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
def test_what_kind_of_work_words_ask_for(title: str, kind: str) -> None:
    assert category.of(ticket("", title)).category == kind


def test_the_title_counts_before_the_text() -> None:
    told = ticket("It fails today, since nobody wrote it.", "Refactor the price list")
    assert category.of(told).category == "refactor"


def test_what_is_shown_of_each_recipe_is_carried_out_by_it() -> None:
    with pytest.raises(NoRecipe) as raised:
        triage.judge(ticket("The page is slow."))
    shown = re.findall(r"“([^”]+)”", raised.value.message)
    assert [triage.judge(ticket(one)).recipe for one in shown] == [
        recipe.name for recipe in registry.recipes()
    ]


def test_a_ticket_that_fits_several_is_asked_about() -> None:
    with pytest.raises(TicketUnclear) as raised:
        triage.judge(ticket(f"{FIELD}\n\n{PRINT}"))
    (asked,) = raised.value.questions
    assert asked.startswith("Several recipes fit this ticket (add-django-field, print-to-logging)")


def test_a_ticket_without_visible_text_is_asked_about() -> None:
    with pytest.raises(TicketUnclear, match=r"no visible text \(1 hidden comment removed\)"):
        triage.judge(ticket("", "", ("1 hidden comment",)))


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


# --- other runs -------------------------------------------------------------------------------

TITLE, BODY = "Speed up the order list", "It takes ten seconds with all customers."
ALIKE = ("Order list has to speed up", "With all customers it takes ten seconds, each morning.")
PULL = "https://forge.example/shop/app/pull/100"
MODEL = FakeModel(lambda _: said())


def a_run(number: int, title: str, body: str, *labels: str, name: str = "b") -> Run:
    issue = forge_runs.SNAPSHOT.issue.model_copy(update={"number": number})
    told = {"issue": issue, "title": title, "body": body, "labels": ("mergewright", *labels)}
    snapshot = forge_runs.SNAPSHOT.model_copy(update=told)
    return forge_runs.run().model_copy(update={"run_id": f"20261120-{name}", "snapshot": snapshot})


def decided(tmp_path: Path, run: Run, *others: OtherRun) -> Decision:
    asked = ticket(run.snapshot.body, run.snapshot.title) if run.snapshot else ticket("x")
    forge = FakeForge(asked, remote=forge_runs.REMOTE)
    forge.proposals.append(NewPullRequest(branch="m/7", commit="c", base_branch="main", title="T", body=""))  # fmt: skip
    svc, spoken = forge_runs.services(tmp_path, forge)
    svc = replace(svc, models=MODEL, others=lambda run: others)
    found = triage.decide(asked, run, svc)
    assert spoken == [f"much like {one.told}" for one in found.similar]
    assert ("own_pulls" in forge.calls) == any(not one.under_way for one in others)
    return found


def test_the_same_text_whose_run_is_under_way_is_made_once(tmp_path: Path) -> None:
    earlier = OtherRun(run=a_run(7, TITLE, f" {BODY}\r\n", name="a"), under_way=True)
    with pytest.raises(Duplicate) as raised:
        decided(tmp_path, a_run(8, TITLE, BODY), earlier)
    assert raised.value.message == (
        "Issue #7 says the same, word for word, and its run 20261120-a is under way; one change is"
        " not made twice. What would make it fit: that run ends without a pull request, or this"
        " issue says what it asks for besides."
    )


def test_of_two_that_are_the_same_the_first_is_made(tmp_path: Path) -> None:
    later = OtherRun(run=a_run(9, TITLE, BODY, name="c"), under_way=True)
    found = decided(tmp_path, a_run(8, TITLE, BODY), later)
    assert [(one.number, one.share, one.under_way) for one in found.similar] == [(9, 100, True)]


def test_what_is_much_alike_is_named_the_likest_first(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        a_run(8, TITLE, BODY, "P1"),
        OtherRun(run=a_run(5, "Delete orders", "By managers."), under_way=True),
        OtherRun(run=a_run(6, *ALIKE), under_way=True),
        OtherRun(run=a_run(7, TITLE, BODY), under_way=False, url=PULL),
        OtherRun(run=a_run(4, TITLE, BODY), under_way=False, url=f"{PULL}99"),
        OtherRun(run=a_run(3, TITLE, BODY), under_way=False),
    )
    assert [(one.number, one.url) for one in found.similar] == [(7, PULL), (6, "")]
    assert found.similar[0].told == f"#7 “{TITLE}” (100% of the words; {PULL})"
    assert found.similar[1].told.endswith("run 20261120-b is under way)")
    assert found.reasons == (
        "category feature: no word of another kind",
        "clarity: it has words of its own",
        "scope: one ticket, and no other architecture",
        "domains: none that is left to people",
        "likeness: 2 of 5 other runs and pull requests of ours",
        "priority high: by the label “P1”",
    )
    told = telemetry.tell(found)
    assert told.startswith("feature, for fake:one\n  category feature: ")
    assert f"  much like {found.similar[0].told}" in told


def test_a_run_on_this_machine_has_nothing_beside_it(tmp_path: Path) -> None:
    run = forge_runs.run(on_forge=False, repository=str(tmp_path))
    found = decided(tmp_path, run)
    assert found.similar == ()
    assert not any(one.startswith(("likeness", "priority")) for one in found.reasons)


def test_rules_come_before_recipes() -> None:
    with pytest.raises(ForPeople, match="cryptography"):
        triage.judge(ticket(f"{FIELD} Encrypt it."))
    assert triage.judge(ticket(FIELD)).reasons[0] == "category feature: no word of another kind"
