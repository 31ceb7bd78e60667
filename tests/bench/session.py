"""A sandbox that stays open: one command in it, a look at what has changed, opening and closing.

Bare is the same without a sandbox: `bash -c true`, and `git status` where a look is meant.
"""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.sandbox.session import Session
from agent.settings import Settings
from tests.bench import timing
from tests.integration.session_samples import Workplace

_FILES = 1_000
_TIMES = 20
_TRUE_MS = 20.0

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Measure on a repository of a thousand files."""
    say(f"session: {rounds} sessions on {_FILES} files")
    home = scratch / "session"
    home.mkdir(mode=0o711)
    files = {f"package_{n % 20}/module_{n}.py": f"value = {n}\n" * 40 for n in range(_FILES)}
    place = Workplace(Settings(home=home, sandbox="bubblewrap"), files)
    opened, commands, looks, closed = [], [], [], []
    for _ in range(rounds):
        seconds, session = timing.taken(place.open)
        opened.append(seconds)
        commands += [timing.taken(lambda: _do_nothing(session))[0] for _ in range(_TIMES)]  # noqa: B023
        session.run("for n in 1 2 3; do echo x >>package_$n/module_$n.py; done", seconds=20)
        looks += [timing.taken(session.take)[0] for _ in range(_TIMES)]
        closed.append(timing.taken(session.close)[0])
    bare, status = _measure_bare(home / "repository")
    median = statistics.median(commands) * 1000
    word = "met" if median <= _TRUE_MS else "NOT met"
    rows = [
        timing.Row("open, base and environment in place", opened),
        timing.Row("`true`", commands, bare),
        timing.Row("take, three files changed", looks, status),
        timing.Row("close", closed),
    ]
    note = f"`true` takes {median:.1f} ms (median); the bar of {_TRUE_MS:.0f} ms is {word}."
    return [timing.Section("session", "A sandbox that stays open", "bare", rows, note)]


def _do_nothing(session: Session) -> None:
    assert session.run("true", seconds=20).exit_code == 0


def _measure_bare(repository: Path) -> tuple[list[float], list[float]]:
    def run(*argv: str) -> float:
        shown = subprocess.DEVNULL
        return timing.taken(lambda: subprocess.run(argv, cwd=repository, check=True, stdout=shown))[
            0
        ]

    commands = [run("bash", "-c", "true") for _ in range(_TIMES)]
    (repository / "package_1" / "module_1.py").write_text("changed\n")
    git = ("git", "-c", f"safe.directory={os.fspath(repository)}", "status", "--porcelain")
    return commands, [run(*git) for _ in range(_TIMES)]
