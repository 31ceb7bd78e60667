"""A sandbox that stays open: one command in it, a look at what has changed, opening and closing.

Bare is the same without a sandbox: `bash -c true`, and `git status` where a look is meant.
"""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from agent.sandbox.session import Session
from agent.settings import Settings
from tests.bench.timing import Row, Say, Section, measure_time
from tests.integration.session_samples import Workplace

_FILES = 1_000
_TIMES = 20
_TRUE_MS = 20.0


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    say(f"session: {rounds} sessions on {_FILES} files")
    home = scratch / "session"
    home.mkdir(mode=0o711)
    files = {f"package_{n % 20}/module_{n}.py": f"value = {n}\n" * 40 for n in range(_FILES)}
    place = Workplace(Settings(home=home, sandbox="bubblewrap"), files)
    opened, commands, looks = [], [], []
    for _ in range(rounds):
        seconds, session = measure_time(place.open)
        opened.append(seconds)
        commands += [_run_nothing(session) for _ in range(_TIMES)]
        session.run("for n in 1 2 3; do echo x >>package_$n/module_$n.py; done", seconds=20)
        looks += [measure_time(session.take)[0] for _ in range(_TIMES)]
        session.close()
    repository = home / "repository"
    (repository / "package_1" / "module_1.py").write_text("changed\n")
    status = ("git", "-c", f"safe.directory={repository}", "status", "--porcelain")
    median = statistics.median(commands) * 1000
    rows = [
        Row("open, base and environment in place", opened),
        Row("`true`", commands, _run_bare(repository, "bash", "-c", "true")),
        Row("take, three files changed", looks, _run_bare(repository, *status)),
    ]
    word = "met" if median <= _TRUE_MS else "NOT met"
    note = f"`true` takes {median:.1f} ms (median); the bar of {_TRUE_MS:.0f} ms is {word}."
    return [Section("session", "A sandbox that stays open", "bare", rows, note)]


def _run_nothing(session: Session) -> float:
    seconds, ran = measure_time(lambda: session.run("true", seconds=20))
    assert ran.exit_code == 0
    return seconds


def _run_bare(repository: Path, *argv: str) -> list[float]:
    def run() -> None:
        subprocess.run(argv, cwd=repository, check=True, stdout=subprocess.DEVNULL)

    return [measure_time(run)[0] for _ in range(_TIMES)]
