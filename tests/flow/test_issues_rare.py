"""Stories of labelled issues that are told seldom: odd repositories, rights, orders and ends."""

from __future__ import annotations

import time

import pytest

from agent.models.run import Reason, RunState
from tests.flow.github_stories import Story, await_
from tests.flow.test_issues import move_base

pytestmark = pytest.mark.deep


def label_again(told: Story) -> None:
    """Take the label off and set it again, as a person does it."""
    time.sleep(1.1)  # GitHub's times have seconds
    told.unlabel()
    told.label()


def end(told: Story, number: int, how: str) -> None:
    """Merge or close a pull request, as a maintainer does."""
    with told.person() as client:
        below = f"/pulls/{number}"
        if how == "closed":
            done = client.patch(below, json={"state": "closed"})
        else:
            done = client.put(f"{below}/merge", json={"merge_method": how})
    assert done.status_code == 200, done.text


def test_the_label_set_again_makes_no_second_one_until_people_have_closed_the_first(story):
    told = story()
    told.label()
    pull = told.assert_ready()
    before = told.git("for-each-ref")
    label_again(told)
    again = told.ended(attempt=2)
    assert (again.state, again.reason) == (RunState.OPEN, Reason.READY)
    assert again.pull_request.number == pull.number
    assert told.git("for-each-ref") == before
    end(told, pull.number, "closed")
    closed = RunState.CLOSED
    await_(lambda: closed in {one.state for one in told.runs()} or None, "its end")
    label_again(told)
    third = told.ended(attempt=3)
    assert third.reason is Reason.READY, third.sentence
    (second,) = [one for one in told.pulls() if one.number == third.pull_request.number]
    assert second.number != pull.number


@pytest.mark.parametrize("how", ["rewritten", "deleted", "another default"])
def test_GH6_a_base_that_is_not_what_it_was_is_an_honest_end(story, stage, how):
    told = story(fresh=True)
    if how == "another default":
        stage.world.set_default_branch(told.repository, "trunk")
    told.label()
    if how != "another default":
        told.begun("baseline")
    if how == "rewritten":
        move_base(told, rewritten=True)
    elif how == "deleted":
        told.git("branch", "trunk", "main")
        stage.world.set_default_branch(told.repository, "trunk")
        told.git("update-ref", "-d", "refs/heads/main")
    outcome = told.ended()
    assert outcome.reason is Reason.UNFIT, outcome.sentence
    assert ("trunk" if how == "another default" else "main") in outcome.sentence
    assert told.pulls() == []
    (comment,) = told.comments()
    assert outcome.branch is None or f"`{outcome.branch}`" in comment.body


def test_WH6_a_repository_renamed_between_label_and_run_ends_without_a_pull_request(story):
    told = story(fresh=True)
    told.label()
    told.begun("baseline")
    told.fault("answer", "*", "*", status=301, count=None)
    outcome = told.ended()
    assert outcome.reason in (Reason.ACCESS_LOST, Reason.SUPERSEDED), outcome.sentence
    assert "renamed" in outcome.sentence
    assert told.pulls() == []
