"""Compare what came of chaos with what comes of the same tickets without a kill."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.sandbox import cgroup, slots
from agent.store import engine, sql_inbox, sql_run_store
from tests.chaos import effects
from tests.chaos.effects import Effects
from tests.chaos.ground import Ground, ask
from tests.chaos.tickets import Ticket


@dataclass
class Verdict:
    """What is wrong, in numbers and in words."""

    lost: int = 0
    double: int = 0
    changed: int = 0
    left: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not (self.lost or self.double or self.changed or self.left)

    def line(self) -> str:
        return f"lost={self.lost} double={self.double} changed={self.changed} left={self.left}"


def judge(ground: Ground, tickets: Iterable[Ticket], expected: Mapping[str, Effects]) -> Verdict:
    """Judge every ticket, all that was ever created, our own files, and what was left behind.

    Args:
        expected: By kind: what a ticket comes to without kills.
    """
    verdict = Verdict()
    per_ticket = {name: _made(wanted) for name, wanted in expected.items()}
    wanted_in: dict[str, Counter[str]] = {}
    for ticket in tickets:
        compare(verdict, ticket.name, expected[ticket.kind.name], effects.of(ground, ticket))
        here = wanted_in.setdefault(ticket.repository.full_name, Counter())
        here.update(per_ticket[ticket.kind.name])
    for name, made in effects.creations(ground).items():
        _count(verdict, f"created in {name}, ever", wanted_in.get(name, Counter()), made)
    for words in (*_stored(ground), *find_left(ground), *_unforeseen(ground.workers.log)):
        verdict.left += 1
        verdict.words.append(words)
    return verdict


def _made(wanted: Effects) -> Counter[str]:
    """Count what an undisturbed ticket creates, under the names of `effects.creations`."""
    names = {
        "pull request": "pulls",
        "check": "check-runs",
        "comment": "comments",
        "reaction": "reactions",
        "branch": "moves of branches",
    }
    made = Counter({name: len(wanted[ours]) for ours, name in names.items() if wanted[ours]})
    # A comment that calls a person has taken the place of an earlier one.
    made["comments"] += sum(" call=" in comment for comment in wanted["comment"])
    return made


def compare(verdict: Verdict, name: str, wanted: Effects, effects: Effects) -> None:
    for kind, ours in wanted.items():
        theirs = effects[kind]
        if len(theirs) != len(ours) or sorted(theirs) != sorted(ours):
            _blame(verdict, f"{name}: {kind}", ours, theirs)


def _blame(verdict: Verdict, kind: str, ours: list[str], theirs: list[str]) -> None:
    if len(theirs) < len(ours):
        verdict.lost += len(ours) - len(theirs)
    elif len(theirs) > len(ours):
        verdict.double += len(theirs) - len(ours)
    else:
        verdict.changed += 1
    lines = difflib.unified_diff(
        "\n".join(sorted(ours)).splitlines(),
        "\n".join(sorted(theirs)).splitlines(),
        "without kills",
        "here",
        n=0,
        lineterm="",
    )
    shown = [line[:300] for line in lines][2:14]
    verdict.words.append("\n    ".join((f"{kind}: {len(ours)} wanted, {len(theirs)} here", *shown)))


def _count(verdict: Verdict, kind: str, wanted: Counter[str], made: Counter[str]) -> None:
    for name in wanted | made:
        more = made[name] - wanted[name]
        if more:
            verdict.double += max(0, more)
            verdict.lost += max(0, -more)
            verdict.words.append(f"{kind}: {wanted[name]} {name} wanted, {made[name]} made")


def _stored(ground: Ground) -> list[str]:
    """List what is wrong with our own files."""
    problems = []
    files = (sql_inbox.FILE_NAME, sql_run_store.FILE_NAME, engine.FILE_NAME)
    for name in () if ground.server else files:
        for (answer,) in ask(ground.home / name, "PRAGMA integrity_check"):
            if answer != "ok":
                problems.append(f"{name}: {answer}")
    active = ground.rows("SELECT run_id, state, worker FROM runs WHERE active")
    problems += [f"the run {run} is still {state} with {worker}" for run, state, worker in active]
    if unread := ground.unread():
        problems.append(f"{unread} deliveries were never decided on")
    alive = ground.find_unfinished()
    problems += [f"the engine has {name} as {status}: {problem}" for name, status, problem in alive]
    return problems


def _unforeseen(log: Path) -> list[str]:
    """List unforeseen errors in what workers have said; a run may have gone on after them."""
    with log.open(errors="replace") as lines:
        return [f"a worker said: {line[:3000]}" for line in lines if '"unforeseen"' in line]


def find_left(ground: Ground) -> list[str]:
    """List what killed workers have left and no later one has removed."""
    leftovers = [f"a temporary file: {path}" for path in ground.scratch.iterdir()]
    for home in ground.homes:
        leftovers += _left_below(home)
    return leftovers + [f"a process: {process}" for process in _processes(ground.home)]


def _left_below(home: Path) -> list[str]:
    leftovers = [f"a work tree: {path}" for path in home.glob("trees/*") if path.is_dir()]
    for pattern in ("mirrors/*.scratch", "mirrors/*.git/**/*.lock"):
        leftovers += [f"of a clone: {path}" for path in home.glob(pattern)]
    for path in home.glob("sandboxes/slot-*"):
        with slots.lock_if_free(home, int(path.name.removeprefix("slot-"))) as free:
            if not free:
                leftovers.append(f"an open sandbox: {path}")
    leftovers += [
        f"a sandbox's group: {name}" for name in cgroup.list_names(slots.make_prefix(home))
    ]
    return leftovers


def _processes(home: Path) -> list[str]:
    """List processes that name our folder: git, sandboxes, and what runs in them."""
    processes, wanted = [], os.fsencode(home)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if wanted in words and int(folder.name) != os.getpid():
                processes.append(f"{folder.name} {words.replace(bytes(1), b' ').decode()[:200]}")
    return processes
