"""What the status comment, titles, rules and annotations say."""

from __future__ import annotations

import time

import pytest

from agent.github import checks_report
from agent.github import status_text as status
from agent.models.change import Finding, Plan, Severity
from agent.models.code_host import Progress, StageMark
from agent.models.model_use import ModelUse
from agent.models.outcome import Outcome, PullRequest, ThreadOutcome
from agent.models.run import FollowUp, Reason, Run, end_state
from agent.models.ticket import IssueRef, Snapshot
from agent.text import sanitise

SNAPSHOT = Snapshot(
    issue=IssueRef(repository="shop/store", repository_id=1, number=42, issue_id=7),
    url="https://github.example/shop/store/issues/42", title="Add a field", body="Add it.",
    labels=("mergewright",), author="ann", actor="bob", actor_id=3,
    approved_at="2026-11-20T10:00:00Z",
)  # fmt: skip
RUN = Run(
    run_id="r1", repository="https://github.example/shop/store.git", ticket="#42",
    snapshot=SNAPSHOT, started=0,
)  # fmt: skip
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
USE = ModelUse(
    role="editor", model="fake:one", calls=3, input_tokens=10, cached_tokens=0, output_tokens=5,
    usd=0.42, seconds=4.0,
)  # fmt: skip


def outcome(reason: Reason, text: str | None = None, pull: PullRequest | None = None) -> Outcome:
    return Outcome(
        run_id="r1", state=end_state(reason), reason=reason, sentence="Said *so*.",
        pull_request_text=text, pull_request=pull,
    )  # fmt: skip


#: The one status comment that is held word for word.
STATUS_COMMENT = """\
**Mergewright is working on this issue.** Nobody has to do anything now: what comes of it will stand here.

Plan: Add \\*it\\*, @bob

- [x] read ticket
- [ ] **checks** …: base &lt;b&gt;@bob&lt;/b&gt;
- [ ] publish

Used as of 17:46 UTC: 6 minutes of at most 30 minutes, $0.00 (no model is asked). [Log of the run](https://m/runs/r1/log)

<details><summary>Details</summary>

The plan:

1. First.
2. Then.

[Run r1](https://m/runs/r1), started by `bob`, on the text of 2026-11-20T10:00:00Z

</details>"""


def test_the_status_comment_is_this_and_calls_nobody():
    progress = PROGRESS.model_copy(
        update={"plan": PLAN, "seconds": 372.0, "most_minutes": 30, "at": 1_900_000_000.0}
    )
    text = status.under_way(RUN, progress, PAGE)
    assert text == STATUS_COMMENT.replace("@bob", "@\u200bbob")


def test_what_is_done_just_now_stands_at_the_stage_that_is_under_way():
    (first, running, last) = PROGRESS.stages
    stages = (first, running.model_copy(update={"detail": ""}), last)
    progress = Progress(stages=stages, now="a model edits, turn 12")
    text = status.under_way(RUN, progress, None)
    assert "- [ ] **checks** …: a model edits, turn 12\n- [ ] publish\n" in text
    ended = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red"), progress, None)
    assert "turn 12" not in ended


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"seconds": 12.2, "most_minutes": 30}, "12 s of at most 30 minutes, $0.00"),
        ({"replies": 2, "usd": 0.42, "most_usd": 3.0}, "$0.42 of at most $3.00"),
        ({"replies": 2, "usd": None, "most_usd": 3.0}, "not known"),
    ],
)
def test_what_was_used_is_told_as_far_as_it_is_known(facts, told):
    progress = PROGRESS.model_copy(update=facts)
    for text in (
        status.under_way(RUN, progress, PAGE),
        status.planned(RUN, PLAN, PLAN.number, progress, PAGE),
        status.awaiting(RUN, PULL, "Merge it.", progress, PAGE),
    ):
        seen, _, _ = text.partition("<details>")
        assert told in seen
        assert f"]({PAGE}/log)" in seen


@pytest.mark.parametrize(
    ("uses", "told"),
    [
        ((), "3 minutes and cost $0.00"),
        ((USE,), "3 minutes and cost $0.42"),
        ((USE, USE.model_copy(update={"usd": None})), "3 minutes and cost an unknown amount"),
    ],
)
def test_an_end_tells_time_and_cost_in_a_line(uses, told):
    progress = PROGRESS.model_copy(update={"seconds": 179.8, "at": time.time()})
    for reason, pull in ((Reason.READY, PULL), (Reason.NEW_FAILURES, None)):
        ended = outcome(reason, "The tests fail.", pull).model_copy(update={"models": uses})
        assert told in status.ended(RUN, ended, progress, PAGE)


def test_without_a_page_the_command_is_named_that_shows_the_log():
    told = "`mergewright runs log r1`"
    assert told in status.under_way(RUN, PROGRESS, None)
    assert told in status.ended(RUN, outcome(Reason.READY, "body", PULL), PROGRESS, None)


def test_the_end_links_the_pull_request_and_tells_what_could_not_be_had():
    pull = PullRequest(number=9, url="https://g/9", draft=True, notes=("ann was not asked",))
    text = status.ended(RUN, outcome(Reason.READY, "body", pull), PROGRESS, PAGE)
    for words in ("#9", "(draft)", "ann was not asked", PAGE, "- [x] publish"):
        assert words in text
    assert "body" not in text


def test_a_run_without_a_pull_request_says_why_in_the_one_comment():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red\n\ntests fail"), PROGRESS, None)
    assert text.startswith("## Red\n\ntests fail")
    assert "- [x] read ticket" in text
    # No stage of it stays under way.
    assert "- [ ] **checks** (not done): base" in text
    assert "…" not in text
    sentence = status.ended(RUN, outcome(Reason.UNAVAILABLE), Progress(), None)
    assert sentence.startswith("Said \\*so\\*.")


def test_a_dry_run_is_never_called_ready():
    ended = outcome(Reason.DRY_RUN, "body", PULL)
    assert not ended.is_done
    assert "is ready" not in status.ended(RUN, ended, PROGRESS, None)


def test_a_text_that_is_too_long_is_cut_and_says_so():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "x" * 70_000), PROGRESS, PAGE)
    assert len(text) < sanitise.TEXT_LIMIT
    assert "https://m/runs/r1" in text


def ended_thread(end: str, about: str = "shop/views.py:3: why?") -> ThreadOutcome:
    return ThreadOutcome(
        thread_id="t", place="inline", about=about, url="https://g/9#t", kind=end, text="So.",
        last_comment_id=1,
    )  # fmt: skip


FOLLOW_UP = FollowUp(of="r1", pull=9, round=2, kind="review")


@pytest.mark.parametrize("ends", [("commit", "human"), ("commit", "reply"), ()])
def test_a_round_tells_how_its_threads_ended_and_who_acts(ends):
    run = RUN.model_copy(update={"run_id": "r2", "follow_up": FOLLOW_UP})
    threads = tuple(ended_thread(end) for end in ends)
    waiting = tuple(one for one in threads if one.kind == "human")
    for reason in (Reason.READY, *([Reason.NEW_FAILURES] if threads else [])):
        update = {"threads": threads, "waiting_threads": waiting}
        ended = outcome(reason, "body", PULL).model_copy(update=update)
        text = status.ended(run, ended, PROGRESS, PAGE)
    head, _, rest = text.partition("\n\n")
    assert head == "**#9 is open; round 2 of its review is over: Said \\*so\\*.**"
    assert ("- [shop/views.py:3: why?](https://g/9#t)" in rest) == ("human" in ends)


def test_a_round_that_came_to_nothing_leaves_the_pull_request_and_says_why():
    ended = outcome(Reason.TIME_SPENT, "**The run has used up its time.**\n\nMore.")
    run = RUN.model_copy(update={"run_id": "r2", "follow_up": FOLLOW_UP})
    text = status.ended(run, ended, PROGRESS, PAGE)
    assert "#9 is open as it was" in text.partition("\n")[0]
    assert "\n\n**The run has used up its time.**\n\nMore.\n\n" in text
    assert "Reason code: `time_spent`" in text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("**Mergewright waits.** Nothing.\n\nMore.", "**Mergewright waits.** "),
        ("\nSaid so.\n", "Said so. "),
        ("**Not closed\nMore.", "**Not closed "),
    ],
)
def test_a_call_takes_the_first_sentence_and_leads_to_the_rest(text, first):
    told = status.call(text, "https://g/1#c")
    assert told.startswith(first)
    assert "(https://g/1#c)" in told
    assert "More." not in told


def test_a_finding_becomes_an_annotation_at_its_line():
    finding = Finding(
        rule="http-client", severity=Severity.REVIEW, path="shop/a.py", line=None,
        message="Uses\x1b[31m requests.", fix="Use httpx.",
    )  # fmt: skip
    assert checks_report._annotation(finding) == {
        "path": "shop/a.py",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "warning",
        "title": "http-client",
        "message": "Uses requests. Use httpx.",
    }
