"""A second checkout of 10,000 files against the bare `git read-tree -u` that it contains.

The second checkout is what a run pays when its repository is known: look at the user's
repository, fetch one new commit, lay out the files.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.git import worktree
from tests.bench import timing
from tests.integration import git_samples

FILES = 10_000
BAR = 1.2


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Time both sides in turn, each round with one new commit and into a new folder."""
    say(f"checkout: {FILES:,} files, {rounds} rounds")
    repository, mirrors = scratch / "repository", scratch / "mirrors"
    _make_repository(repository)
    worktree.prepare_checkout(str(repository), None, mirrors)
    ours: list[float] = []
    bare: list[float] = []
    for number in range(-1, rounds):
        (repository / "changed.py").write_text(f"NUMBER = {number}\n")
        _git(repository, "add", "changed.py")
        _git(repository, "commit", "--quiet", "-m", f"Change {number}")
        folder, plain = scratch / f"ours{number}", scratch / f"bare{number}"
        plain.mkdir()
        sides = [
            (ours, lambda folder=folder: _second_checkout(repository, mirrors, folder)),
            (bare, lambda plain=plain: _read_tree(mirrors, plain)),
        ]
        # The bare side needs the new commit in the mirror, so the order cannot be turned round.
        for seconds, work in sides:
            taken, _ = timing.taken(work)
            if number >= 0:  # the first round only warms up
                seconds.append(taken)
        _require_equal(folder, plain)
        shutil.rmtree(folder)
        shutil.rmtree(plain)
    row = timing.Row("look, fetch one commit, lay out", ours, bare, BAR)
    title = f"Second checkout of {FILES:,} files, and the git read-tree -u in it"
    return [timing.Section("checkout", title, "bare", [row])]


def _make_repository(folder: Path) -> None:
    chance = random.Random(0)
    for number in range(FILES - 1):
        path = folder / f"package{number // 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"NAME_{line} = {chance.random()}" for line in range(chance.randint(5, 80))]
        path.write_text("\n".join(lines) + "\n")
    (folder / "changed.py").write_text("NUMBER = None\n")
    git_samples.begin(folder, "First")
    _git(folder, "repack", "-a", "-d", "--quiet")


def _second_checkout(repository: Path, mirrors: Path, folder: Path) -> None:
    base = worktree.prepare_checkout(str(repository), None, mirrors)
    worktree.lay_out(base, folder)


def _read_tree(mirrors: Path, folder: Path) -> None:
    mirror = next(mirrors.glob("*.git"))
    environ = {
        **os.environ,
        "GIT_DIR": str(mirror),
        "GIT_WORK_TREE": str(folder),
        "GIT_INDEX_FILE": f"{folder}.index",
    }
    head = ["git", "read-tree", "-m", "-u", "refs/heads/main"]
    subprocess.run(head, env=environ, cwd=folder, check=True, timeout=300)
    Path(f"{folder}.index").unlink()


def _require_equal(one: Path, other: Path) -> None:
    difference = ["diff", "--recursive", "--brief", str(one), str(other)]
    subprocess.run(difference, check=True, timeout=300)


def _git(folder: Path, *args: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *args], check=True, timeout=300)
