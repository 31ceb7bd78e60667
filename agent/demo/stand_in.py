"""A simulated GitHub with the one repository and issue of a run that is done again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from agent.demo.simulator import actions, serving
from agent.demo.simulator.records import Repository, User
from agent.demo.simulator.world import World
from agent.models.run import Run
from agent.models.ticket import Snapshot
from agent.settings import Settings

_BOT = "mergewright-replay"


@contextmanager
def standing_in(
    run: Run, labels: Iterable[str], source: Path, settings: Settings, folder: Path
) -> Iterator[tuple[Run, Settings]]:
    """Serve it while the block runs; give the run and the settings that lead there.

    What else GitHub had then, as other pull requests, is not there.

    Args:
        labels: That the issue carries.
        source: A git repository with the base branch.
        folder: Scratch; must not exist.
    """
    snapshot = run.snapshot
    if snapshot is None:
        raise AssertionError("a run of a file needs no GitHub")
    world = World(folder)
    with serving.running(world):
        _person(world, snapshot.issue.repository.partition("/")[0])
        # Their numbers are part of what an approval is told apart by.
        world.number_next(snapshot.issue.repository_id)
        repository = world.add_repository(snapshot.issue.repository, source)
        world.add_user(_BOT)
        world.grant(repository, _BOT, "write")
        _open(world, repository, snapshot, labels)
        there = snapshot.issue.model_copy(update={"installation_id": None})
        again = run.model_copy(update={"snapshot": snapshot.model_copy(update={"issue": there})})
        led = settings.model_copy(
            update={
                "github_url": f"{world.base_url}/api/v3",
                "github_token": SecretStr(world.token_for(_BOT)),
                "github_token_file": None,
                "github_app_id": None,
                "github_private_key_file": None,
            }
        )
        yield again, led


def _open(world: World, repository: Repository, snapshot: Snapshot, labels: Iterable[str]) -> None:
    issue = snapshot.issue
    author = _person(world, snapshot.author)
    carried = []
    with world.lock:
        for name in labels:
            if name not in repository.labels:
                world.add_label(repository, name)
            carried.append(repository.labels[name])
        repository.last_number = issue.number - 1
        world.number_next(issue.issue_id)
        actions.open_issue(repository, author, snapshot.title, snapshot.body, carried)


def _person(world: World, login: str) -> User:
    return world.users.get(login.lower()) or world.add_user(login)
