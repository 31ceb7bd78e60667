"""What a run on this machine ends with: places, and what there is to do now."""

from __future__ import annotations

from agent.cli import result
from agent.models.checks import Comparison, Status
from agent.models.model_use import ModelUse
from agent.models.outcome import Outcome
from agent.models.review import ReviewNotes
from agent.models.run import Reason, RunState

BRANCH = "mergewright/t1-add-note"


def done() -> Outcome:
    return Outcome(
        run_id="r",
        state=RunState.OPEN,
        reason=Reason.READY,
        sentence="Nothing fails that did not fail before.",
        branch=BRANCH,
        commit="abc",
        text_path="/runs/r/pull_request.md",
        log="/runs/r/run.log",
    )


def test_what_models_used_is_told_and_an_unknown_price_is_none(tmp_path, capsys):
    use = ModelUse(
        role="editor", model="openai:one", calls=2, input_tokens=1200, cached_tokens=200,
        output_tokens=30, usd=0.0123, seconds=1.0,
    )  # fmt: skip
    notes = ReviewNotes(ran=True, sentence="It approves the change.", approves=True)
    ended = done().model_copy(update={"models": (use,), "review": notes, "cost_usd": 0.0123})
    result.show(ended, {"publish": 1.0}, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "review  It approves the change." in lines
    assert "models  $0.0123 for models, 2 requests, 1,200 tokens in, 30 out." in lines
    told = result.make_report(ended, {}, tmp_path)
    assert told["cost_usd"] == 0.0123
    assert told["tokens"] == {"input": 1200, "cached": 200, "output": 30}
    assert told["review"]["approves"]
    unpriced = use.model_copy(update={"role": "reviewer", "usd": None})
    told = result.make_report(ended.model_copy(update={"models": (use, unpriced)}), {}, tmp_path)
    assert told["cost_usd"] is None
    assert result.make_report(done(), {}, tmp_path)["cost_usd"] == 0.0, "no model was asked"


TESTS = Comparison(
    name="tests",
    base=Status.PASSED,
    head=Status.PASSED,
    verdict=Status.PASSED,
    counts_tests=True,
    base_count=4,
    head_count=6,
    head_failures=1,
    head_skipped=1,
)
