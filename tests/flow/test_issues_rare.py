"""Stories of labelled issues that are told seldom: odd repositories, rights, orders and ends."""

from __future__ import annotations

import pytest

from agent.models.run import Reason
from tests.flow.test_issues import move_base

pytestmark = pytest.mark.deep


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
