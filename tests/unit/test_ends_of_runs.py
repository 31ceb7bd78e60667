"""What a run ends with, beside what its last step has handed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import steps, telemetry, worker, workflow
from agent.adapters.local_forge import LocalForge
from agent.cli import result
from agent.domain import (
    Decision,
    Finding,
    Outcome,
    Reason,
    Run,
    RunState,
    Severity,
    Similar,
    Verdict,
)
from agent.ledger import Ledger
from agent.redaction import Redactor
from agent.services import Services
from agent.settings import Settings

KEY = "cnry5f0a9be47c21d86e3350bb91c2da7f84"


class _Nobody:
    def started(self, step: str) -> None:
        """Look away."""

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        """Look away."""


@pytest.mark.parametrize("done", [True, False])
def test_TC6_what_steps_have_found_is_cleaned_before_it_is_kept_or_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    redactor = Redactor([KEY])
    svc = Services(
        settings=Settings(home=tmp_path), forge=LocalForge(tmp_path / "runs"), sandbox=None,
        index=None, say=lambda line: None, redactor=redactor,
    )  # fmt: skip
    run = Run(run_id="20260101-000000-" + "a" * 16, repository="/r", ticket="/t.md", started=0)
    folder = worker.run_folder(tmp_path, run)
    ledger = Ledger(folder / "ledger.jsonl", run.run_id)
    log = telemetry.RunLog(folder / "run.log", redactor)
    step = steps.Steps(ledger, log, _Nobody(), max_minutes=5)
    like = Similar(number=3, title=f"Use {KEY}", run_id="r", under_way=True, share=80)
    found = Finding(
        rule="x", severity=Severity.REVIEW, path="a.py", line=1, message=f"it is {KEY}", fix=""
    )

    def triage() -> Decision:
        return Decision(recipe="", sentence="x", category="feature", similar=(like,))

    def decide() -> Verdict:
        return Verdict(publish=done, reason=Reason.READY, sentence="s", findings=(found,))

    def publish() -> Outcome:
        state, reason = (
            (RunState.OPEN, Reason.READY) if done else (RunState.DECLINED, Reason.POLICY)
        )
        ended = Outcome(run_id=run.run_id, state=state, reason=reason, sentence="ok")
        return ended.model_copy(update={"pull_request_text": "text"})

    def resolve(run: Run, step: steps.Steps, svc: Services) -> Outcome:
        step("triage", triage)
        step("decide 2", decide)
        return step("publish", publish)

    monkeypatch.setattr(workflow, "resolve_ticket", resolve)
    outcome = worker.carry(run, step, svc, ledger, log)
    assert outcome.similar[0].title == "Use [secret removed]"
    # What was found of another round says nothing of the change that was published.
    assert [one.message for one in outcome.findings] == ([] if done else ["it is [secret removed]"])
    assert KEY not in json.dumps(result.as_json(outcome, {}))
    assert KEY not in (folder / "ledger.jsonl").read_text()
    assert KEY not in (folder / "run.log").read_text()
