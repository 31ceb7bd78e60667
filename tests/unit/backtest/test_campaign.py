"""What a backtest makes of a run's end, and of a judge that could not judge."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.backtest import campaign
from agent.backtest.judging import ExpectedTests
from agent.backtest.tasks import PastChange
from agent.models.outcome import Outcome, RunFiles
from agent.models.record import replace
from agent.models.run import Reason
from agent.settings import Settings

TASK = PastChange(
    instance_id="shop-1", repo="shop", base_commit="a" * 40, problem_statement="", test_patch=""
)
PATCH = b"--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-a\r\n+\xc3\xa9\r\n"


class PlayedCampaign(campaign.Campaign):
    """Runs nothing: the run has left a patch, and the judge answers what the test says."""

    answers: list[tuple[Any, str]]

    def _run(self, task, say):
        place = self.folder / "change.patch"
        place.write_bytes(PATCH)
        outcome = replace(
            Outcome.for_stopped_run("r1", Reason.DRY_RUN, ""), files=RunFiles(patch_path=str(place))
        )
        return {**outcome.model_dump(mode="json"), "seconds": {}}

    def _with_judge(self, task, desk, ask):
        return self.answers.pop(0)


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
    order, settings = campaign.Order(tasks=(TASK,)), Settings(home=tmp_path)
    made = PlayedCampaign(tmp_path, order, settings, lambda *_: None, lambda _: None)
    made.answers = [(ExpectedTests(fail_to_pass=("t",)), "configured"), answer]
    (row,) = made.run_tasks(1, lambda _: None)
    assert (row.resolved, row.is_wrongly_ready) == (resolved, is_wrongly_ready)
    assert row.why_not == answer[1]
    campaign.write_predictions([row], tmp_path / "predictions.jsonl")
    (line,) = (tmp_path / "predictions.jsonl").read_bytes().splitlines()
    assert json.loads(line)["model_patch"].encode() == PATCH
    assert made.run_tasks(1, lambda _: None) == (row,), "as it is on disk"
