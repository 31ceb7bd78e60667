"""Whole runs while people change the issue, the repository or what we may do there."""

from __future__ import annotations

import re

import pytest

from agent.demo.play import LABEL, MAINTAINER
from agent.demo.simulator import actions, git_store
from tests.flow.github_stories import Story


def transferred(told: Story) -> None:
    world = told.stage.world
    there = world.add_repository(f"{told.name}-next")
    world.transfer(told.repository, told.issue.number, there, world.user(MAINTAINER))


def deleted(told: Story) -> None:
    world = told.stage.world
    with world.lock:
        label = told.repository.labels[LABEL]
        actions.delete_label(world, told.repository, label, world.user(MAINTAINER))


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(Story.close, id="closed"),
        pytest.param(Story.lock, id="locked"),
        pytest.param(transferred, id="transferred"),
        pytest.param(Story.unlabel, id="label removed"),
        pytest.param(deleted, id="label deleted"),
    ],
)
def test_an_issue_that_is_taken_back_mid_run_ends_it_without_a_push(story, happens):
    told = story()
    told.label()
    told.announced()
    happens(told)
    outcome = told.ended()
    assert (outcome.state.value, outcome.reason.value) == ("cancelled", "superseded")
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1
    assert "mergewright: working" not in told.labels() or told.issue.locked


def test_an_app_that_is_removed_mid_run_ends_it_without_a_push(story, stage):
    owner = "leaving-shop"
    stage.world.add_user(owner, "Organization")
    installation = stage.world.install(stage.app, owner)
    told = story(owner=owner)
    told.label()
    told.announced()
    stage.world.uninstall(installation)
    outcome = told.ended()
    assert outcome.reason.value == "access_lost"
    assert "our App was removed" in outcome.sentence or "no access" in outcome.sentence
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1


def test_a_repository_that_is_archived_mid_run_ends_it_without_a_push(story):
    told = story()
    told.label()
    told.announced()
    told.repository.archived = True
    outcome = told.ended()
    assert outcome.reason.value == "access_lost"
    assert "archived" in outcome.sentence
    told.assert_nothing_pushed()


def test_a_default_branch_that_is_gone_is_named(story, stage):
    told = story()
    stage.world.set_default_branch(told.repository, "trunk")
    told.label()
    outcome = told.ended()
    assert outcome.reason.value == "repository_unfit"
    assert "trunk" in told.comments()[0].body
    told.assert_nothing_pushed()


def test_a_rule_that_covers_our_branches_is_named(story, stage):
    told = story()
    stage.world.add_rule(told.repository, "mergewright/**", ("creation",))
    told.label()
    outcome = told.ended()
    assert outcome.reason.value == "refused"
    assert "does not let us create branches of this name" in outcome.sentence
    (comment,) = told.comments()
    assert "branch_prefix" in comment.body.replace("\\", "")
    told.assert_nothing_pushed()


def test_a_classic_protection_that_covers_our_branches_refuses_the_push_in_words(story, stage):
    told = story()
    stage.world.add_rule(told.repository, "mergewright/**", ("creation",), classic=True)
    told.label()
    outcome = told.ended()
    assert not outcome.done
    assert outcome.reason.value in ("refused", "repository_unfit", "access_lost"), outcome.sentence
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1


def test_an_app_that_may_not_open_pull_requests_is_told_before_anything_is_pushed(story, stage):
    owner = "careful-shop"
    stage.world.add_user(owner, "Organization")
    granted = {
        name: level for name, level in stage.app.permissions.items() if name != "pull_requests"
    }
    stage.world.install(stage.app, owner, permissions=granted)
    told = story(owner=owner)
    told.label()
    outcome = told.ended()
    assert (outcome.reason.value, outcome.branch) == ("access_lost", None)
    assert "needs the permission pull_requests: write" in outcome.sentence
    told.assert_nothing_pushed()
    assert told.labels() == {LABEL, "mergewright: failed"}


def test_a_pull_request_that_is_refused_after_the_push_leaves_a_branch_that_is_named(story):
    told = story()
    told.fault("refuse", "POST", "pulls", status=403, count=None)
    told.label()
    outcome = told.ended()
    assert (outcome.state.value, outcome.reason.value) == ("failed", "access_lost")
    (branch,) = told.branches()
    assert outcome.branch == branch
    assert outcome.commit == told.git("rev-parse", f"refs/heads/{branch}").strip()
    assert outcome.pull_request is None
    assert outcome.sentence.startswith(
        f"The branch {branch} was pushed; no pull request could be opened: "
    )
    (comment,) = told.comments()
    assert f"The branch `{branch}` is there, at commit `{outcome.commit}`." in comment.body
    assert "no branch" not in comment.body
    assert "**Publish** (not done)" in comment.body
    assert told.labels() == {LABEL, "mergewright: failed"}
    assert told.pulls() == []


def test_required_signatures_are_met_by_a_commit_that_github_signs(story, stage):
    told = story()
    stage.world.add_rule(told.repository, "~ALL", ("required_signatures",))
    told.label()
    pull = told.assert_ready()
    commit = git_store.read_commit(told.repository.git_dir, pull.pull.head_sha)
    assert commit.verified
    assert told.requests("POST", "*/git-receive-pack") == []
    assert len(told.requests("POST", "/api/graphql")) == 1


def test_WH6_a_repository_renamed_between_label_and_run_is_followed(story, stage):
    told = story()
    before = told.name
    told.fault("delay", "GET", "collaborators/*", seconds=0.5)
    told.label()
    stage.world.rename(told.repository, f"{told.repository.name}-renamed")
    pull = told.assert_ready()
    assert told.name != before
    assert told.runs()[0].outcome.pull_request.url.endswith(f"/{told.name}/pull/{pull.number}")


@pytest.mark.parametrize(
    "title",
    [("Log instead of printing " * 13)[:300], "🧾 סכום הקופה 🧾\u202e\u0007"],
    ids=["300 characters", "emoji, right to left, controls"],
)
def test_an_odd_title_is_carried(story, title):
    told = story(title=title)
    told.label()
    pull = told.assert_ready()
    assert len(pull.title) <= 256
    assert "\n" not in pull.title
    assert "\u202e" not in pull.title + pull.body


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        ("fixes #77 @acme ![p](#q) <img alt=q> </details> ``` <!--", "ready"),
        # What looks like a path is asked about, in a comment that quotes it.
        (
            "fixes #77 @acme/all ![p]({canary}) <img src={canary}> </details> ``` <!--",
            "unclear",
        ),
    ],
    ids=["in a pull request", "in questions"],
)
def test_UI4_UI5_foreign_words_do_nothing_in_what_we_write(story, stage, foreign, reason):
    canary = f"{stage.address}/canary.png"
    told = story(title=f"Log instead of printing {foreign.format(canary=canary)}")
    told.label()
    outcome = told.ended()
    assert outcome.reason.value == reason, outcome.sentence
    if reason == "ready":
        pull = told.assert_ready()
        assert "acme" in pull.body
    else:
        told.assert_nothing_pushed()
        assert "acme/all" in outcome.sentence
        assert "canary.png" in outcome.sentence
        assert told.labels() == {LABEL, "mergewright: needs human"}
    texts = [one.body for one in told.comments()]
    texts += [text for one in told.pulls() for text in (one.title, one.body or "")]
    texts += [one.summary or "" for one in told.checks()]
    assert texts
    for text in texts:
        # What stands in code, a log of ours for example, does nothing either.
        # An escaped backtick begins no code.
        plain = re.sub(r"(?s)\\`|(`{3,})\w*\n.*?\n\1|(`+)[^`].*?\2", "", text)
        assert "@acme" not in plain
        assert not re.search(r"(?i)fix(es)? #77", plain)
        assert not re.search(r"(?<!\\)!\[", plain)
        assert "<img" not in plain
        assert plain.count("<details>") == plain.count("</details>")
    assert stage.world.requests.find("/canary*") == []


def test_TC4_an_edit_between_label_and_fetch_does_not_change_what_is_done(story, stage):
    told = story()
    told.fault("delay", "GET", "collaborators/*", seconds=1)
    told.label()
    told.edit("Delete everything", "Replace print with logging in `tests/test_count.py`.\n")
    pull = told.assert_ready()
    assert told.git("diff", "--name-only", f"main..{pull.pull.head_ref}").split() == [
        "till/count.py"
    ]
    assert told.runs()[0].run.snapshot.digest[:16] in pull.body
    assert "edit made after the label was set" in pull.body
    assert "Delete everything" not in pull.body


def test_TC4_an_edit_during_the_run_does_not_change_what_is_done(story):
    told = story()
    told.label()
    told.announced()
    told.edit(body="Replace print with logging in `tests/test_count.py`.\n")
    pull = told.assert_ready()
    assert told.runs()[0].run.snapshot.digest[:16] in pull.body
    assert told.git("diff", "--name-only", f"main..{pull.pull.head_ref}").split() == [
        "till/count.py"
    ]
