"""The direct step: once per name, bounded, recorded, and finished once others can see it."""

from __future__ import annotations

import os
import signal

import pytest

from agent import telemetry, worker, workflow
from agent.domain import (
    Change,
    ClearedChange,
    Comparison,
    Contract,
    Finding,
    Reason,
    Run,
    Severity,
    Verdict,
)
from agent.errors import AccessLost, ForgeUnavailable, PolicyRefused, TimeSpent
from agent.ledger import Ledger, verify
from agent.redaction import Redactor
from agent.services import Services
from agent.settings import Settings
from agent.telemetry import RunLog
from agent.testing import FakeForge
from agent.worker import DirectStep
from repo_config.detect import Project
from repo_config.schema import LimitsSection, RepoConfig


class Silent:
    def __init__(self):
        self.seen = []

    def started(self, step):
        self.seen.append(("started", step))

    def ended(self, step, seconds, *, ok):
        self.seen.append(("ended", step, ok))


@pytest.fixture
def step(tmp_path):
    run = Run(run_id="r", repository="/r", ticket="/t", started=0)
    return DirectStep(
        run,
        Ledger(tmp_path / "ledger.jsonl", "r"),
        RunLog(tmp_path / "run.log"),
        Silent(),
        max_minutes=60,
    )


def contract(minutes):
    project = Project(
        framework="none",
        python_version=None,
        django=None,
        test_runner=None,
        test_script=None,
        type_tool=None,
        lint_tools=(),
    )
    config = RepoConfig(limits=LimitsSection(minutes=minutes))
    return Contract(config=config, project=project, source=None)


def test_a_step_gives_back_what_the_work_returns_and_is_recorded(step, tmp_path):
    assert step("add", lambda a, b: a + b, 1, 2) == 3
    assert list(step.seconds) == ["add"]
    ledger = (tmp_path / "ledger.jsonl").read_text()
    assert '"result": 3' in ledger
    assert list(verify(tmp_path / "ledger.jsonl", "r")) == ["the end of the run is missing"]


def test_a_step_that_fails_is_recorded_as_failed(step, tmp_path):
    def work():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        step("add", work)
    assert '"event": "failed"' in (tmp_path / "ledger.jsonl").read_text()


def test_a_name_is_used_once(step):
    step("add", lambda: None)
    with pytest.raises(AssertionError, match="used twice: add"):
        step("add", lambda: None)


def test_a_run_that_has_used_its_minutes_starts_no_further_step(step, monkeypatch):
    step("read config", lambda: contract(minutes=2))
    now = __import__("time").monotonic()
    monkeypatch.setattr("agent.worker.time.monotonic", lambda: now + 121)
    with pytest.raises(TimeSpent, match=r"used its 2 minutes \(limits.minutes\) before the step"):
        step("baseline", lambda: None)
    assert step("publish", lambda: "told") == "told"


def test_the_operators_bound_holds_over_the_repositorys(step, monkeypatch):
    step("read config", lambda: contract(minutes=10_000))
    now = __import__("time").monotonic()
    monkeypatch.setattr("agent.worker.time.monotonic", lambda: now + 61 * 60)
    with pytest.raises(TimeSpent, match="used its 60 minutes"):
        step("baseline", lambda: None)


def test_an_interrupt_stops_a_step(step):
    with pytest.raises(KeyboardInterrupt):
        step("checks 1", lambda: os.kill(os.getpid(), signal.SIGINT))


def test_an_interrupt_while_publishing_comes_too_late(step):
    def work():
        os.kill(os.getpid(), signal.SIGINT)
        return "delivered"

    assert step("publish", work) == "delivered"
    with pytest.raises(KeyboardInterrupt):
        step("after", lambda: os.kill(os.getpid(), signal.SIGINT))


# --- what a run that stops late has proved ------------------------------------------------------


CHECK = Comparison(name="tests", base="passed", head="passed", verdict="passed", head_count=6)
FINDING = Finding(
    rule="scope", severity=Severity.REVIEW, path="a.py", line=1, message="Look.", fix="Look."
)
IN_THE_WAY = FINDING.model_copy(update={"severity": Severity.BLOCK, "message": "In the way."})


def carried(home, monkeypatch, problem, *, after_policy=None):
    """Carry a run whose steps are done up to the one that publishes, which fails."""

    def resolve(run, step, svc):
        cleared = ClearedChange(change=Change(base_commit="a" * 40, files=()), findings=(FINDING,))
        step("policy 1", lambda: cleared)
        if after_policy is not None:
            step("policy 2", lambda: (_ for _ in ()).throw(after_policy))
        step("compare", lambda: (CHECK,))
        verdict = Verdict(publish=True, reason=Reason.READY, sentence="S", findings=(IN_THE_WAY,))
        step("decide", lambda: verdict)
        step("publish", lambda: (_ for _ in ()).throw(problem))

    monkeypatch.setattr(workflow, "resolve_ticket", resolve)
    run = Run(run_id="r", repository="/r", ticket="/t", started=0)
    svc = Services(
        settings=Settings(home=home), forge=FakeForge(None), sandbox=None, index=None,
        say=lambda line: None, redactor=Redactor(),
    )  # fmt: skip
    folder = worker.run_folder(home, run)
    ledger, log = Ledger(folder / "ledger.jsonl", "r"), RunLog(folder / "run.log")
    step = DirectStep(run, ledger, log, Silent(), max_minutes=60)
    outcome = worker.carry(run, step, svc, ledger, log)
    return outcome, (folder / "run.log").read_text()


@pytest.mark.parametrize(
    "problem",
    [AccessLost("no more"), ForgeUnavailable("away"), OSError("broken"), ZeroDivisionError()],
)
def test_a_run_that_fails_while_it_publishes_keeps_checks_and_findings(home, monkeypatch, problem):
    outcome, log = carried(home, monkeypatch, problem)
    assert not outcome.done
    assert outcome.checks == (CHECK,)
    assert outcome.findings == (FINDING, IN_THE_WAY)
    assert telemetry.tell_comparison(CHECK) in log
    assert telemetry.tell_finding(FINDING) in log


def test_what_policy_refuses_is_told_alone(home, monkeypatch):
    refused = FINDING.model_copy(update={"severity": Severity.BLOCK, "rule": "secrets"})
    late, _ = carried(home, monkeypatch, PolicyRefused((refused,)))
    assert (late.checks, late.findings) == ((CHECK,), (refused,))
    early, _ = carried(home, monkeypatch, None, after_policy=PolicyRefused((refused,)))
    assert (early.checks, early.findings) == ((), (refused,))
