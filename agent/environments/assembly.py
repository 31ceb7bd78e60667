"""Put one environment together: build what must be built, fetch the rest, store it whole.

Owns the order of the phases. What each does is in `wheels` (B), `fetch` (A) and `toolsets`.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.domain import Environment, Record
from agent.environments import (
    choosing,
    generated,
    storage,
    toolsets,
    wheel_files,
    wheels,
)
from agent.environments.bench import Bench
from agent.environments.choosing import Choice
from agent.environments.declare import Declaration
from agent.environments.fetch import Fetcher, Wanted
from agent.environments.locks import export
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

#: Beside the virtual environment in the store.
RECORD = "environment.json"
GENERATED = "generated"
_VENV = "venv"


class Stored(Record):
    """One environment in the store."""

    environment: Environment
    choices: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    """What was built from source."""
    created: float
    seconds: float
    """How long the build took."""


class Assembly:
    """One build, from the first fetch to the rename."""

    def __init__(
        self,
        tree: Path,
        version: str,
        declaration: Declaration,
        bench: Bench,
        known: tuple[str, ...] = (),
    ) -> None:
        self._tree = tree
        self._known = known
        self._files = TreeFiles(tree, declaration.root)
        self._version = version
        self._declaration = declaration
        self._bench = bench
        self._choices = list(declaration.choices)
        self._notes = list(declaration.requirements.notes)
        self._generated: dict[str, bytes] = {}

    def run(self, key: str) -> None:
        """Build all of it and store it under the key.

        Raises:
            LockRefused: The lock is not exported, so the environment is another one.
        """
        started = time.monotonic()
        bench = self._bench
        toolsets.sweep_builders(bench)
        with self._fetcher() as fetcher:
            gate = toolsets.provide(toolsets.GATE, bench, fetcher)
            workshop = wheels.Workshop(bench, gate, fetcher)
            found, exact = self._requirements(fetcher, gate)
            workshop.know((*found.lines, *found.constraints))
            local = self._local_wheels(found, fetcher, workshop, exact=exact)
            wanted = Wanted(
                lines=found.lines,
                constraints=found.constraints,
                wheels=local,
                prereleases=found.prereleases,
                exact=exact,
                known=self._known,
            )
            bench.say("fetching packages" if found.lines or local else "there is nothing to fetch")
            venv = fetcher.install(_VENV, wanted, workshop.supply)
            goal = storage.ready(bench.settings, key)
            if goal.exists():
                # Its record cannot be read, so nobody uses it.
                storage.remove(goal)
            with storage.building(bench.settings, goal) as part:
                venv.rename(part / "venv")
                bench.say("compiling bytecode")
                toolsets.compile_all(bench, part / "venv", self._notes.append)
                self._write_generated(part)
                record = Stored(
                    environment=self._environment(key, part, gate),
                    choices=tuple(self._choices),
                    notes=tuple(self._notes),
                    built=tuple(workshop.built),
                    created=time.time(),
                    seconds=time.monotonic() - started,
                )
                storage.write_whole(part / RECORD, record.model_dump_json().encode())
        storage.trim_cache(bench.settings)
        packages = len(record.environment.packages)
        bench.say(f"environment ready: {packages} packages, {record.seconds:.1f} s")

    def run_tools(self, pins: str) -> Path:
        """Make only tools of our own, for an environment that is there already."""
        with self._fetcher() as fetcher:
            return toolsets.provide(pins, self._bench, fetcher)

    def run_pinned(self, tools: dict[str, tuple[str, ...]]) -> None:
        """Make tools in the versions that the repository pins; those that exist as wheels."""
        with self._fetcher() as fetcher:
            for lines in tools.values():
                try:
                    toolsets.provide_pinned(lines, self._bench, fetcher)
                except EnvironmentFailed as problem:
                    words = problem.message.partition("\n")[0]
                    self._bench.say(f"{lines[0]} cannot be had, so another version runs: {words}")

    def run_lock(self) -> dict[str, bytes]:
        """Bring the uv.lock that was chosen up to date; empty: it is."""
        lock = self._declaration.lock
        if lock is None:
            return {}
        with self._fetcher() as fetcher:
            content = fetcher.lock(lock.path, lock.files, self._declaration.root)
        return {} if content is None else {posixpath.join(lock.folder, "uv.lock"): content}

    @contextmanager
    def _fetcher(self) -> Iterator[Fetcher]:
        with (
            storage.workplace(self._bench.settings) as workplace,
            closing(Fetcher(self._bench, workplace)) as fetcher,
        ):
            yield fetcher

    def _requirements(self, fetcher: Fetcher, gate: Path) -> tuple[Requirements, bool]:
        """All that is to be installed, and whether that is a full resolution already."""
        declaration, lock = self._declaration, self._declaration.lock
        if lock is None:
            return declaration.requirements, False
        locked = export.export(lock, self._tree, self._bench, fetcher, gate)
        if locked.projects and not declaration.may_build:
            # Then the key would not cover the code that runs in the build.
            raise EnvironmentFailed(
                f"{lock.path} names projects of the tree in a way not known here."
            )
        self._notes += locked.notes
        return locked.plus(declaration.requirements), declaration.adds_nothing

    def _local_wheels(
        self,
        found: Requirements,
        fetcher: Fetcher,
        workshop: wheels.Workshop,
        *,
        exact: bool,
    ) -> tuple[str, ...]:
        """Build the repository's own projects; name their wheels as requirements."""
        wanted: dict[str, list[str]] = {}
        for project in found.projects:
            wanted.setdefault(project.folder, []).extend(project.extras)
        named = []
        for folder, extras in wanted.items():
            made = workshop.project(self._tree, folder, self._version)
            self._notes += made.notes
            self._take_generated(made.generated)
            if not exact:
                extras.extend(self._extras(made.metadata, folder, extras))
            place = Path(fetcher.take_in(_VENV, Path(made.wheel)))
            asked = f"[{','.join(sorted(set(extras)))}]" if extras else ""
            named.append(f"{canonicalize_name(made.metadata.name)}{asked} @ {place.name}")
        return tuple(named)

    def _extras(self, facts: wheel_files.Metadata, folder: str, asked: list[str]) -> list[str]:
        known = [str(canonicalize_name(name)) for name in facts.extras]
        for name in asked:
            choosing.choose(known, (name,), f"{folder or 'the project'}")
        if folder != self._declaration.root:
            return []
        wanted = self._declaration.extras
        chosen = choosing.choose(known, wanted, "the project")
        why = "named by python.extras" if wanted is not None else "by its name it is for tests"
        for name in chosen:
            self._choices.append(Choice(what=f"extra {name}", why=why))
        for name in known:
            if name not in chosen:
                self._choices.append(
                    Choice(what=f"extra {name}", why="not for tests by its name", taken=False)
                )
        return list(chosen)

    def _take_generated(self, found: dict[str, bytes]) -> None:
        taken, left = generated.choose({**self._generated, **found}, TreeFiles(self._tree))
        self._generated = taken
        if left:
            self._notes.append(
                f"files that the build made in the tree are left out: {'; '.join(left[:5])}"
                + (f"; and {len(left) - 5} more" if len(left) > 5 else "")
            )

    def _write_generated(self, part: Path) -> None:
        if self._generated:
            generated.write(part / GENERATED, self._generated)
            listed = ", ".join(sorted(self._generated)[:5])
            self._notes.append(f"the build generates files in the tree: {listed}")

    def _environment(self, key: str, part: Path, gate: Path) -> Environment:
        settings, interpreter = self._bench.settings, self._bench.interpreter
        return Environment(
            key=key,
            path=str(storage.ready(settings, key) / "venv"),
            gate_path=str(gate),
            scripts_path=str(storage.scripts(settings)),
            python=interpreter.version,
            interpreter_mounts=interpreter.mounts,
            interpreter=interpreter.path,
            root=interpreter.root,
            sources=self._declaration.sources,
            packages=_packages(part / "venv"),
        )


def _packages(venv: Path) -> tuple[str, ...]:
    found = set()
    for place in venv.glob("lib/python3*/site-packages/*.dist-info"):
        name, _, version = place.name.removesuffix(".dist-info").rpartition("-")
        found.add(f"{canonicalize_name(name)}=={version}")
    return tuple(sorted(found))
