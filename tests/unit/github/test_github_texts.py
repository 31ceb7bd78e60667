"""What the status comment, titles, rules and annotations say."""

from __future__ import annotations

import pytest

from agent.github import status_text as status
from agent.models.change import Plan
from agent.models.code_host import Progress, StageMark
from agent.models.outcome import Outcome, PullRequest, ThreadOutcome
from agent.models.run import FollowUp, Reason
from tests.outcomes import make_outcome
from tests.unit import delivery_samples

RUN = delivery_samples.run()
PROGRESS = Progress(
    stages=(
        StageMark(stage="read ticket", state="done"),
        StageMark(stage="checks", state="running", detail="base <b>@bob</b>"),
        StageMark(stage="publish", state="waiting"),
    )
)
PAGE = "https://m/runs/r1"
PLAN = Plan(recipe="add-field", title="Add *it*, @bob", parameters="{}", steps=("First.", "Then."))
PULL = PullRequest(number=9, url="https://g/9")


def outcome(reason: Reason, text: str | None = None, pull: PullRequest | None = None) -> Outcome:
    return make_outcome(
        run_id="r1", state=reason.state, reason=reason, sentence="Said *so*.",
        text=text, pull_request=pull,
    )  # fmt: skip


def ended_thread(end: str, about: str = "shop/views.py:3: why?") -> ThreadOutcome:
    return ThreadOutcome(
        thread_id="t", place="inline", about=about, url="https://g/9#t", kind=end, text="So.",
        last_comment_id=1,
    )  # fmt: skip


FOLLOW_UP = FollowUp(of="r1", pull=9, round=2, kind="review")
FOLLOWING = RUN.model_copy(update={"run_id": "r2", "follow_up": FOLLOW_UP})


@pytest.mark.parametrize("ends", [("commit", "human"), ("commit", "reply"), ()])
def test_a_round_tells_how_its_threads_ended_and_who_acts(ends):
    threads = tuple(ended_thread(end) for end in ends)
    waiting = tuple(thread for thread in threads if thread.kind == "human")
    for reason in (Reason.READY, *([Reason.NEW_FAILURES] if threads else [])):
        ended = outcome(reason, "body", PULL).with_part(
            "review_state", threads=threads, waiting_threads=waiting
        )
        text = status.render_end(FOLLOWING, ended, PROGRESS, PAGE)
    head, _, rest = text.partition("\n")
    assert "#9" in head
    assert "Said \\*so\\*." in head
    assert ("- [shop/views.py:3: why?](https://g/9#t)" in rest) == ("human" in ends)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"seconds": 12.2, "most_minutes": 30}, "12 s of 30 minutes, $0.00"),
        ({"replies": 2, "usd": 0.42, "most_usd": 3.0}, "$0.42 of $3.00"),
        ({"replies": 2, "usd": None, "most_usd": 3.0}, "cost unknown"),
    ],
)
def test_what_was_used_is_told_as_far_as_it_is_known(facts, told):
    progress = PROGRESS.model_copy(update=facts)
    for text in (
        status.under_way(RUN, progress, PAGE),
        status.render_plan(RUN, PLAN, PLAN.number, progress, PAGE),
    ):
        assert told in text
        assert f"]({PAGE}/log)" in text
