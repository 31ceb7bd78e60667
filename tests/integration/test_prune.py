"""What the clean-up removes of caches besides environments, with real mirrors."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from agent.environments import prune
from agent.git import worktree
from agent.models.change import ChangedFile
from agent.models.environment import Checkout
from agent.settings import Settings
from tests.integration.git_samples import change, git, make

DAY = 86_400


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def repository(home: Path) -> Path:
    return make(home / "repository")


@pytest.fixture
def checkout(settings: Settings, repository: Path) -> Checkout:
    return worktree.prepare_checkout(str(repository), None, settings.home / "mirrors")


def commit(checkout: Checkout, days_ago: float, content: str) -> str:
    """A commit as a run makes it, pinned in the mirror."""
    file = ChangedFile(path="a.py", before=b"x = 1\n", after=content.encode())
    date = int(time.time() - days_ago * DAY)
    return worktree.make_commit(checkout, change(checkout, file), content, date=date)


def pins(checkout: Checkout) -> set[str]:
    said = git(
        Path(checkout.mirror), "for-each-ref", "--format=%(objectname)", "refs/mergewright/commits/"
    )
    return set(said.split())


def ledger(settings: Settings, run: str, commit_id: str) -> Path:
    place = settings.home / "runs" / run / "ledger.jsonl"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"event": "step", "result": {"commit": commit_id}}) + "\n")
    return place


def test_base_commits_that_were_measured_long_ago_go(settings):
    folder = settings.home / "baselines"
    folder.mkdir(parents=True)
    for name, days in (("old.json", 40), ("young.json", 2)):
        (folder / name).write_text("x" * 5000)
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    assert prune.remove_unused(settings) == 1
    assert os.listdir(folder) == ["young.json"]


def test_commits_that_no_kept_run_knows_are_let_go_when_they_are_old(settings, checkout):
    old, known, young = (commit(checkout, days, f"x = {days}\n") for days in (40, 41, 2))
    ledger(settings, "run-1", known)
    assert pins(checkout) == {old, known, young}
    assert prune.release_commits(settings, 30) == 1
    assert pins(checkout) == {known, young}
    assert prune.release_commits(settings, 1) == 1
    assert pins(checkout) == {known}
    assert Path(checkout.mirror).exists()
