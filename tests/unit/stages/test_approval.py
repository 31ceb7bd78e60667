"""Whose word a plan needs, and what people's words do to a ticket."""

import dataclasses

import pytest

from agent.errors import ApprovalAwaited
from agent.models.change import Plan
from agent.models.record import replace
from agent.models.ticket import Guidance
from agent.stages import plan, triage
from repo_config import load
from tests.fakes import FakeCodeHost
from tests.unit.stages import code_host_runs
from tests.unit.stages.test_triage import FIELD, ticket

KEY = "k3y-0f3a9c5b7d1e4826"
RECIPE = Plan(recipe="add-django-field", title="Log", parameters="{}", steps=("Replace.",))
MODEL = Plan(recipe="", title="Log", parameters="{}", steps=("Think.",))


def said(kind: str, words: str, comment: int = 1, by: str = "wanda") -> Guidance:
    return Guidance(
        kind=kind, words=words, by=by, at="2026-11-20T12:00:00Z",
        comment=f"issue:{comment}",
    )  # fmt: skip


@pytest.fixture
def asked(tmp_path):
    made = code_host_runs.prepared(tmp_path / "repo", tmp_path / "home", {"a.py": ""})
    code_host = FakeCodeHost(code_host_runs.TICKET, remote=code_host_runs.REMOTE)
    services, _ = code_host_runs.services(tmp_path / "home", code_host)

    services.redactor.learn(KEY)

    def approve(agreed: Plan, config: str = "", *guidance: Guidance, **run: object) -> str:
        read = load.from_text(config, "mergewright.yml")
        prepared = replace(
            made, run=replace(made.run, **run), contract=replace(made.contract, config=read)
        )
        return plan.require_plan_approval(
            agreed,
            prepared,
            dataclasses.replace(services, memory=code_host_runs.Remembered(guidance=guidance)),
        )

    return approve, code_host


def large(**more: object) -> Plan:
    return replace(MODEL, **more)


FILES = tuple(f"a{number}.py" for number in range(10))
MANY = (*FILES, "one_more.py")


@pytest.mark.parametrize(
    ("agreed", "config"),
    [
        (MODEL, "plan: {approval: never}"),
        (large(files=FILES), ""),
        (replace(RECIPE, files=MANY), ""),
    ],
)
def test_nobody_is_asked_about_a_plan_of_ordinary_size(asked, agreed, config):
    approve, code_host = asked
    approve(agreed, config)
    assert code_host.told == []


@pytest.mark.parametrize(
    ("agreed", "config", "run"),
    [
        (MODEL, "plan: {approval: always}", {}),
        (RECIPE, "plan: {approval: never}", {"plan_first": True}),
        (large(files=MANY), "", {}),
    ],
)
def test_a_plan_waits_for_a_word_on_exactly_this_one(asked, agreed, config, run):
    approve, code_host = asked
    with pytest.raises(ApprovalAwaited) as waits:
        approve(agreed, config, said("approval", "00000000"), said("change", agreed.number), **run)
    assert (waits.value.plan, code_host.told) == (agreed.number, [agreed.number])
    word = approve(agreed, config, said("approval", agreed.number), **run)
    assert word == "approved by wanda"


def test_TC6_what_is_shown_of_a_plan_has_no_secret_and_its_number_is_that_of_the_plan(asked):
    approve, code_host = asked
    telling = large(title=f"Add {KEY}", steps=(" ".join(KEY),), files=MANY)
    with pytest.raises(ApprovalAwaited) as waits:
        approve(telling)
    assert (waits.value.plan, code_host.told) == (telling.number, [telling.number])
    (shown,) = code_host.shown
    assert "secret removed" in shown
    assert "4826" not in shown.replace(" ", "")
    assert approve(telling, "", said("approval", telling.number)) == "approved by wanda"


def test_whoever_calls_a_command_or_tries_it_out_is_not_asked(asked):
    approve, _ = asked
    always = "plan: {approval: always}"
    assert approve(MODEL, always, dry_run=True).startswith("approved by running")
    assert approve(MODEL, always, snapshot=None).startswith("approved by running")
    by_command = replace(code_host_runs.SNAPSHOT, by_label=False)
    assert approve(MODEL, always, snapshot=by_command).startswith("approved by running")


@pytest.mark.parametrize("kind", ["answer", "change"])
def test_words_that_say_it_all_stand_in_place_of_the_text(kind):
    asked = ticket(FIELD.replace("Customer", "Custmer"))
    told = triage.add_guidance(asked, [said(kind, FIELD)])
    assert (told.title, told.body) == ("A wish", FIELD)
    assert told.digest != asked.digest


def test_a_wish_does_not_put_another_ticket_in_the_place_of_one_for_a_model():
    asked = ticket("The export is slow; make it stream, and do not touch the admin.")
    told = triage.add_guidance(asked, [said("change", f"Also: {FIELD}"), said("answer", FIELD, 2)])
    assert told.body.startswith(asked.body)
    assert told.body.count(FIELD) == 2
