"""What the status comment, titles, rules and annotations say."""

from __future__ import annotations

import re
import time

import pytest

from agent import cleaning
from agent.adapters.github import branch_rules, checks_report, state_labels
from agent.adapters.github import status_text as status
from agent.adapters.github.state_labels import StateLabel
from agent.domain import (
    Finding,
    FollowUp,
    IssueRef,
    ModelUse,
    Outcome,
    Plan,
    PullRequest,
    Reason,
    Run,
    Severity,
    Snapshot,
    ThreadEnd,
    end_state,
)
from agent.ports import Progress, StageMark

SNAPSHOT = Snapshot(
    issue=IssueRef(repository="shop/store", repository_id=1, number=42, issue_id=7),
    url="https://github.example/shop/store/issues/42",
    title="Add a field",
    body="Add it.",
    labels=("mergewright",),
    author="ann",
    actor="bob",
    actor_id=3,
    approved_at="2026-11-20T10:00:00Z",
)
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


def test_progress_is_a_checklist_that_calls_nobody():
    text = status.under_way(RUN, PROGRESS, None)
    assert "- [x] read ticket" in text
    assert "- [ ] **checks** …: base &lt;b&gt;@\u200bbob&lt;/b&gt;" in text
    assert "- [ ] publish" in text
    assert "@bob" not in text


def test_what_is_done_just_now_stands_at_the_stage_that_is_under_way():
    (first, running, last) = PROGRESS.stages
    stages = (first, running.model_copy(update={"detail": ""}), last)
    progress = Progress(stages=stages, now="a model edits, turn 12")
    text = status.under_way(RUN, progress, None)
    assert "- [ ] **checks** …: a model edits, turn 12\n- [ ] publish\n" in text
    ended = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red"), progress, None)
    assert "turn 12" not in ended


def test_a_plan_is_one_line_and_its_steps_are_folded():
    text = status.under_way(RUN, PROGRESS.model_copy(update={"plan": PLAN}), PAGE)
    seen, _, folded = text.partition("<details>")
    assert "Plan: Add \\*it\\*, @\u200bbob\n\n- [x]" in seen
    assert "1. First.\n2. Then." not in seen
    assert "The plan:\n\n1. First.\n2. Then.\n\n[Run r1]" in folded
    by_model = PLAN.model_copy(update={"recipe": ""})
    text = status.under_way(RUN, PROGRESS.model_copy(update={"plan": by_model}), PAGE)
    assert "Plan, in a model's words: Add" in text


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "Used so far: 0 s, $0.00."),
        ({"seconds": 12.2, "most_minutes": 30}, "Used so far: 12 s of at most 30 minutes, $0.00."),
        (
            {"seconds": 372.0, "most_minutes": 30, "at": 1_900_000_000.0, "plan": PLAN},
            "Used as of 17:46 UTC: 6 minutes of at most 30 minutes, $0.00 (no model is asked).",
        ),
        (
            {"replies": 2, "usd": 0.42, "most_usd": 3.0},
            "Used so far: 0 s, $0.42 of at most $3.00 for models.",
        ),
        ({"replies": 2, "usd": 0.42}, "Used so far: 0 s, $0.42 for models."),
        (
            {"replies": 2, "usd": None, "most_usd": 3.0},
            "Used so far: 0 s, models at a price that is not known.",
        ),
    ],
)
def test_what_was_used_is_told_as_far_as_it_is_known(facts, told):
    progress = PROGRESS.model_copy(update=facts)
    for text in (
        status.under_way(RUN, progress, PAGE),
        status.planned(RUN, PLAN, PLAN.number, progress, PAGE),
        status.awaiting(RUN, PULL, "Merge it.", progress, PAGE),
    ):
        assert f"\n\n{told} [Log of the run]({PAGE}/log)\n\n<details>" in text


@pytest.mark.parametrize(
    ("uses", "told"),
    [
        ((), "The run took 3 minutes and cost $0.00: no model was asked."),
        ((USE,), "The run took 3 minutes and cost $0.42 for models."),
        (
            (USE, USE.model_copy(update={"usd": None})),
            "The run took 3 minutes and cost an unknown amount: the price of a model is not known.",
        ),
    ],
)
@pytest.mark.parametrize("reason", [Reason.READY, Reason.NEW_FAILURES])
def test_an_end_tells_time_and_cost_in_a_line(uses, told, reason):
    progress = PROGRESS.model_copy(update={"seconds": 179.8, "at": time.time()})
    pull = PULL if reason is Reason.READY else None
    ended = outcome(reason, "The tests fail.", pull).model_copy(update={"models": uses})
    assert f"\n\n{told}" in status.ended(RUN, ended, progress, PAGE)


def test_without_a_page_the_command_is_named_that_shows_the_log():
    told = "Its log: `mergewright runs log r1` on the service's machine."
    assert told in status.under_way(RUN, PROGRESS, None)
    assert told in status.ended(RUN, outcome(Reason.READY, "body", PULL), PROGRESS, None)


def test_the_end_links_the_pull_request_and_tells_what_could_not_be_had():
    pull = PullRequest(number=9, url="https://g/9", draft=True, notes=("ann was not asked",))
    text = status.ended(RUN, outcome(Reason.READY, "body", pull), PROGRESS, PAGE)
    for words in ("#9", "(draft)", "ann was not asked", PAGE, "- [x] publish"):
        assert words in text
    assert "body" not in text


def test_a_run_without_a_pull_request_says_why_in_the_one_comment():
    red = outcome(Reason.NEW_FAILURES, "## Red\n\ntests fail")
    text = status.ended(RUN, red, PROGRESS, None)
    assert text.startswith("## Red\n\ntests fail")
    assert "- [x] read ticket" in text
    sentence = status.ended(RUN, outcome(Reason.UNAVAILABLE), Progress(), None)
    assert sentence.startswith("Said \\*so\\*.")


def test_no_stage_of_a_run_that_has_ended_stays_under_way():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red"), PROGRESS, None)
    assert "- [ ] **checks** (not done): base" in text
    assert "- [ ] publish" in text
    assert "…" not in text


def test_the_stage_that_ends_a_run_has_its_time():
    began = StageMark(stage="publish", state="running", begun=time.time() - 2.0)
    progress = Progress(stages=(PROGRESS.stages[0], began))
    text = status.ended(RUN, outcome(Reason.READY, "body", PULL), progress, None)
    assert re.search(r"- \[x\] publish: 2\.\d s\n", text)
    # A clock that was set tells nothing.
    began = began.model_copy(update={"begun": time.time() + 3_600})
    progress = Progress(stages=(PROGRESS.stages[0], began))
    text = status.ended(RUN, outcome(Reason.READY, "body", PULL), progress, None)
    assert "- [x] publish\n" in text


def test_numbers_and_times_for_few_people_are_folded():
    for text in (
        status.under_way(RUN, PROGRESS, "https://m/runs"),
        status.waiting(RUN, 1),
        status.ended(RUN, outcome(Reason.READY, "body", PULL), PROGRESS, "https://m/runs"),
        status.ended(RUN, outcome(Reason.UNCLEAR, "Which?"), PROGRESS, None),
    ):
        seen, _, folded = text.partition("\n\n<details><summary>Details</summary>\n\n")
        assert "r1" not in seen
        assert "2026-11-20T10:00:00Z" not in seen
        assert re.search(r"Run r1(\]\(https://m/runs\))?, started by", folded)
    assert "\n- [ ] publish\n\nRun r1" in folded
    assert "Reason code: `unclear`" in folded


def test_a_dry_run_is_never_called_ready():
    ended = outcome(Reason.DRY_RUN, "body", PULL)
    assert not ended.done
    assert "is ready" not in status.ended(RUN, ended, PROGRESS, None)
    assert state_labels.of(ended) is not StateLabel.READY


def test_a_text_that_is_too_long_is_cut_and_says_so():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "x" * 70_000), PROGRESS, PAGE)
    assert len(text) < cleaning.TEXT_LIMIT
    assert "characters left out; whole text: https://m/runs/r1" in text


def ended_thread(end: str, about: str = "shop/views.py:3: why?") -> ThreadEnd:
    return ThreadEnd(
        thread_id="t", place="inline", about=about, url="https://g/9#t", end=end, words="So.",
        upto=1,
    )  # fmt: skip


FOLLOW_UP = FollowUp(of="r1", pull=9, round=2, kind="review")


@pytest.mark.parametrize(
    ("ends", "counted", "way"),
    [
        (
            ("commit", "commit", "reply", "human"),
            "2 commits, 1 answer, 1 for a person",
            "a person answers what is left to people, then reviews #9.",
        ),
        (("commit", "reply", "reply"), "1 commit, 2 answers", "a person reviews #9, and merges"),
        ((), "Said \\*so\\*", "a person reviews #9, and merges or closes it."),
    ],
)
def test_a_round_tells_how_its_threads_ended_and_who_acts(ends, counted, way):
    run = RUN.model_copy(update={"run_id": "r2", "follow_up": FOLLOW_UP})
    threads = tuple(ended_thread(end) for end in ends)
    for reason in (Reason.READY, *([Reason.NEW_FAILURES] if threads else [])):
        waiting = tuple(one for one in threads if one.end == "human")
        update = {"threads": threads, "waiting": waiting}
        ended = outcome(reason, "body", PULL).model_copy(update=update)
        text = status.followed(run, FOLLOW_UP, ended, PROGRESS, PAGE)
    label = state_labels.of(ended, follows=True)
    assert (label is StateLabel.NEEDS_HUMAN) == bool(threads)
    assert text.startswith(f"**#9 is open; round 2 of its review is over: {counted}.**\n\n")
    assert f"What to do next: {way}" in text
    assert ("- [shop/views.py:3: why?](https://g/9#t)\n\nThe run" in text) == ("human" in ends)


def test_a_round_that_came_to_nothing_leaves_the_pull_request_and_says_why():
    ended = outcome(Reason.TIME_SPENT, "**The run has used up its time.**\n\nMore.")
    text = status.followed(RUN, FOLLOW_UP, ended, PROGRESS, PAGE)
    head = "**#9 is open as it was; round 2 of its review came to nothing.**\n\n"
    assert text.startswith(f"{head}**The run has used up its time.**\n\nMore.\n\nThe run cost")
    assert "Reason code: `time_spent`" in text
    assert state_labels.of(ended, follows=True) is StateLabel.NEEDS_HUMAN
    moot = outcome(Reason.SUPERSEDED, "Pull request #9 was merged.")
    text = status.followed(RUN, FOLLOW_UP, moot, PROGRESS, PAGE)
    assert text.startswith("**Round 2 of its review was stopped.**\n\nPull request #9 was")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("**Mergewright waits.** Nothing.\n\nMore.", "**Mergewright waits.** This calls a person;"),
        ("\nSaid so.\n", "Said so. This calls a person;"),
        ("**Not closed\nMore.", "**Not closed This calls a person;"),
    ],
)
def test_a_call_takes_the_first_sentence_and_leads_to_the_rest(text, told):
    rest = "[the status comment](https://g/1#c) says what to do next, and how it stands by now."
    assert status.call(text, "https://g/1#c") == f"{told} {rest}"


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        (Reason.READY, StateLabel.READY),
        (Reason.UNCLEAR, StateLabel.NEEDS_HUMAN),
        (Reason.REFUSED, StateLabel.NEEDS_HUMAN),
        (Reason.NEW_FAILURES, StateLabel.FAILED),
        (Reason.INTERRUPTED, StateLabel.FAILED),
    ],
)
def test_each_end_has_its_label(reason, label):
    assert state_labels.of(outcome(reason)) is label


def test_labels_keep_to_what_github_allows():
    for state in StateLabel:
        name, colour, description = state.value
        assert len(name) <= 50
        assert len(description) <= 100
        assert len(colour) == 6
        int(colour, 16)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"type": "creation"}, "create branches"),
        ({"type": "update"}, "push to branches"),
        ({"type": "pull_request"}, "without a pull request"),
        ({"type": "required_status_checks", "parameters": {}}, "checks to pass"),
        (
            {
                "type": "branch_name_pattern",
                "parameters": {"operator": "starts_with", "pattern": "feature/"},
            },
            "branch name (feature/)",
        ),
        (
            {
                "type": "branch_name_pattern",
                "parameters": {"operator": "contains", "pattern": "merge", "negate": True},
            },
            "branch name (merge)",
        ),
    ],
)
def test_a_rule_in_the_way_is_told_in_words(rule, words):
    assert words in branch_rules._objection(rule, "mergewright/42-x")


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "required_linear_history"},
        {"type": "required_signatures"},
        {"type": "required_status_checks", "parameters": {"do_not_enforce_on_create": True}},
        {
            "type": "branch_name_pattern",
            "parameters": {"operator": "starts_with", "pattern": "mergewright/"},
        },
        {"type": "branch_name_pattern", "parameters": {"operator": "regex", "pattern": "(a+)+$"}},
        {"type": "something_new"},
    ],
)
def test_a_rule_that_is_not_in_the_way_is_no_objection(rule):
    assert branch_rules._objection(rule, "mergewright/42-x") is None


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
