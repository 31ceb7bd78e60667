"""The label is set again on an issue whose pull request is still open."""

from __future__ import annotations

import re
import time

from agent.domain import Reason, RunState
from tests.flow.github_stories import BODY, FILES, Story

TWO_FILES = {
    **FILES,
    "till/change.py": (
        '"""Giving change."""\n\n\ndef give(paid: int, price: int) -> int:\n'
        '    """Subtract."""\n    print("giving change")\n    return paid - price\n'
    ),
}


def label_again(told: Story) -> None:
    """Take the label off and set it again, as a person does it."""
    time.sleep(1.1)  # GitHub's times have seconds
    told.unlabel()
    told.label()


def test_the_same_change_gets_no_second_pull_request(story):
    told = story()
    told.label()
    pull = told.assert_ready()
    before = told.git("for-each-ref")
    label_again(told)
    again = told.ended(attempt=2)
    assert (again.state, again.reason) == (RunState.OPEN, Reason.READY)
    assert f"#{pull.number} holds this very change already" in again.sentence
    assert again.pull_request.number == pull.number
    assert [one.number for one in told.pulls()] == [pull.number]
    assert told.git("for-each-ref") == before
    said = told.comments()[-1].body
    assert f"**A checked pull request is ready: #{pull.number}**" in said
    assert "_it holds this very change already, so no second one was made_" in said
    assert "- [x] Build the environment: from an earlier run" in said
    assert "- [x] Run the checks without the change: from an earlier run" in said
    # There was nothing to write; what took less than a tenth of a second has no time.
    assert re.search(r"^- \[x\] Publish(: \d+\.\d s)?$", said, re.MULTILINE)
    log = told.log(attempt=2)
    assert "holds this very change already" in log


def test_another_text_makes_a_pull_request_that_says_which_one_it_replaces(story):
    told = story(files=TWO_FILES)
    told.label()
    first = told.assert_ready()
    told.edit(body=f"{BODY[:-2]} and `till/change.py`.\n")
    label_again(told)
    outcome = told.ended(attempt=2)
    assert outcome.reason is Reason.READY, outcome.sentence
    second = next(one for one in told.pulls() if one.number == outcome.pull_request.number)
    assert second.number != first.number
    assert f"Replaces #{first.number}, made by an earlier run of this issue" in second.body


def test_once_the_pull_request_is_closed_the_same_change_gets_another(story):
    told = story()
    told.label()
    first = told.assert_ready()
    told.issue, issue = first, told.issue
    told.close()
    told.issue = issue
    label_again(told)
    outcome = told.ended(attempt=2)
    assert outcome.reason is Reason.READY, outcome.sentence
    assert outcome.pull_request.number != first.number
