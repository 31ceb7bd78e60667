"""Put one environment together: build what must be built, fetch the rest, store it whole.

Owns the order of the phases. What each does is in `wheels` (B), `fetch` (A) and `toolsets`.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.environments import (
    choosing,
    declare,
    distributions,
    fetch,
    generated,
    imported_by_tests,
    storage,
    toolsets,
    uv_program,
    wheels,
)
from agent.environments.build_context import BuildContext
from agent.environments.choosing import Choice
from agent.environments.declare import Declaration, Part
from agent.environments.fetch import Fetcher, Unresolvable, Wanted
from agent.environments.locks import export
from agent.environments.requirement_files import LocalProject, Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.environment import Environment
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE

PROJECT = "the project itself"
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
        build_context: BuildContext,
        known: tuple[str, ...] = (),
        *,
        needs_project: bool = False,
    ) -> None:
        self._tree = tree
        locked = {one.partition("==")[0] for one in declaration.known}
        others = (one for one in known if one.partition("==")[0] not in locked)
        self._known = (*declaration.known, *others)
        self._files = TreeFiles(tree, declaration.root)
        self._version = version
        self._declaration = declaration
        self._build_context = build_context
        self._choices = list(declaration.choices)
        self._notes = list(declaration.requirements.notes)
        self._generated: dict[str, bytes] = {}
        self._made: dict[str, wheels.BuiltProject] = {}
        self._left_out: list[str] = []
        self._unbuilt: set[str] = set()
        self._needs_project = needs_project

    def run(self, key: str) -> None:
        """Build all of it and store it under the key.

        Raises:
            LockRefused: The lock is not exported, so the environment is another one.
        """
        started = time.monotonic()
        build_context = self._build_context
        toolsets.sweep_builders(build_context)
        with fetch.open_fetcher(build_context) as fetcher:
            self._leave_all(self._declaration.requirements, fetcher)
            gate = toolsets.provide_tools(toolsets.GATE, build_context, fetcher)
            workshop = wheels.WheelBuilder(build_context, gate, fetcher)
            required, exact = self._requirements(fetcher, gate)
            parts = list(self._declaration.optional)
            whole = _join_requirements(required, parts)
            last_day = self._declaration.section.exclude_newer
            workshop.add_requirements((*whole.lines, *whole.constraints), last_day)
            self._build_projects(whole, fetcher, workshop)
            if self._declaration.root in self._unbuilt and self._declaration.lock is None:
                required, parts = self._read_unbuilt()
            if not exact:
                extras = self._choose_extras()
                if self._declaration.section.extras is None:
                    parts += extras
                else:
                    required = _join_requirements(required, extras)
            build_context.say(
                "fetching packages" if whole.lines or self._made else "nothing is to be fetched"
            )
            venv = self._install(required, parts, fetcher, workshop, exact=exact)
            self._show_sources(venv)
            goal = storage.locate_environment(build_context.settings, key)
            if goal.exists():
                # Its record cannot be read, so nobody uses it.
                storage.remove_folder(goal)
            with storage.reserve_build_folder(build_context.settings, goal) as part:
                venv.rename(part / "venv")
                build_context.say("compiling bytecode")
                toolsets.compile_all(build_context, part / "venv", self._notes.append)
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
        storage.trim_cache(build_context.settings)
        packages = len(record.environment.packages)
        build_context.say(f"environment ready: {packages} packages, {record.seconds:.1f} s")

    def _requirements(self, fetcher: Fetcher, gate: Path) -> tuple[Requirements, bool]:
        """All that is to be installed, and whether that is a full resolution already."""
        declaration, lock = self._declaration, self._declaration.lock
        if lock is None:
            return declaration.required, False
        locked = export.export_requirements(lock, self._tree, self._build_context, fetcher, gate)
        if locked.projects and not declaration.may_build:
            # Then the key would not cover the code that runs in the build.
            raise EnvironmentFailed(
                f"{lock.path} names projects of the tree in a way not known here."
            )
        self._notes += locked.notes
        self._leave_all(locked, fetcher)
        return locked.combine(declaration.required), declaration.adds_nothing

    def _build_projects(
        self, found: Requirements, fetcher: Fetcher, workshop: wheels.WheelBuilder
    ) -> None:
        """Build the repository's own projects; one that fails is done without, where it may be."""
        for folder in dict.fromkeys(project.folder for project in found.projects):
            try:
                made = workshop.project(self._tree, folder, self._version)
            except EnvironmentFailed as problem:
                if self._needs_project:
                    raise
                self._build_context.say(problem.message)
                self._leave(folder or PROJECT, problem.message)
                self._unbuilt.add(folder)
                # Its release on the index is not what stands in the tree.
                names = wheels.declared_names(TreeFiles(self._tree), folder)
                fetcher.left_out |= {str(canonicalize_name(name)) for name in names}
                continue
            self._take_generated(made.generated)
            fetcher.take_in(_VENV, Path(made.wheel))
            self._made[folder] = made
            for name, why in made.left:
                self._leave(name, why)
                fetcher.left_out.add(name)
        for project in found.projects:
            if project.folder in self._unbuilt:
                continue
            known = [str(canonicalize_name(name)) for name in self._extras_of(project.folder)]
            choosing.choose_parts(known, project.extras, project.folder or "the project")

    def _read_unbuilt(self) -> tuple[Requirements, list[Part]]:
        """Read what the project needs where it is written, since no build says it."""
        declaration = self._declaration
        read = declare.read_declaration(
            self._files, declaration.section, declaration.refused, packs=False
        )
        self._choices[: len(declaration.choices)] = read.choices
        return read.required, list(read.optional)

    def _show_sources(self, venv: Path) -> None:
        """Have a project that is not installed imported from where its build would take it."""
        root = self._declaration.root
        names = self._files.names("src") if root in self._unbuilt else ()
        if names and "__init__.py" not in names:
            packages = next(venv.glob("lib/python3*/site-packages"))
            place = posixpath.join(SANDBOX_TREE, root, "src")
            (packages / "_mergewright_src.pth").write_text(f"{place}\n")

    def _extras_of(self, folder: str) -> tuple[str, ...]:
        return self._made[folder].metadata.extras if folder in self._made else ()

    def _choose_extras(self) -> list[Part]:
        """Choose among the extras of the project at the root."""
        root, wanted = self._declaration.root, self._declaration.section.extras
        known = [str(canonicalize_name(name)) for name in self._extras_of(root)]
        if root not in self._made:
            return []
        metadata = self._made[root].metadata
        brought = {name: metadata.bring(name) for name in metadata.extras}
        imported = imported_by_tests.find_extras(self._files, brought) if wanted is None else ()
        more = {**dict.fromkeys(imported, choosing.IMPORTED), **self._declaration.extras}
        chosen = choosing.choose_parts(known, wanted, "the project", more=more)
        self._choices += [Choice(what=f"extra {name}", why=why) for name, why in chosen.items()]
        self._choices += [
            Choice(what=f"extra {name}", why="not for tests by its name", taken=False)
            for name in known
            if name not in chosen
        ]
        projects = [LocalProject(folder=root, extras=(name,)) for name in chosen]
        return [
            Part(what=f"extra {one.extras[0]}", found=Requirements(projects=(one,)))
            for one in projects
        ]

    def _install(
        self,
        required: Requirements,
        parts: list[Part],
        fetcher: Fetcher,
        workshop: wheels.WheelBuilder,
        *,
        exact: bool,
    ) -> Path:
        """Install everything, or else what is required and each part that goes with the others.

        Raises:
            Unresolvable: What is required cannot be resolved, or it is no part that hinders.
        """

        def install(some: list[Part], *, only_resolve: bool = False) -> Path:
            wanted = self._make_wanted(_join_requirements(required, some), exact=exact)
            return fetcher.install(_VENV, wanted, workshop.provide_wheel, only_resolve=only_resolve)

        try:
            venv = install(parts)
        except Unresolvable as problem:
            if not parts:
                raise
            self._build_context.say("not all of it goes together, so each part is tried by itself")
            kept: list[Part] = []
            for part in parts:
                try:
                    install([*kept, part], only_resolve=True)
                    kept.append(part)
                except Unresolvable as why:
                    self._leave(part.what, why.message)
            if len(kept) == len(parts):
                raise problem from None
            parts = kept
            venv = install(parts)
        if not (exact or self._known or self._declaration.section.exclude_newer):
            venv = self._take_newer(venv, partial(install, parts), fetcher, workshop)
        for name, why_not in fetcher.unbuilt.items():
            self._leave(name, why_not)
        return venv

    def _take_newer(
        self,
        venv: Path,
        install: Callable[[], Path],
        fetcher: Fetcher,
        workshop: wheels.WheelBuilder,
    ) -> Path:
        """Install once more with the newest releases of what the resolver found older wheels of."""
        own = {str(canonicalize_name(made.metadata.name)) for made in self._made.values()}
        listed = distributions.list_installed(str(venv))
        newer = workshop.find_newer({name: one.version for name, one in listed if name not in own})
        built = []
        for name in newer:
            with suppress(EnvironmentFailed):
                fetcher.take_in(_VENV, workshop.provide_wheel(name, ""))
                built.append(name)
        if not built:
            return venv
        self._build_context.say(f"newer releases exist only as source: {', '.join(built)}")
        return install()

    def _leave_all(self, found: Requirements, fetcher: Fetcher) -> None:
        for one in found.left_out:
            self._leave(one.name or "a line", one.why)
            fetcher.left_out |= {one.name} - {""}

    def _leave(self, what: str, why: str) -> None:
        """Do without something that was asked for; the texts for people name it."""
        cause = uv_program.find_cause(why)
        self._build_context.say(f"{what} is left out: {cause}")
        self._choices.append(Choice(what=what, why=why, taken=False))
        self._left_out.append(f"{what}: {cause}")

    def _make_wanted(self, found: Requirements, *, exact: bool) -> Wanted:
        extras: dict[str, set[str]] = {}
        for project in found.projects:
            extras.setdefault(project.folder, set()).update(project.extras)
        named = []
        for folder, asked in extras.items():
            if folder in self._unbuilt:
                continue
            made = self._made[folder]
            name = canonicalize_name(made.metadata.name)
            listed = f"[{','.join(sorted(asked))}]" if asked else ""
            named.append(f"{name}{listed} @ {Path(made.wheel).name}")
        return Wanted(
            lines=found.lines,
            constraints=found.constraints,
            wheels=tuple(named),
            prereleases=found.prereleases,
            exact=exact,
            known=self._known,
            exclude_newer=self._declaration.section.exclude_newer,
            is_tolerant=True,
        )

    def _take_generated(self, found: dict[str, bytes]) -> None:
        taken, left = generated.choose_generated_files(
            {**self._generated, **found}, TreeFiles(self._tree)
        )
        self._generated = taken
        if left:
            self._notes.append(
                f"files that the build made in the tree are left out: {'; '.join(left[:5])}"
                + (f"; and {len(left) - 5} more" if len(left) > 5 else "")
            )

    def _write_generated(self, part: Path) -> None:
        if self._generated:
            for path, content in self._generated.items():
                place = part / GENERATED / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            listed = ", ".join(sorted(self._generated)[:5])
            self._notes.append(f"the build generates files in the tree: {listed}")

    def _environment(self, key: str, part: Path, gate: Path) -> Environment:
        settings, interpreter = self._build_context.settings, self._build_context.interpreter
        installed = distributions.list_installed(str(part / "venv"))
        return Environment(
            key=key,
            path=str(storage.locate_environment(settings, key) / "venv"),
            gate_path=str(gate),
            scripts_path=str(storage.scripts(settings)),
            python=interpreter.version,
            interpreter_mounts=interpreter.mounts,
            interpreter=interpreter.path,
            root=interpreter.root,
            sources=self._declaration.sources,
            packages=tuple(sorted(f"{name}=={one.version}" for name, one in installed)),
            section=self._declaration.section,
            is_locked=self._declaration.lock is not None,
            left_out=tuple(self._left_out),
        )


def _join_requirements(required: Requirements, parts: list[Part]) -> Requirements:
    return required.combine(*(part.found for part in parts))
