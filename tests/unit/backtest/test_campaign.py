"""What a backtest makes of a run's end, and of merged tests that could not run."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.backtest import campaign
from agent.backtest.merged_tests import ExpectedTests
from agent.backtest.tasks import PastChange
from agent.models.backtest import BacktestResult, End
from agent.models.outcome import Outcome, RunFiles
from agent.models.record import replace
from agent.models.run import Reason
from agent.settings import Settings

TASK = PastChange(
    instance_id="shop-1", repo="shop", base_commit="a" * 40, problem_statement="", test_patch=""
)
PATCH = b"--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-a\r\n+\xc3\xa9\r\n"


class PlayedCampaign(campaign.Campaign):
    """Runs nothing: the run has left a patch, and the merged tests answer as the test says."""

    answers: list[tuple[Any, str]]
    interrupted = ""

    def _run(self, task, say):
        if task.instance_id == self.interrupted:
            raise KeyboardInterrupt
        place = self.folder / "change.patch"
        place.write_bytes(PATCH)
        outcome = replace(
            Outcome.for_stopped_run("r1", Reason.DRY_RUN, ""), files=RunFiles(patch_path=str(place))
        )
        return {**outcome.model_dump(mode="json"), "seconds": {}}

    def _ask_merged_tests(self, task, desk, ask):
        return self.answers.pop(0)


WANTED = ExpectedTests(fail_to_pass=("t",)), "configured"


def play(folder: Path, answers: list[tuple[Any, str]], *tasks: PastChange) -> PlayedCampaign:
    order, settings = campaign.Order(tasks=tasks), Settings(home=folder)
    made = PlayedCampaign(folder, order, settings, lambda *_: None, lambda _: None)
    made.answers = answers
    return made


def test_one_that_is_broken_off_goes_on_with_what_has_no_row(tmp_path: Path):
    tasks, right = (TASK, replace(TASK, instance_id="shop-2")), ((), "")
    broken = play(tmp_path, [WANTED, right, WANTED], *tasks)
    broken.interrupted = "shop-2"
    with pytest.raises(KeyboardInterrupt):
        broken.run_tasks(1, lambda _: None)
    rows = play(tmp_path, [WANTED, right], *tasks).run_tasks(1, lambda _: None)
    assert [(row.instance_id, row.resolved) for row in rows] == [("shop-1", True), ("shop-2", True)]


@pytest.mark.parametrize(
    ("answer", "resolved", "is_wrongly_ready"),
    [
        (((), ""), True, False),
        ((("t",), ""), False, True),
        ((None, "A patch does not apply"), None, False),
    ],
)
def test_a_change_is_wrongly_ready_only_where_the_merged_tests_ran_and_failed(
    tmp_path: Path, answer, resolved, is_wrongly_ready
):
    made = play(tmp_path, [WANTED, answer], TASK)
    (row,) = made.run_tasks(1, lambda _: None)
    assert (row.resolved, row.is_wrongly_ready) == (resolved, is_wrongly_ready)
    assert row.why_not == answer[1]
    campaign.write_predictions([row], tmp_path / "predictions.jsonl")
    (line,) = (tmp_path / "predictions.jsonl").read_bytes().splitlines()
    assert json.loads(line)["model_patch"].encode() == PATCH
    assert made.run_tasks(1, lambda _: None) == (row,), "as it is on disk"


def test_no_task_begins_once_those_before_have_used_the_money(tmp_path: Path, monkeypatch):
    tasks = tuple(replace(TASK, instance_id=f"shop-{number}") for number in range(5))
    made = play(tmp_path, [], *tasks)
    made.order = replace(made.order, usd=2.0)
    monkeypatch.setattr(
        made,
        "_run_task",
        lambda task: BacktestResult(instance_id=task.instance_id, title="", end=End.READY, usd=1.0),
    )
    rows = made.run_tasks(1, lambda _: None)
    assert [row.instance_id for row in rows] == ["shop-0", "shop-1"]
