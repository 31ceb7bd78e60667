"""A second checkout of 10,000 files against the bare `git read-tree -u` that it contains.

The second checkout is what a run pays when its repository is known: look at the user's
repository, fetch one new commit, lay out the files.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from functools import partial
from pathlib import Path

from agent.git import worktree
from tests.bench.timing import Row, Say, Section, measure_time
from tests.integration import git_samples

FILES = 10_000
BAR = 1.2


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    """Time both sides in turn, each round with one new commit and into a new folder."""
    say(f"checkout: {FILES:,} files, {rounds} rounds")
    repository, mirrors = scratch / "repository", scratch / "mirrors"
    _make_repository(repository)
    worktree.prepare_checkout(str(repository), None, mirrors)
    row = Row("look, fetch one commit, lay out", [], [], BAR)
    for number in range(-1, rounds):
        (repository / "changed.py").write_text(f"NUMBER = {number}\n")
        _run_git(repository, "add", "changed.py")
        _run_git(repository, "commit", "--quiet", "-m", f"Change {number}")
        ours, bare = scratch / f"ours{number}", scratch / f"bare{number}"
        bare.mkdir()
        # The bare side needs the new commit in the mirror, so the order cannot be turned round.
        seconds, _ = measure_time(partial(_check_out, repository, mirrors, ours))
        bare_seconds, _ = measure_time(partial(_read_tree, mirrors, bare))
        if number >= 0:  # the first round only warms up
            row.ours.append(seconds)
            row.bare.append(bare_seconds)
        subprocess.run(["diff", "-rq", str(ours), str(bare)], check=True, timeout=300)
        shutil.rmtree(ours)
        shutil.rmtree(bare)
    title = f"Second checkout of {FILES:,} files, and the git read-tree -u in it"
    return [Section("checkout", title, "bare", [row])]


def _make_repository(folder: Path) -> None:
    chance = random.Random(0)
    for number in range(FILES - 1):
        path = folder / f"package{number // 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"NAME_{line} = {chance.random()}" for line in range(chance.randint(5, 80))]
        path.write_text("\n".join(lines) + "\n")
    (folder / "changed.py").write_text("NUMBER = None\n")
    git_samples.begin(folder, "First")
    _run_git(folder, "repack", "-a", "-d", "--quiet")


def _check_out(repository: Path, mirrors: Path, folder: Path) -> None:
    worktree.lay_out(worktree.prepare_checkout(str(repository), None, mirrors), folder)


def _read_tree(mirrors: Path, folder: Path) -> None:
    given = {
        "GIT_DIR": str(next(mirrors.glob("*.git"))),
        "GIT_WORK_TREE": str(folder),
        "GIT_INDEX_FILE": f"{folder}.index",
    }
    head = ["git", "read-tree", "-m", "-u", "refs/heads/main"]
    subprocess.run(head, env=os.environ | given, cwd=folder, check=True, timeout=300)
    Path(f"{folder}.index").unlink()


def _run_git(folder: Path, *args: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *args], check=True, timeout=300)
