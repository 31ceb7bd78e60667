"""What `mergewright env prune` removes besides environments, with real mirrors."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import maintenance
from agent.environments import prune
from agent.git import mirror, worktree
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


def test_everything_includes_mirrors_and_baselines_and_says_what_was_freed(
    settings, checkout, repository
):
    baseline = settings.home / "baselines" / "a.json"
    baseline.parent.mkdir()
    baseline.write_text("x" * 5000)
    kept = ledger(settings, "run-1", checkout.commit)
    done = prune.prune_environments(settings, everything=True)
    assert not Path(checkout.mirror).exists()
    assert not baseline.exists()
    assert done.freed["mirrors"] > 10_000
    assert done.freed["baselines"] >= 4096
    assert done.bytes_freed == sum(done.freed.values())
    assert kept.exists()
    assert worktree.prepare_checkout(str(repository), None, settings.home / "mirrors") == checkout


def test_a_mirror_that_somebody_works_with_stays(settings, checkout):
    with mirror.hold_mirror(Path(checkout.mirror)):
        done = prune.prune_environments(settings, everything=True)
    assert done.mirrors_in_use == (Path(checkout.mirror).name,)
    assert (Path(checkout.mirror) / "HEAD").exists()


@pytest.mark.parametrize("held", [True, False], ids=["held", "just made"])
def test_no_mirror_goes_while_a_run_is_under_way(settings, checkout, held):
    work = settings.home / "trees" / "run-1"
    work.mkdir(parents=True)
    holder = (work / ".held").open("w") if held else None
    if holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
    assert prune.prune_environments(settings, everything=True).mirrors_in_use
    if holder:
        holder.close()
    else:
        os.utime(work, (0, 0))
    assert prune.prune_environments(settings, everything=True).mirrors_in_use == ()
    assert not Path(checkout.mirror).exists()


def test_commits_that_no_kept_run_knows_are_let_go_when_they_are_old(settings, checkout):
    old, known, young = (commit(checkout, days, f"x = {days}\n") for days in (40, 41, 2))
    ledger(settings, "run-1", known)
    assert pins(checkout) == {old, known, young}
    assert prune.let_go_commits(settings, 30) == 1
    assert pins(checkout) == {known, young}
    assert prune.prune_environments(settings, older_than_days=1).commits == 1
    assert pins(checkout) == {known}
    assert Path(checkout.mirror).exists()


def test_commits_of_a_mirror_in_use_and_of_a_damaged_one_stay(settings, checkout):
    made = commit(checkout, 40, "x = 2\n")
    with mirror.hold_mirror(Path(checkout.mirror)):
        assert prune.let_go_commits(settings, 30) == 0
    assert pins(checkout) == {made}
    (Path(checkout.mirror) / "HEAD").unlink()
    assert prune.let_go_commits(settings, 30) == 0


def test_old_base_measurements_go_with_old_environments(settings):
    folder = settings.home / "baselines"
    folder.mkdir()
    for name, days in (("old.json", 40), ("young.json", 2)):
        (folder / name).write_text("{}")
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    prune.prune_environments(settings, older_than_days=30)
    assert os.listdir(folder) == ["young.json"]
    prune.prune_environments(settings, keep_bytes=10**12)
    assert os.listdir(folder) == ["young.json"]


def test_the_command_line_tells_it(settings, checkout, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(settings.home))
    with mirror.hold_mirror(Path(checkout.mirror)):
        said = CliRunner().invoke(maintenance.env_app, ["prune", "--all"]).output
    assert Path(checkout.mirror).name in said.replace("\n", "")
    result = CliRunner().invoke(maintenance.env_app, ["prune", "--all"])
    assert result.exit_code == 0
    assert "  mirrors " in result.output
    assert "  baselines " in result.output
