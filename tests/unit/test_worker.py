"""What a run does about an error: it ends with it, or waits for whoever holds it up."""

import json
import time
from pathlib import Path

import pytest

from agent import errors, workflow
from agent.cli import result
from agent.desk import Desk
from agent.errors import (
    AccessLost,
    BudgetSpent,
    CodeHostUnavailable,
    ModelUnavailable,
    ModelUnusable,
    StorageFull,
    StoreUnavailable,
)
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Plan, Severity
from agent.models.checks import CheckReport, TestComparison
from agent.models.environment import Checkout
from agent.models.outcome import Outcome, Verdict
from agent.models.record import replace
from agent.models.review import Judgement
from agent.models.run import Reason, RunState
from agent.models.step import Step
from agent.runs import executor, folders
from agent.runs.waiting import MOST_WAITS, PastWait, RunPostponed
from agent.settings import Settings
from agent.steps import Steps
from agent.telemetry import run_log
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog
from agent.text.redaction import Redactor
from tests.fakes import FakeCodeHost, make_reply
from tests.run_samples import run
from tests.unit.editing import desks
from tests.unit.stages import code_host_runs


def carry(home, problem, waits, *, at="read ticket", code_host=FakeCodeHost, request=None, hide=()):
    class Held(code_host):
        def read_ticket(self, run):
            raise problem

    settings = Settings(home=home)
    code_host = Held(None)
    folder = folders.make_run_folder(home, run())
    events = RunEvents(folder / "events.jsonl")
    services = Desk(
        settings=settings, code_host=code_host, sandbox=None, index=None,
        say=lambda line: None, redactor=Redactor(hide), events=events,
    )  # fmt: skip
    log = RunLog(folder / "run.log", services.redactor)
    step = Steps(events, log, [desks.Watcher()], services.facts, services.budget, desks.Records())
    waited = None if waits is None else PastWait(at, waits)
    outcome = executor.run_workflow(request or run(), step, services, log, waited=waited)
    return outcome, code_host


@pytest.mark.parametrize(("waits", "seconds"), [(0, 5), (31, 900)])
def test_a_silent_forge_is_asked_ever_less_often(home, waits, seconds):
    with pytest.raises(RunPostponed) as postponed:
        carry(home, CodeHostUnavailable("no reply"), waits)
    assert postponed.value.wait.until - time.time() == pytest.approx(seconds, abs=2)
    assert (postponed.value.wait.reason, postponed.value.wait.begin_with) == (
        "no reply",
        "read ticket",
    )


def test_a_step_that_the_database_broke_is_carried_again_and_its_failure_left_out(home):
    with pytest.raises(RunPostponed) as postponed:
        carry(home, StoreUnavailable("the server is gone"), 1)
    assert postponed.value.wait.begin_with == "read ticket"
    assert postponed.value.wait.until - time.time() == pytest.approx(10, abs=2)


def test_an_end_that_cannot_be_told_yet_is_waited_for_and_stays_the_end(home):
    class Silent(FakeCodeHost):
        def report_outcome(self, run, outcome, text, *, occasion):
            raise CodeHostUnavailable("no reply")

    problem = CodeHostUnavailable("no reply")
    with pytest.raises(RunPostponed) as postponed:
        carry(home, problem, MOST_WAITS, code_host=Silent)
    assert postponed.value.wait.begin_with == "deliver"
    outcome, _ = carry(home, problem, 1, at="deliver")
    assert outcome.reason is Reason.UNAVAILABLE


def test_nobody_is_waited_for_for_ever_and_the_machines_affairs_stay_its_own(home):
    outcome, code_host = carry(home, StorageFull("The disk of /srv is full."), MOST_WAITS)
    assert (outcome.state, outcome.reason) == (RunState.FAILED, Reason.STORAGE_FULL)
    assert "/srv" not in outcome.sentence
    assert "the operator" in outcome.sentence
    assert "deliver" in code_host.calls


def test_a_model_that_cannot_be_used_is_waited_for_and_told_of_at_the_end(home):
    problem = ModelUnusable("set OPENAI_API_KEY to one that is")
    with pytest.raises(RunPostponed):
        carry(home, problem, 0)
    late, code_host = carry(home, problem, MOST_WAITS)
    assert late.reason is Reason.MODEL_UNUSABLE
    assert "OPENAI" not in late.sentence
    assert "deliver" in code_host.calls
    # Whoever starts a command is the operator, and the issue must not stay at work for ever.
    at_once, code_host = carry(home, problem, None)
    assert (at_once.reason, at_once.sentence) == (late.reason, problem.message)
    assert "deliver" in code_host.calls


def test_what_a_provider_says_is_for_the_operator_and_no_issue(home):
    problem = ModelUnavailable("No model answered: openai:x: 500.")
    problem.details = "openai:x says: “CUDA out of memory”."
    assert errors.restore_error(errors.make_failure(problem)).details == problem.details
    of_issue, _ = carry(home, problem, None)
    assert of_issue.sentence == problem.message
    folder = folders.make_run_folder(home, run())
    for name in ("run.log", "events.jsonl"):
        assert "CUDA out of memory" in (folder / name).read_text(encoding="utf-8")
    here, _ = carry(home, problem, None, request=replace(run(), snapshot=None))
    assert here.sentence == f"{problem.message} {problem.details}"


CHECK = TestComparison(name="tests", base="passed", head="passed", verdict="passed", head_count=6)
FINDING = Finding(
    rule="scope", severity=Severity.REVIEW, path="a.py", line=1, message="Look.", fix="Look."
)
IN_THE_WAY = replace(FINDING, severity=Severity.BLOCK, message="In the way.")


def carried(home, monkeypatch, problem):
    """Carry a run whose steps are done up to the one that publishes, which fails."""

    def clear() -> ClearedChange:
        return ClearedChange(change=Change(base_commit="a" * 40, files=()), findings=(FINDING,))

    def judge() -> Judgement:
        ran = CheckReport(side="head", commit="a" * 40, results=())
        return Judgement(ran=ran, compared=(CHECK,))

    def decide() -> Verdict:
        return Verdict(publish=True, reason=Reason.READY, sentence="S", findings=(IN_THE_WAY,))

    def publish() -> None:
        raise problem

    def resolve(run, step, desk):
        cleared = step(Step.POLICY.named(1), clear)
        desk.facts.compared = step(Step.CHECKS, judge).compared
        verdict = step(Step.DECIDE, decide)
        desk.facts.note_round(verdict.reason, (*cleared.findings, *verdict.findings))
        step(Step.PUBLISH, publish)

    monkeypatch.setattr(workflow, "run_task", resolve)
    outcome, _ = carry(home, problem, None)
    return outcome, (home / "runs" / "r1" / "run.log").read_text()


@pytest.mark.parametrize("problem", [AccessLost("no more"), ZeroDivisionError()])
def test_a_run_that_fails_while_it_publishes_keeps_checks_and_findings(home, monkeypatch, problem):
    outcome, log = carried(home, monkeypatch, problem)
    assert not outcome.is_done
    assert outcome.judged.checks == (CHECK,)
    assert outcome.judged.findings == (FINDING, IN_THE_WAY)
    assert run_log.describe_comparison(CHECK) in log
    assert run_log.describe_finding(FINDING) in log


@pytest.mark.parametrize("reason", [Reason.READY, Reason.POLICY])
def test_TC6_what_steps_have_found_is_cleaned_before_it_is_kept_or_printed(
    home, monkeypatch, reason
):
    key = "cnry5f0a9be47c21d86e3350bb91c2da7f84"

    def plan() -> Plan:
        return Plan(recipe="", title=f"Use {key}", parameters="", steps=())

    def decide() -> Verdict:
        found = replace(FINDING, message=f"it is {key}")
        return Verdict(publish=True, reason=Reason.READY, sentence="s", findings=(found,))

    def publish() -> Outcome:
        return Outcome(run_id="r1", state=reason.state, reason=reason, sentence="ok")

    def resolve(run, step, desk):
        desk.facts.plan = step(Step.PLAN, plan)
        verdict = step(Step.DECIDE.named(2), decide)
        desk.facts.note_round(verdict.reason, verdict.findings)
        return step(Step.PUBLISH, publish)

    monkeypatch.setattr(workflow, "run_task", resolve)
    outcome, _ = carry(home, None, None, hide=[key])
    # What was found of another round says nothing of the change that was published.
    told = [finding.message for finding in outcome.judged.findings]
    assert told == ([] if outcome.is_done else ["it is [secret removed]"])
    assert key not in json.dumps(result.make_report(outcome, {}))
    for name in ("events.jsonl", "run.log"):
        assert key not in (home / "runs" / "r1" / name).read_text()


def test_what_a_kill_left_of_its_own_work_tree_does_not_hold_a_run_up(home):
    # Its holder is gone, or was never there; so it is where a removal was cut off.
    trees = home / "trees" / "20260101-120000-0123456789abcdef"
    (trees / "base").mkdir(parents=True)
    with folders.lock_trees(trees):
        assert not list(trees.iterdir())
    assert not trees.exists()


def test_what_a_model_had_done_is_kept_as_a_patch_with_what_it_cost(home, tmp_path, monkeypatch):
    base = code_host_runs.prepared(tmp_path / "app", home).checkout
    file = ChangedFile(path="a.py", before=b"x = 1\n", after=b"x = 2\n")

    def checkout() -> Checkout:
        return base

    def stop() -> None:
        raise BudgetSpent("No more.")

    def resolve(run, step, desk):
        desk.facts.checkout = step(Step.CHECKOUT, checkout)
        for _ in range(2):
            desk.facts.account.count_reply("editor", make_reply())
        desk.facts.change = Change(base_commit=base.commit, files=(file,))
        step(Step.EDIT.named("1 3 reply"), stop)

    monkeypatch.setattr(workflow, "run_task", resolve)
    outcome, _ = carry(home, None, None)
    assert outcome.reason is Reason.BUDGET_SPENT
    assert outcome.figures.total_usage.usd == 0.02
    assert outcome.stopped_at == "edit 1 3 reply"
    patch = Path(outcome.files.patch_path)
    assert patch.parent == home / "runs" / "r1"
    assert "-x = 1\n+x = 2\n" in patch.read_text()
