"""A scripted model carries tickets out on released projects, through the whole service.

From the label on the issue to the pull request on a simulated GitHub, over HTTP; what the model
says is written by hand (`tests/thirdparty/model_stories/`), all that is measured is real.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.environments.package_index import SimpleIndex
from tests.folders import data_folder
from tests.thirdparty.model_stories import (
    api_key,
    fastapi_docs,
    flaskr,
    served,
    slugify,
)
from tests.thirdparty.model_stories.diffs import amiss
from tests.thirdparty.model_stories.served import EDITOR, REVIEWER, Theatre, Told
from tests.thirdparty.model_stories.story import Story, parallel

pytestmark = pytest.mark.thirdparty

_PROJECTS = (fastapi_docs, slugify, api_key, flaskr)
STORIES: tuple[Story, ...] = tuple(story for project in _PROJECTS for story in project.STORIES)


@pytest.fixture(scope="session")
def playing(request: pytest.FixtureRequest, index: SimpleIndex) -> Iterator[Theatre]:
    """All stories that are asked for, under way at the same time."""
    # Other modules give their tests parameters of this name too, which are no stories.
    asked = [
        item.callspec.params.get("told")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    mine = [story for story in STORIES if story in asked]
    with data_folder("stories") as folder:
        home = folder / "home"
        home.mkdir(mode=0o711)
        with served.theatre(mine, home, folder, index) as made:
            yield made


@pytest.fixture(scope="session", params=STORIES, ids=lambda story: story.name)
def told(request: pytest.FixtureRequest, playing: Theatre) -> Told:
    """One story that is over."""
    story: Story = request.param
    return playing.told(story)


def test_the_pull_request_has_what_was_asked_for(told: Told) -> None:
    story, pull = told.story, told.pull
    assert told.outcome.reason.value == "ready", told.outcome.sentence
    assert (pull["state"], pull["title"]) == ("open", story.plan["title"])
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", told.base)
    assert pull["draft"] == story.is_draft, pull["body"]
    assert "- review `" not in pull["body"]
    assert told.files == story.files


def test_the_diff_does_what_was_asked_for_and_nothing_else(told: Told) -> None:
    assert told.pull["base"]["sha"] == told.base
    assert amiss(told.diff, told.story.diff, told.story.never) == []


def test_its_checks_are_green(told: Told) -> None:
    verdicts = {check.name: check.verdict.value for check in told.outcome.checks}
    assert set(verdicts.values()) == {"passed"}
    assert verdicts.keys() >= {*told.story.checks}
    (run,) = told.check_runs
    assert (run["status"], run["conclusion"]) == ("completed", "success")
    assert run["head_sha"] == told.pull["head"]["sha"]


def test_the_proof_is_red_before_and_green_after(told: Told) -> None:
    _, head, rest = told.pull["body"].partition("| Test | Without the change | With it |\n|---|")
    assert bool(head) == bool(told.story.proof)
    table = [line for line in rest.partition("\n\n")[0].splitlines()[1:] if line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in table]
    red = {name.strip("`").partition("[")[0] for name, without, _ in rows if without != "passed"}
    assert red == {*told.story.proof}
    assert {with_change for *_, with_change in rows} <= {"passed"}


def test_words_are_marked_as_whose_they_are(told: Told) -> None:
    story, body = told.story, told.pull["body"]
    assert body.index(f"> {story.words}") < body.index("The quote is the model's")
    where = body.index(f"{REVIEWER} reviewed the change: {len(story.remarks)} remark")
    for remark in story.remarks:
        assert where < body.index(remark.text)


def test_the_model_was_asked_over_its_wire(told: Told) -> None:
    project = told.story.project
    assert told.requests
    for seen in told.requests:
        reviewing = seen.model == REVIEWER
        assert seen.wire == (project.reviewed_by if reviewing else project.wire)
        assert seen.stream
    assert {seen.model for seen in told.requests} == {EDITOR, REVIEWER}
    assert any(parallel(seen) for seen in told.requests)
    kinds = [one["event"] for one in told.ledger if one["event"].startswith("model.")]
    assert kinds == ["model.asked", "model.answered", "model.called"] * len(told.requests)


def test_the_issue_is_told_the_end(told: Told) -> None:
    (comment,) = told.comments
    assert f"Pull request #{told.pull['number']} is ready" in comment["body"]
