"""What the status comment, titles, rules and annotations say."""

from __future__ import annotations

import re
import time

import pytest

from agent import cleaning
from agent.adapters.github import branch_rules, checks_report, state_labels
from agent.adapters.github import status_comment as status
from agent.adapters.github.state_labels import StateLabel
from agent.domain import (
    Finding,
    IssueRef,
    Outcome,
    PullRequest,
    Reason,
    Run,
    Severity,
    Snapshot,
    end_state,
)
from agent.ports import StageMark

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
MARKS = (
    StageMark(stage="read ticket", state="done"),
    StageMark(stage="checks", state="running", detail="base <b>@bob</b>"),
    StageMark(stage="publish", state="waiting"),
)


def outcome(reason: Reason, text: str | None = None, pull: PullRequest | None = None) -> Outcome:
    return Outcome(
        run_id="r1", state=end_state(reason), reason=reason, sentence="Said *so*.",
        pull_request_text=text, pull_request=pull,
    )  # fmt: skip


def test_progress_is_a_checklist_that_calls_nobody():
    text = status.progress(RUN, MARKS, None)
    assert "- [x] read ticket" in text
    assert "- [ ] **checks** …: base &lt;b&gt;@\u200bbob&lt;/b&gt;" in text
    assert "- [ ] publish" in text
    assert "@bob" not in text


def test_the_end_links_the_pull_request_and_tells_what_could_not_be_had():
    pull = PullRequest(number=9, url="https://g/9", draft=True, notes=("ann was not asked",))
    text = status.ended(RUN, outcome(Reason.READY, "body", pull), MARKS, "https://m/runs/r1")
    for words in ("#9", "(draft)", "ann was not asked", "https://m/runs/r1", "- [x] publish"):
        assert words in text
    assert "body" not in text


def test_a_run_without_a_pull_request_says_why_in_the_one_comment():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red\n\ntests fail"), MARKS, None)
    assert text.startswith("## Red\n\ntests fail")
    assert "- [x] read ticket" in text
    sentence = status.ended(RUN, outcome(Reason.UNAVAILABLE), (), None)
    assert sentence.startswith("Said \\*so\\*.")


def test_no_stage_of_a_run_that_has_ended_stays_under_way():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "## Red"), MARKS, None)
    assert "- [ ] **checks** (not done): base" in text
    assert "- [ ] publish" in text
    assert "…" not in text


def test_the_stage_that_ends_a_run_has_its_time():
    began = StageMark(stage="publish", state="running", begun=time.time() - 2.0)
    pull = PullRequest(number=9, url="https://g/9")
    text = status.ended(RUN, outcome(Reason.READY, "body", pull), (MARKS[0], began), None)
    assert re.search(r"- \[x\] publish: 2\.\d s\n", text)
    # A clock that was set tells nothing.
    began = began.model_copy(update={"begun": time.time() + 3_600})
    text = status.ended(RUN, outcome(Reason.READY, "body", pull), (MARKS[0], began), None)
    assert "- [x] publish\n" in text


def test_numbers_and_times_for_few_people_are_folded():
    pull = PullRequest(number=9, url="https://g/9")
    for text in (
        status.progress(RUN, MARKS, None),
        status.waiting(RUN, 1),
        status.ended(RUN, outcome(Reason.READY, "body", pull), MARKS, None),
        status.ended(RUN, outcome(Reason.UNCLEAR, "Which?"), MARKS, None),
    ):
        seen, _, folded = text.partition("\n\n<details><summary>Details</summary>\n\n")
        assert "r1" not in seen
        assert "2026-11-20T10:00:00Z" not in seen
        assert "Run r1, started by" in folded
    assert "\n- [ ] publish\n\nRun r1" in folded
    assert "Reason code: `unclear`" in folded


def test_a_dry_run_is_never_called_ready():
    pull = PullRequest(number=9, url="https://g/9")
    ended = outcome(Reason.DRY_RUN, "body", pull)
    assert not ended.done
    assert "is ready" not in status.ended(RUN, ended, MARKS, None)
    assert state_labels.of(ended) is not StateLabel.READY


def test_a_text_that_is_too_long_is_cut_and_says_so():
    text = status.ended(RUN, outcome(Reason.NEW_FAILURES, "x" * 70_000), MARKS, "https://m/runs/r1")
    assert len(text) < cleaning.TEXT_LIMIT
    assert "characters left out; whole text: https://m/runs/r1" in text


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
