"""What a replay says at its end, of what was recorded and what came out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent import replay
from agent.adapters.recorded_chat import RecordedModels
from agent.cli import main
from agent.domain import Change, Checkout, FollowUp, Outcome, Reason, Run
from agent.ledger import Ledger
from agent.recorded import Recording
from agent.redaction import Redactor

RUN = "20261120-101010-0123456789abcdef"
BASE = "a" * 40
CHECKOUT = Checkout(
    repository="/shop", mirror="/mirror", commit=BASE, base_branch="main", nearest_tag=None
).model_dump(mode="json")
NOTHING = Change(base_commit=BASE, files=()).digest


def ended(**facts: object) -> Outcome:
    outcome = Outcome.stopped(RUN, Reason.BUDGET_SPENT, "Nothing is left.")
    return outcome.model_copy(update={"pull_request_text": "words", **facts})


def report(then: Outcome | None, now: Outcome, **facts: object) -> replay.Report:
    recording = Recording(
        run=Run(run_id=RUN, repository="/shop", ticket="/t.md", started=0),
        redacted=False,
        log="/run.log",
        version="0.1",
        turns=(),
        results={"checkout": CHECKOUT},
        digests={},
        failures={},
        outcome=then,
        text="words",
        problems=(),
        closes=True,
    ).model_copy(update=facts)
    models = RecordedModels(recording, Redactor())
    return replay._compared(recording, now, Path("/replay"), models)


@pytest.mark.parametrize("digest", [None, NOTHING])
def test_a_run_without_a_patch_is_not_said_to_have_the_same_one(digest):
    told = report(ended(change_digest=digest), ended(change_digest=digest))
    assert told.same
    assert "patch" not in told.sentence
    assert (told.patch.recorded, told.notes, told.next) == (None, (), "")


@pytest.mark.parametrize(
    ("facts", "words"), [({"sentence": "Else."}, "(Else.)"), ({"change_digest": "d"}, "patch")]
)
def test_what_differs_is_told_as_then_and_now(facts, words):
    told = report(ended(**facts), ended())
    assert (told.same, told.ended) == (False, "differs")
    assert words in told.sentence
    assert "/replay/run.log with /run.log" in told.next


@pytest.mark.parametrize(
    ("facts", "same"),
    [({"problems": ("line 3 does not follow from line 2",)}, False), ({"closes": False}, True)],
)
def test_a_ledger_that_was_changed_is_not_relied_on(facts, same):
    assert report(ended(), ended(), **facts).same is same


def test_without_an_end_it_says_how_the_run_goes_on():
    told = report(None, ended(), problems=("the end of the run is missing",))
    assert not told.same
    assert f"`mergewright run --resume {RUN}`" in told.next


@pytest.mark.usefixtures("commands_home")
def test_a_follow_up_is_refused_and_names_the_run_before_it(tmp_path, monkeypatch, capsys):
    first = "20261120-101010-fedcba9876543210"
    about = FollowUp(of=first, pull=7, round=1, kind="review")
    run = Run(run_id=RUN, repository="/shop", ticket="#3", started=0, follow_up=about)
    path = tmp_path / "ledger.jsonl"
    facts = {"run_record": run.model_dump(mode="json"), "log": "/run.log", "version": "1"}
    Ledger(path, RUN).append("run", 0, "begun", **facts)
    monkeypatch.setattr(sys, "argv", ["mergewright", "replay", str(path)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "#7" in said
    assert first in said
