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
from tests.thirdparty.model_stories.served import EDITOR, REVIEWER, Theatre, Told
from tests.thirdparty.model_stories.story import Story, has_parallel_calls

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


#: With these a check is silenced; no story asks for that.
_SILENCING = ("noqa", "type: ignore", "pragma: no cover", "mark.skip", "mark.xfail")


def test_the_pull_request_has_what_was_asked_for_and_its_checks_are_green(told: Told) -> None:
    story, pull = told.story, told.pull
    assert told.outcome.reason.value == "ready", told.outcome.sentence
    assert (pull["state"], pull["draft"], pull["title"]) == ("open", False, story.plan["title"])
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", told.base)
    assert told.files == story.files
    added = [line for line in told.diff.splitlines() if line.startswith("+")]
    assert [line for line in added if any(word in line for word in story.never + _SILENCING)] == []
    verdicts = {check.name: check.verdict.value for check in told.outcome.checks}
    assert set(verdicts.values()) == {"passed"}
    assert verdicts.keys() >= {*story.checks}
    (run,) = told.check_runs
    assert (run["conclusion"], run["head_sha"]) == ("success", pull["head"]["sha"])
    (comment,) = told.comments
    assert f"Pull request #{pull['number']} is ready" in comment["body"]


def test_the_proof_is_red_before_and_words_are_marked_as_whose_they_are(told: Told) -> None:
    story, body = told.story, told.pull["body"]
    _, head, rest = body.partition("| Test | Without the change | With it |\n|---|")
    assert bool(head) == bool(story.proof)
    table = [line for line in rest.partition("\n\n")[0].splitlines()[1:] if line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in table]
    red = {name.strip("`").partition("[")[0] for name, without, _ in rows if without != "passed"}
    assert red == {*story.proof}
    assert {with_change for *_, with_change in rows} <= {"passed"}
    assert body.index(f"> {story.words}") < body.index("The quote is the model's")
    where = body.index(f"{REVIEWER} reviewed the change: {int(story.remark is not None)} remark")
    assert story.remark is None or where < body.index(story.remark["text"])


def test_the_model_was_asked_over_its_wire(told: Told) -> None:
    project = told.story.project
    for seen in told.requests:
        reviewing = seen.model == REVIEWER
        assert seen.wire == (project.reviewed_by if reviewing else project.wire)
        assert seen.stream
    assert {seen.model for seen in told.requests} == {EDITOR, REVIEWER}
    assert any(has_parallel_calls(seen) for seen in told.requests)
    kinds = [one["event"] for one in told.ledger if one["event"].startswith("model.")]
    assert kinds == ["model.asked", "model.answered", "model.called"] * len(told.requests)
