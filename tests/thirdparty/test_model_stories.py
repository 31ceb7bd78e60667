"""A scripted model carries tickets out on released projects, through the whole service.

From the label on the issue to the pull request on a simulated GitHub, over HTTP; what the model
says is written by hand (`tests/thirdparty/model_stories/`), all that is measured is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.environments.package_index import SimpleIndex
from tests import faulty_github
from tests.demo import play
from tests.flow import github_stories
from tests.folders import data_folder
from tests.scripted import Server, serving
from tests.scripted.server import NAMES
from tests.simulator import actions
from tests.thirdparty import sources
from tests.thirdparty.model_stories import fastapi_docs, flaskr, slugify
from tests.thirdparty.model_stories.story import Script, Story, has_parallel_calls

pytestmark = pytest.mark.thirdparty

STORIES: tuple[Story, ...] = tuple(
    story for one in (fastapi_docs, slugify, flaskr) for story in one.STORIES
)
EDITOR, REVIEWER = "scripted-editor", "scripted-reviewer"
#: With these a check is silenced; no story asks for that.
_SILENCING = ("noqa", "type: ignore", "pragma: no cover", "mark.skip", "mark.xfail")


@dataclass
class Ground:
    """The service, and a model that says what the stories have it say."""

    stage: play.Stage
    server: Server
    script: Script
    folder: Path


@pytest.fixture(scope="module")
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A service for the wires of the editing model and of the one that reviews."""
    script = Script(STORIES)
    editor, reviewer = (NAMES[wire] for wire in request.param)
    with data_folder("stories") as folder, serving(script) as server:
        home = folder / "home"
        home.mkdir(mode=0o711)
        environ = {
            **server.environ(),
            "MERGEWRIGHT_MODEL": "",
            "MERGEWRIGHT_MODEL_EDITOR": f"{editor}:{EDITOR}",
            "MERGEWRIGHT_MODEL_REVIEWER": f"{reviewer}:{REVIEWER}",
        }
        with faulty_github.staging(home, folder, **environ) as stage:
            yield Ground(stage, server, script, folder)


def begin(ground: Ground, story: Story, index: SimpleIndex) -> github_stories.Story:
    """Label an issue in a repository of the project's released files."""
    project, world = story.project, ground.stage.world
    place = ground.folder / story.name
    place.mkdir()
    source = sources.repository(project.source, index, place, project.config)
    with world.lock:
        hosted = world.add_repository(f"{play.OWNER}/{project.name}", source.path)
        world.grant(hosted, play.MAINTAINER, "write")
        world.add_label(hosted, play.LABEL)
        author = world.user(play.REPORTER)
        issue = actions.open_issue(hosted, author, story.title, story.body, [])
    number = world.requests.next_number()
    told = github_stories.Story(ground.stage, place, hosted, issue, number)
    told.label()
    return told


@pytest.mark.parametrize(
    ("ground", "story"),
    [
        pytest.param((story.project.wire, story.project.reviewed_by), story, id=story.name)
        for story in STORIES
    ],
    indirect=["ground"],
)
def test_a_model_carries_the_ticket_out(ground: Ground, index: SimpleIndex, story: Story) -> None:
    told = begin(ground, story, index)
    base = told.git("rev-parse", "main").strip()
    outcome = told.ended(seconds=900)
    assert ground.script.surprises.get(story.name, []) == []
    assert outcome.reason.value == "ready", f"{outcome.sentence}\n{told.log()[-6000:]}"
    issue = told.assert_ready()
    assert issue.pull is not None
    assert (issue.title, issue.pull.draft) == (story.plan["title"], False)
    assert told.git("merge-base", "main", issue.pull.head_sha).strip() == base

    # The change is what was asked for, and its checks are green.
    change = ("diff", "--no-renames", f"main..{issue.pull.head_ref}")
    listed = [line.split("\t") for line in told.git(*change, "--name-status").splitlines()]
    assert {path: status for status, path in listed} == story.files
    added = [line for line in told.git(*change).splitlines() if line.startswith("+")]
    assert [line for line in added if any(word in line for word in story.never + _SILENCING)] == []
    verdicts = {check.name: check.verdict.value for check in outcome.checks}
    assert set(verdicts.values()) == {"passed"}
    assert verdicts.keys() >= {*story.checks}

    # The proof is red before and green after, and words are marked as whose they are.
    body = issue.body or ""
    _, head, rest = body.partition("| Test | Without the change | With it |\n|---|")
    assert bool(head) == bool(story.proof)
    table = [line for line in rest.partition("\n\n")[0].splitlines()[1:] if line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in table]
    red = {name.strip("`").partition("[")[0] for name, without, _ in rows if without != "passed"}
    assert red == {*story.proof}
    assert {with_change for *_, with_change in rows} <= {"passed"}
    assert body.index("which nothing has verified:") < body.index(f"> {story.words}")
    where = body.index(f"{REVIEWER} reviewed the change: {int(story.remark is not None)} remark")
    assert story.remark is None or where < body.index(story.remark["text"])

    # It was asked over its wire.
    project = story.project
    requests = [one for one in ground.server.requests if ground.script.story(one) == story]
    for seen in requests:
        wire = project.reviewed_by if seen.model == REVIEWER else project.wire
        assert (seen.wire, seen.stream) == (wire, True)
    assert {seen.model for seen in requests} == {EDITOR, REVIEWER}
    assert any(has_parallel_calls(seen) for seen in requests)
    kinds = [one["event"] for one in told.events() if one["event"].startswith("model.")]
    assert kinds == ["model.asked", "model.answered", "model.called"] * len(requests)
