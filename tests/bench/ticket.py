"""The demo's ticket, start of the program to branch, against a script of the same commands.

Both sides start from the same repository and end with a branch whose files are equal. By hand
there is no policy, no room and no text, and everything is done with the same packages.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from agent.environments import build
from agent.settings import Settings
from tests.bench import bare, timing
from tests.integration import git_samples

BAR = 1.10
_SECONDS = 900
_SCRIPT = Path(__file__).with_name("by_hand.sh")
#: What of ours stands beside one or several commands by hand.
_CHECKS = ("ruff check", "django check", "makemigrations", "mypy", "tests")

_NOTES = {
    "warm": """\
Environment, mirror and the measurement of the base commit are there; by hand the virtual
environment is there, and nobody runs the checks on the base commit. Both sides start in a fresh
work tree, so mypy, ruff and pytest have no cache. By hand one check follows the other; ours has
two rooms open at a time where there are two processors, so one check alone may take longer.""",
    "cold": """\
Nothing is there. Ours makes environment and tools from wheels, compiles both and measures the
base commit, its tests collected twice; by hand: uv with an empty cache, no checks on the base.""",
}

Say = Callable[[str], None]
Seconds = dict[str, float]
"""By stage; `total` is the whole process."""


@dataclass(frozen=True)
class _Stand:
    """What both sides start from."""

    scratch: Path
    repository: Path
    ticket: Path
    patch: Path
    """The edits of the recipe, without what Django produced."""
    branch: str
    """Made by a first run, to hold the other results against."""
    requirements: Path
    venv: Path
    interpreter: str
    settings: Settings


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Time the ticket warm and cold, both sides in turn."""
    stand = _set_up(scratch, say)
    sections = []
    for name, once, bar in (("warm", _warm, BAR), ("cold", _cold, None)):
        ours: list[Seconds] = []
        hand: list[Seconds] = []
        for number in range(rounds):
            say(f"ticket, {name}: round {number + 1} of {rounds}")
            one, other = once(stand)
            ours.append(one)
            hand.append(other)
        sections.append(_section(name, ours, hand, bar))
    return sections


def _section(
    name: str, ours: list[Seconds], hand: list[Seconds], bar: float | None
) -> timing.Section:
    rows = [_row("total", ours, hand, bar)]
    for stage in ours[0]:
        if stage != "total" and not stage.startswith("  ") and _matters(stage, ours, hand):
            rows.append(_row(stage, ours, hand, None))
            if stage.startswith("checks"):
                rows += [_row(f"  {check}", ours, hand, None) for check in _CHECKS]
    return timing.Section(
        f"ticket {name}", f"The demo's ticket, {name}", "by hand", rows, _NOTES[name]
    )


def _row(stage: str, ours: list[Seconds], hand: list[Seconds], bar: float | None) -> timing.Row:
    return timing.Row(
        stage,
        [one[stage] for one in ours],
        [one[stage] for one in hand if stage in one],
        bar,
    )


def _matters(stage: str, ours: list[Seconds], hand: list[Seconds]) -> bool:
    return stage in hand[0] or any(one[stage] >= 0.01 for one in ours)


# --- the two sides ---------------------------------------------------------------------------


def _warm(stand: _Stand) -> tuple[Seconds, Seconds]:
    return (
        _ours(stand, stand.settings.home),
        _by_hand(stand, stand.venv, bare.environ(stand.scratch, stand.settings)),
    )


def _cold(stand: _Stand) -> tuple[Seconds, Seconds]:
    home, venv, cache = (stand.scratch / name for name in ("cold-home", "cold-venv", "cold-cache"))
    home.mkdir(mode=0o711)
    try:
        shell = bare.environ(stand.scratch, stand.settings) | {"UV_CACHE_DIR": str(cache)}
        return _ours(stand, home), _by_hand(stand, venv, shell)
    finally:
        for folder in (home, venv, cache):
            shutil.rmtree(folder, ignore_errors=True)


def _ours(stand: _Stand, home: Path) -> Seconds:
    """Run the program as a user does; return the seconds of the process and of its stages."""
    total, told = timing.taken(lambda: _run(stand.repository, stand.ticket, home))
    _require_equal(stand, told["branch"])
    stages: Seconds = told["seconds"]
    checks = {f"  {check['name']}": check["seconds"] for check in told["checks"]}
    started = {"start of the program": total - sum(stages.values())}
    return {"total": total, **started, **stages, **checks}


def _run(repository: Path, ticket: Path, home: Path) -> dict[str, Any]:
    program = Path(sys.executable).with_name("mergewright")
    ended = subprocess.run(
        [str(program), "run", "--json", "--repo", str(repository), "--ticket", str(ticket)],
        env=os.environ | {"MERGEWRIGHT_HOME": str(home)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        words = ended.stderr + ended.stdout
        raise bare.BareFailed(f"mergewright run ended with {ended.returncode}:\n{words}")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def _by_hand(stand: _Stand, venv: Path, shell: dict[str, str]) -> Seconds:
    """Run the script; return its seconds under the names of our stages."""
    work, marks, branch = stand.scratch / "by-hand", stand.scratch / "marks", "by-hand"
    argv = [
        str(_SCRIPT), str(stand.repository), str(venv), str(stand.requirements),
        str(stand.patch), str(work), branch, str(marks),
    ]  # fmt: skip
    shell |= {"BASE_PYTHON": stand.interpreter}
    try:
        total, _ = timing.taken(lambda: bare.run(argv, stand.scratch, shell))
        parts = _between(marks.read_text())
    finally:
        marks.unlink(missing_ok=True)
        _git(stand.repository, "worktree", "remove", "--force", str(work))
    _require_equal(stand, branch)
    checks = sum(parts[name] for name in _CHECKS)
    told = {
        "total": total,
        "checkout": parts["checkout"],
        "edit": parts["edit"],
        "checks 1": checks,
        "publish": parts["publish"],
        **{f"  {name}": parts[name] for name in _CHECKS},
    }
    return told | ({"environment": parts["environment"]} if venv != stand.venv else {})


def _between(marks: str) -> Seconds:
    """Turn points of time into durations, each under the name of its end."""
    points = [line.split(" ", 1) for line in marks.splitlines()]
    return {
        name: float(now) - float(before) for (before, _), (now, name) in itertools.pairwise(points)
    }


# --- what they start from --------------------------------------------------------------------


def _set_up(scratch: Path, say: Say) -> _Stand:
    repository, ticket, home = scratch / "corner-shop", scratch / "ticket.md", scratch / "home"
    home.mkdir(mode=0o711, exist_ok=True)
    with resources.as_file(resources.files("agent.demo")) as files:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(files / "sample_project", repository, ignore=ignored)
        shutil.copy(files / "ticket.md", ticket)
    git_samples.begin(repository, "Add customers and orders")
    say("ticket: first run, which makes the environment")
    told = _run(repository, ticket, home)
    settings = Settings(home=home)
    environment = build.stored(settings)[0].environment
    kept = "expected"
    _git(repository, "branch", "--move", told["branch"], kept)
    patch = scratch / "edits.patch"
    edits = ("diff", "--binary", f"main..{kept}", "--", ".", ":(exclude)*/migrations/*")
    patch.write_text(_git(repository, *edits))
    say("ticket: the same packages in a plain virtual environment")
    stand = _Stand(
        scratch=scratch,
        repository=repository,
        ticket=ticket,
        patch=patch,
        branch=kept,
        requirements=bare.requirements(environment, scratch / "pinned.txt"),
        venv=bare.make_venv(environment, scratch, settings),
        interpreter=environment.interpreter,
        settings=settings,
    )
    _warm(stand)  # what is compiled or looked up once is no part of either side
    return stand


def _require_equal(stand: _Stand, branch: str) -> None:
    """Make sure that this side did the same work, and remove its branch."""
    # Django writes the minute into a migration's first line.
    same = ("diff", "-I^# Generated by Django", stand.branch, branch)
    difference = _git(stand.repository, *same)
    _git(stand.repository, "branch", "-D", branch)
    if difference:
        raise bare.BareFailed(f"the results differ:\n{difference}")


def _git(repository: Path, *args: str) -> str:
    argv = ["git", "-C", str(repository), *args]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
