"""What a replay says at its end, and which runs it refuses."""

from __future__ import annotations

import sys

import pytest

from agent.cli import main
from agent.models.outcome import Outcome
from agent.models.run import FollowUp, Reason, Run
from agent.runs import replay
from agent.telemetry.ledger import Ledger
from agent.telemetry.run_recording import Recording

RUN = "20261120-101010-0123456789abcdef"
BASE, NOW = "a" * 40, "b" * 40


def ended(**facts: object) -> Outcome:
    outcome = Outcome.for_stopped_run(RUN, Reason.BUDGET_SPENT, "Nothing is left.")
    return outcome.model_copy(update={"pull_request_text": "words", **facts})


@pytest.mark.parametrize(
    ("then", "now", "difference"),
    [
        (ended(), ended(), ""),
        (None, ended(), "the ledger has no end"),
        (ended(reason=Reason.READY), ended(), "as ready (Nothing is left.) then"),
        (ended(change_digest="d"), ended(), "the patch is another one"),
        (
            ended(commit=BASE, pull_request_text=f"commit {BASE[:12]}"),
            ended(commit=NOW, pull_request_text=f"commit {NOW[:12]}"),
            "",
        ),
    ],
)
def test_what_differs_is_told_but_for_what_is_made_anew(then, now, difference):
    text = then.pull_request_text if then else None
    run = Run(run_id=RUN, repository="/shop", ticket="/t.md", started=0)
    recording = Recording(run=run, log="/run.log", outcome=then, text=text)
    found = replay._find_difference(recording, now)
    assert difference in found
    assert bool(found) == bool(difference)


def test_a_follow_up_is_refused_and_names_the_run_before_it(tmp_path, monkeypatch, capsys):
    first = "20261120-101010-fedcba9876543210"
    about = FollowUp(of=first, pull=7, round=1, kind="review")
    run = Run(run_id=RUN, repository="/shop", ticket="#3", started=0, follow_up=about)
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
    Ledger(folder / "ledger.jsonl", RUN).begin(**facts)
    monkeypatch.setattr(sys, "argv", ["mergewright", "replay", RUN[:12]])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "#7" in said
    assert first in said
