"""Figures over runs: medians, shares and prices, and what is not known."""

from __future__ import annotations

from agent.models.model_use import ModelTotal
from agent.models.outcome import FirstRound
from agent.models.pulls import HumanEdits, PullOutcome
from agent.models.run import Reason, RunState
from agent.telemetry import statistics
from agent.telemetry.statistics import Figure, RunSummary

PASSED = FirstRound(passed=True, reason=Reason.READY)
REFUSED = FirstRound(passed=False, reason=Reason.POLICY)


def total(usd=0.5, tokens=100):
    return ModelTotal(
        calls=1, input_tokens=tokens, cached_tokens=0, output_tokens=tokens, usd=usd
    )  # fmt: skip


def edits(distance=0, lines=10):
    return HumanEdits(
        head="h", merged_lines=lines, distance=distance, as_it_was=not distance
    )  # fmt: skip


def end(state="merged", **more):
    given = {
        "run_id": "r", "repository": "o/r", "pull": 7, "state": state, "at": None, "by": "ann",
        "commit": "c", "seconds_to_pull": 60.0, "seconds_to_end": 600.0, "category": "bug",
        "recipe": "", "models": ("fake:one",), "used": total(), "rounds": 0,
        "first_round": PASSED, "edits": edits() if state == "merged" else None, **more,
    }  # fmt: skip
    return PullOutcome.model_validate(given)


def told(state=RunState.MERGED, **more):
    given = {
        "repository": "o/r", "state": state, "reason": Reason.READY, "category": "bug",
        "recipe": "", "models": ("fake:one",), "first_round": PASSED, "seconds_to_pull": 60.0,
        "end": None, "queued_at": 0.0, **more,
    }  # fmt: skip
    return RunSummary(**given)


def test_what_is_not_known_is_left_out_and_counted():
    median = statistics.compute_median
    assert median([3, None, 1, 2, None]) == Figure(value=2, known=3, unknown=2)
    assert median([None]) == Figure(value=None, known=0, unknown=1)
    share = statistics.compute_share([True, None, False, True, True])
    assert share == Figure(value=0.75, known=4, unknown=1)
    # Of the second the lines are not known, of the third what it cost: neither counts at all.
    price = statistics.compute_price([(1.0, 4), (9.0, None), (None, 8), (2.0, 2)])
    assert price == Figure(value=0.5, known=2, unknown=2)
    assert statistics.compute_price([(1.0, 0)]).value is None


def test_runs_are_counted_by_how_they_ended_and_why_nothing_was_opened():
    found = statistics.compute_statistics(
        "all",
        [
            told(end=end()),
            told(RunState.CLOSED, end=end("closed")),
            told(RunState.OPEN),
            told(RunState.DECLINED, reason=Reason.TOO_LARGE, first_round=None),
            told(RunState.FAILED, reason=Reason.POLICY, first_round=REFUSED),
            told(RunState.CHECKING, reason=None, first_round=None),
        ],
    )
    assert found.runs == 6
    assert found.states == {
        "checking": 1, "closed": 1, "declined": 1, "failed": 1, "merged": 1, "open": 1
    }  # fmt: skip
    assert found.reasons == {"policy": 1, "too_large": 1}
    assert found.pull_requests == 3
    assert found.merged == Figure(value=0.5, known=2, unknown=0)


def test_times_edits_and_costs_are_those_of_pull_requests_that_have_come_so_far():
    known = [
        told(end=end(edits=edits(distance, lines), seconds_to_end=seconds, used=total(usd)))
        for distance, lines, seconds, usd in ((0, 10, 600.0, 1.0), (6, 30, 1800.0, 3.0))
    ]
    later = told(end=None)
    gone = told(end=end(edits=None, unknown="It is gone."))
    unpriced = told(end=end(used=total(usd=None)))
    found = statistics.compute_statistics(
        "all", [*known, later, gone, unpriced, told(RunState.OPEN)]
    )
    assert found.seconds_to_pull == Figure(value=60, known=6, unknown=0)
    assert found.seconds_to_merge == Figure(value=600, known=4, unknown=1)
    assert found.edit_distance == Figure(value=0, known=3, unknown=2)
    assert found.as_it_was == Figure(value=0.6667, known=3, unknown=2)
    assert (found.usd.value, found.merged_lines, found.usd.unknown) == (0.1, 40, 3)
    assert (found.tokens.value, found.tokens.unknown) == (12, 2)
    assert found.review_rounds == Figure(value=0, known=4, unknown=1)
