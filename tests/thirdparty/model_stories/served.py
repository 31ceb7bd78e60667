"""The stories under way: issues on a simulated GitHub, labelled, with the service beside it.

Listener and worker are processes of their own, as an operator starts them; the model is asked over
HTTP. What came of a story is asked for as a person would. Nothing is judged here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from agent.demo import play
from agent.demo.play import Stage
from agent.demo.simulator import actions
from agent.demo.simulator.records import Issue
from agent.demo.simulator.records import Repository as Hosted
from agent.environments.package_index import SimpleIndex
from agent.models.outcome import Outcome
from tests.flow.stories import Repository
from tests.scripted import Seen, Server, serving
from tests.scripted.server import NAMES
from tests.thirdparty import sources
from tests.thirdparty.model_stories.story import Project, Script, Story

_LONGEST_SECONDS = 900.0
EDITOR, REVIEWER = "scripted-editor", "scripted-reviewer"


@dataclass(frozen=True)
class Told:
    """What GitHub, git and the run's folder show of a story that is over."""

    story: Story
    base: str
    """The commit that it started from."""
    outcome: Outcome
    comments: list[dict[str, Any]]
    pulls: list[dict[str, Any]]
    """That name the issue."""
    check_runs: list[dict[str, Any]]
    files: dict[str, str]
    """On the branch: A, M or D by path."""
    diff: str
    ledger: list[dict[str, Any]]
    requests: list[Seen]
    """To the model."""
    surprises: list[str]
    log: str

    @property
    def pull(self) -> dict[str, Any]:
        """The one pull request."""
        assert self.surprises == [], "\n".join(self.surprises)
        assert len(self.pulls) == 1, f"{self.outcome.sentence}\n{self.log[-6000:]}"
        return self.pulls[0]


@dataclass
class Theatre:
    """The service and its stories."""

    stage: Stage
    script: Script
    server: Server
    index: SimpleIndex
    folder: Path
    _hosted: dict[str, tuple[Hosted, Repository]] = field(default_factory=dict)
    _begun: dict[str, tuple[Hosted, Issue, Repository]] = field(default_factory=dict)

    def begin(self) -> None:
        """Open an issue for each story, and label it: all are under way then."""
        for story in self.script.stories:
            name = story.project.name
            if name not in self._hosted:
                self._hosted[name] = self._push(story.project)
            where, repository = self._hosted[name]
            world = self.stage.world
            with world.lock:
                author = world.user(play.REPORTER)
                issue = actions.open_issue(where, author, story.title, story.body, [])
                person, label = world.user(play.MAINTAINER), where.labels[play.LABEL]
                actions.add_labels(issue, [label], person)
            self._begun[story.name] = where, issue, repository

    def _push(self, project: Project) -> tuple[Hosted, Repository]:
        editor = f"{NAMES[project.wire]}:{EDITOR}"
        reviewer = f"{NAMES[project.reviewed_by]}:{REVIEWER}"
        models = f"models: {{editor: '{editor}', reviewer: '{reviewer}'}}\n"
        repository = sources.repository(
            project.source, self.index, self.folder, f"{models}{project.config}"
        )
        bare = self.folder / f"{project.name}.source"
        repository.git("clone", "-q", "--bare", str(repository.path), str(bare))
        world = self.stage.world
        with world.lock:
            hosted = world.add_repository(f"{play.OWNER}/{project.name}", bare)
            world.grant(hosted, play.MAINTAINER, "write")
            world.add_label(hosted, play.LABEL)
        return hosted, repository

    def told(self, story: Story) -> Told:
        """Wait for the end of a story, and look."""
        hosted, issue, repository = self._begun[story.name]
        outcome = self._ended(hosted, issue)
        token = self.stage.world.token_for(play.MAINTAINER)
        below = f"{self.stage.world.base_url}/api/v3/repos/{hosted.full_name}"

        def ask(path: str) -> Any:
            given = {"Authorization": f"token {token}"}
            return httpx.get(f"{below}/{path}", headers=given).raise_for_status().json()

        every = ask("pulls?state=all&per_page=100")
        pulls = [one for one in every if f"Closes #{issue.number}:" in str(one["body"])]
        files, diff = {}, ""
        if pulls:
            url = self.stage.world.base_url.replace("://", f"://{play.MAINTAINER}:{token}@")
            head = pulls[0]["head"]["ref"]
            repository.git("fetch", "-q", f"{url}/{hosted.full_name}.git", head)
            listed = repository.git("diff", "--name-status", "--no-renames", "main..FETCH_HEAD")
            pairs = (line.split("\t") for line in listed.splitlines())
            files = {path: status for status, path in pairs}
            diff = repository.git("diff", "--no-renames", "main..FETCH_HEAD")
        runs = self.stage.home / "runs" / outcome.run_id
        lines = (runs / "ledger.jsonl").read_text().splitlines()
        checks = ask(f"commits/{pulls[0]['head']['sha']}/check-runs") if pulls else {}
        return Told(
            story=story,
            base=repository.git("rev-parse", "main").strip(),
            outcome=outcome,
            comments=ask(f"issues/{issue.number}/comments"),
            pulls=pulls,
            check_runs=checks.get("check_runs", []),
            files=files,
            diff=diff,
            ledger=[json.loads(line) for line in lines],
            requests=[seen for seen in self.server.requests if self.script.story(seen) == story],
            surprises=self.script.surprises.get(story.name, []),
            log=(runs / "run.log").read_text(),
        )

    def _ended(self, hosted: Hosted, issue: Issue) -> Outcome:
        end = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < end:
            for stored in self.stage.store.list_latest(100, hosted.full_name):
                snapshot = stored.run.snapshot
                of_issue = snapshot is not None and snapshot.issue.number == issue.number
                if of_issue and stored.outcome is not None:
                    return stored.outcome
            time.sleep(0.5)
        words = self.stage.service.log.read_text(errors="replace")[-3000:]
        raise AssertionError(f"no run of {hosted.name}#{issue.number} came to an end:\n{words}")


@contextmanager
def theatre(
    stories: Sequence[Story], home: Path, folder: Path, index: SimpleIndex
) -> Iterator[Theatre]:
    """Begin the stories; the service ends with the block.

    Args:
        home: The service's data folder.
        folder: Scratch.
    """
    script = Script(tuple(stories))
    with (
        serving(script) as server,
        play.staging(home, folder, **_environ(server)) as stage,
    ):
        made = Theatre(stage, script, server, index, folder / "projects")
        made.folder.mkdir()
        made.begin()
        yield made


def _environ(server: Server) -> dict[str, str]:
    """Settings of an operator who has one model for each wire, and a second one that reviews."""
    every = [f"{provider}:{name}" for provider in NAMES.values() for name in (EDITOR, REVIEWER)]
    return {
        **server.environ(),
        "MERGEWRIGHT_MODEL": "",
        "MERGEWRIGHT_MODEL_EDITOR": f"openai:{EDITOR}",
        "MERGEWRIGHT_MODEL_REVIEWER": f"openai:{REVIEWER}",
        "MERGEWRIGHT_MODEL_ALLOW": ",".join(every),
    }
