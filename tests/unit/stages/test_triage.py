"""A ticket goes to one recipe, or to a person with an honest word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Duplicate, NoModel, NoRecipe, TicketUnclear
from agent.models.code_host import NewPullRequest
from agent.models.polling import OtherRun
from agent.models.run import Reason, Run
from agent.models.ticket import Decision, Ticket
from agent.recipes import registry
from agent.stages import triage
from agent.telemetry import run_log
from agent.testing import FakeCodeHost, FakeModel, make_reply
from tests.unit.stages import code_host_runs

FIELD = "Add `nick = models.CharField(max_length=50)` to `shop.Customer`."
PRINT = "Replace `print` with `logging` in `shop/views.py`, level `info`."


def ticket(body: str, title: str = "A wish", removed: tuple[str, ...] = ()) -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="", removed=removed)


def test_a_ticket_goes_to_the_recipe_that_fits() -> None:
    assert triage.choose_recipe(ticket(FIELD)).recipe == "add-django-field"
    assert triage.choose_recipe(ticket(PRINT)).recipe == "print-to-logging"


def test_a_ticket_that_fits_none_says_what_there_is() -> None:
    with pytest.raises(NoRecipe) as raised:
        triage.choose_recipe(ticket("The page is slow."))
    assert "MERGEWRIGHT_MODEL" in raised.value.message
    for recipe in registry.RECIPES:
        assert recipe.form in raised.value.message
        assert triage.choose_recipe(ticket(recipe.example)).recipe == recipe.name


def test_what_none_fits_is_for_the_editing_model_if_there_is_one() -> None:
    model = FakeModel(lambda request: make_reply(), roles=("editor",))
    decision = triage.choose_recipe(ticket("The page is slow."), model)
    assert (decision.recipe, decision.category) == ("", "feature")
    assert triage.choose_recipe(ticket(FIELD), model).recipe == "add-django-field"
    with pytest.raises(NoRecipe):
        triage.choose_recipe(
            ticket("The page is slow."), FakeModel(lambda _: make_reply(), roles=("reviewer",))
        )


def test_a_model_without_a_key_is_named_before_anything_is_made_ready() -> None:
    said_missing = "openai:x: it has no key; set OPENAI_API_KEY"
    model = FakeModel(lambda _: make_reply(), missing=said_missing)
    with pytest.raises(NoModel) as raised:
        triage.choose_recipe(ticket("The page is slow."), model)
    assert said_missing in raised.value.message
    assert raised.value.reason is Reason.MODEL_UNUSABLE
    assert triage.choose_recipe(ticket(FIELD), model).recipe == "add-django-field"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("mergewright", "documentation"), "docs"),
        (("P1", "Type: Bug"), "bug"),
        (("debugging",), "feature"),
    ],
)
def test_labels_say_what_kind_of_work_it_is(labels: tuple[str, ...], kind: str) -> None:
    assert triage.choose_recipe(ticket("Fix it."), MODEL, labels).category == kind


def test_a_ticket_that_fits_several_is_for_a_model_or_a_person() -> None:
    both = ticket(f"{FIELD}\n\n{PRINT}")
    assert triage.choose_recipe(both, MODEL).recipe == ""
    with pytest.raises(NoRecipe):
        triage.choose_recipe(both)


def test_a_ticket_without_visible_text_is_asked_about() -> None:
    with pytest.raises(TicketUnclear, match="1 hidden comment"):
        triage.choose_recipe(ticket("", "", ("1 hidden comment",)))


# --- other runs -------------------------------------------------------------------------------

TITLE, BODY = "Speed up the order list", "It takes ten seconds with all customers."
ALIKE = ("speed up: the Order List!", "Each morning.")
PULL = "https://forge.example/shop/app/pull/100"
MODEL = FakeModel(lambda _: make_reply())


def a_run(number: int, title: str, body: str, *labels: str, name: str = "b") -> Run:
    issue = code_host_runs.SNAPSHOT.issue.model_copy(update={"number": number})
    told = {"issue": issue, "title": title, "body": body, "labels": ("mergewright", *labels)}
    snapshot = code_host_runs.SNAPSHOT.model_copy(update=told)
    return code_host_runs.run().model_copy(
        update={"run_id": f"20261120-{name}", "snapshot": snapshot}
    )


def decided(tmp_path: Path, run: Run, *others: OtherRun) -> Decision:
    asked = ticket(run.snapshot.body, run.snapshot.title) if run.snapshot else ticket("x")
    code_host = FakeCodeHost(asked, remote=code_host_runs.REMOTE)
    code_host.proposals.append(NewPullRequest(branch="m/7", commit="c", base_branch="main", title="T", body=""))  # fmt: skip
    svc, spoken = code_host_runs.services(tmp_path, code_host)
    svc = replace(
        code_host_runs.with_execution(svc, memory=code_host_runs.Remembered(beside=others)),
        models=MODEL,
    )
    found = triage.decide_ticket(asked, run, svc)
    assert spoken == [f"the same title as {one.summary}" for one in found.similar]
    assert ("own_pulls" in code_host.calls) == any(not one.under_way for one in others)
    return found


def test_the_same_text_whose_run_is_under_way_is_made_once(tmp_path: Path) -> None:
    earlier = OtherRun(run=a_run(7, TITLE, f" {BODY}\r\n", name="a"), under_way=True)
    with pytest.raises(Duplicate) as raised:
        decided(tmp_path, a_run(8, TITLE, BODY), earlier)
    for named in ("#7", "20261120-a"):
        assert named in raised.value.message


def test_of_two_that_are_the_same_the_first_is_made(tmp_path: Path) -> None:
    later = OtherRun(run=a_run(9, TITLE, BODY, name="c"), under_way=True)
    found = decided(tmp_path, a_run(8, TITLE, BODY), later)
    assert [(one.number, one.under_way) for one in found.similar] == [(9, True)]


def test_what_has_the_same_title_is_named(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        a_run(8, TITLE, BODY, "P1"),
        OtherRun(run=a_run(5, "Delete orders", "By managers."), under_way=True),
        OtherRun(run=a_run(6, *ALIKE), under_way=True),
        OtherRun(run=a_run(7, TITLE, BODY), under_way=False, url=PULL),
        OtherRun(run=a_run(4, TITLE, BODY), under_way=False, url=f"{PULL}99"),
        OtherRun(run=a_run(3, TITLE, BODY), under_way=False),
    )
    assert [(one.number, one.url) for one in found.similar] == [(6, ""), (7, PULL)]
    assert "20261120-b" in found.similar[0].summary
    assert PULL in found.similar[1].summary
    kinds = [one.split(":")[0] for one in found.reasons]
    assert kinds == ["category feature", "same title", "priority high"]
    assert found.similar[0].summary in run_log.describe_result(found)
