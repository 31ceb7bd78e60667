"""Put one environment together: build what must be built, fetch the rest, store it whole.

Owns the order of the phases. What each does is in `wheels` (B), `fetch` (A) and `toolsets`.
"""

from __future__ import annotations

import posixpath
import time
from collections import defaultdict
from contextlib import suppress
from importlib import resources
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.environments import (
    declare,
    distributions,
    fetch,
    generated,
    lock_export,
    parts,
    storage,
    toolsets,
    uv_program,
)
from agent.environments.build_context import BuildContext
from agent.environments.declare import Declaration, Part
from agent.environments.fetch import Fetcher, ResolutionRequest, Unresolvable
from agent.environments.request import EnvironmentRequest
from agent.environments.requirement_files import LocalProject, Requirements
from agent.environments.tree_files import WorkTreeFiles
from agent.environments.wheels import BuiltProject, WheelBuilder
from agent.errors import EnvironmentFailed
from agent.models.clock import read_clock
from agent.models.environment import Environment
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE
from repo_config import dependencies

PROJECT = "the project itself"
#: Beside the virtual environment in the store.
RECORD = "environment.json"
_VENV = "venv"


class Stored(Record):
    environment: Environment
    created: float
    seconds: float
    """How long the build took."""


class Assembly:
    """One build, from the first fetch to the rename."""

    def __init__(
        self,
        request: EnvironmentRequest,
        declaration: Declaration,
        version: str,
        build_context: BuildContext,
    ) -> None:
        locked = {one.partition("==")[0] for one in declaration.known}
        others = (one for one in request.known if one.partition("==")[0] not in locked)
        self._known = (*declaration.known, *others)
        self._tree = Path(request.tree)
        self._files = WorkTreeFiles(self._tree, declaration.root)
        self._version, self._tag = version, request.nearest_tag
        self._declaration = declaration
        self._build_context = build_context
        self._needs_project = request.needs_project
        self._root_package = request.root_package
        self._generated: dict[str, bytes] = {}
        self._made: dict[str, BuiltProject] = {}
        self._left_out: list[str] = []
        self._unbuilt: set[str] = set()

    def run(self, key: str) -> None:
        """Build all of it and store it under the key.

        Raises:
            LockRefused: The lock is not exported, so the environment is another one.
        """
        started, context = time.monotonic(), self._build_context
        declaration, section = self._declaration, self._declaration.section
        toolsets.remove_old_builders(context)
        with fetch.open_fetcher(context) as fetcher:
            self._leave_all(declaration.requirements, fetcher)
            gate = toolsets.provide_tools(toolsets.GATE, context, fetcher)
            required, exact = self._read_requirements(fetcher, gate)
            optional = list(declaration.optional)
            whole = required.combine(*(part.found for part in optional))
            builder = WheelBuilder(context, gate, fetcher, (*whole.lines, *whole.constraints))
            builder.last_day = section.exclude_newer
            self._build_projects(whole, fetcher, builder)
            if declaration.root in self._unbuilt and declaration.lock is None:
                # No build says what the project needs, so it is read where it is written.
                read = declare.read_declaration(
                    self._files, section, declaration.refused, is_built=False
                )
                required, optional = read.required, list(read.optional)
            if not exact:
                extras = self._choose_extras()
                if section.extras is None:
                    optional += extras
                else:
                    required = required.combine(*(part.found for part in extras))
            context.say(
                "fetching packages" if whole.lines or self._made else "nothing is to be fetched"
            )
            venv = self._install(required, optional, fetcher, builder, exact=exact)
            self._show_sources(next(venv.glob("lib/python3*/site-packages")))
            goal = storage.locate_environment(context.settings, key)
            # Its record cannot be read, so nobody uses it.
            storage.remove_folder(goal)
            with storage.reserve_build_folder(context.settings, goal) as part:
                venv.rename(part / _VENV)
                context.say("compiling bytecode")
                toolsets.compile_all(context, part / _VENV)
                generated.write_generated_files(self._generated, part)
                record = Stored(
                    environment=self._describe(key, part, gate),
                    created=read_clock(),
                    seconds=time.monotonic() - started,
                )
                storage.write_whole(part / RECORD, record.model_dump_json().encode())
        storage.trim_cache(context.settings)
        packages = len(record.environment.packages)
        context.say(f"environment ready: {packages} packages, {record.seconds:.1f} s")

    def _read_requirements(self, fetcher: Fetcher, gate: Path) -> tuple[Requirements, bool]:
        """All that is to be installed, and whether that is a full resolution already."""
        declaration, lock = self._declaration, self._declaration.lock
        if lock is None:
            return declaration.required, False
        locked = lock_export.export_requirements(
            lock, self._tree, self._build_context, fetcher, gate
        )
        if locked.projects and not declaration.may_build:
            # Then the key would not cover the code that runs in the build.
            raise EnvironmentFailed(
                f"{lock.path} names projects of the tree in a way not known here."
            )
        self._leave_all(locked, fetcher)
        return locked.combine(declaration.required), declaration.adds_nothing

    # --- projects of the repository ------------------------------------------------------------

    def _build_projects(self, found: Requirements, fetcher: Fetcher, builder: WheelBuilder) -> None:
        """Build the repository's own projects; one that fails is done without, where it may be."""
        tree = WorkTreeFiles(self._tree)
        for folder in dict.fromkeys(project.folder for project in found.projects):
            try:
                made = builder.build_project(self._tree, folder, self._version, self._tag)
            except EnvironmentFailed as problem:
                if self._needs_project:
                    raise
                self._build_context.say(problem.message)
                self._leave(folder or PROJECT, problem.message)
                self._unbuilt.add(folder)
                # Its release on the index is not what stands in the tree.
                files = WorkTreeFiles(self._tree, folder).detection_files
                fetcher.left_out |= {*dependencies.list_own_names(files)}
                continue
            self._generated, left = generated.choose_generated_files(
                {**self._generated, **made.generated}, tree
            )
            if left:
                self._build_context.say(
                    f"files that the build made in the tree are left out: {'; '.join(left[:5])}"
                )
            fetcher.take_in(_VENV, Path(made.wheel))
            self._made[folder] = made
            for name, why in made.left:
                self._leave(name, why)
                fetcher.left_out.add(name)
        for project in found.projects:
            if made_of := self._made.get(project.folder):
                title = project.folder or "the project"
                parts.choose_parts(made_of.metadata.extras, project.extras, title)

    def _show_sources(self, packages: Path) -> None:
        """Have a project that is not installed imported from where its build would take it."""
        if name := self._root_package:
            scripts = resources.files("agent.environments") / "sandbox_scripts"
            script = (scripts / "root_package.py").read_bytes()
            (packages / "_mergewright_root.py").write_bytes(script)
            call = f"_mergewright_root.install({name!r}, {SANDBOX_TREE!r})"
            (packages / "_mergewright_root.pth").write_text(f"import _mergewright_root; {call}\n")
        root = self._declaration.root
        names = self._files.names("src") if root in self._unbuilt else ()
        if names and "__init__.py" not in names:
            place = posixpath.join(SANDBOX_TREE, root, "src")
            (packages / "_mergewright_src.pth").write_text(f"{place}\n")

    def _choose_extras(self) -> list[Part]:
        root, declaration = self._declaration.root, self._declaration
        if root not in self._made:
            return []
        known, wanted = self._made[root].metadata.extras, declaration.section.extras
        chosen = parts.choose_parts(known, wanted, "the project", more=declaration.extras)
        projects = (LocalProject(folder=root, extras=(name,)) for name in chosen)
        return [
            Part(what=f"extra {one.extras[0]}", found=Requirements(projects=(one,)))
            for one in projects
        ]

    # --- installation --------------------------------------------------------------------------

    def _install(
        self,
        required: Requirements,
        optional: list[Part],
        fetcher: Fetcher,
        builder: WheelBuilder,
        *,
        exact: bool,
    ) -> Path:
        """Install everything, or else what is required and each part that goes with the others.

        Raises:
            Unresolvable: What is required cannot be resolved, or it is no part that hinders.
        """

        def install(some: list[Part], *, only_resolve: bool = False) -> Path:
            whole = required.combine(*(part.found for part in some))
            wanted = self._make_wanted(whole, exact=exact)
            return fetcher.install(_VENV, wanted, builder.provide_wheel, only_resolve=only_resolve)

        try:
            venv = install(optional)
        except Unresolvable as problem:
            if not optional:
                raise
            self._build_context.say("not all of it goes together, so each part is tried by itself")
            kept: list[Part] = []
            for part in optional:
                try:
                    install([*kept, part], only_resolve=True)
                    kept.append(part)
                except Unresolvable as why:
                    self._leave(part.what, why.message)
            if len(kept) == len(optional):
                raise problem from None
            optional, venv = kept, install(kept)
        if not (exact or self._known or self._declaration.section.exclude_newer):
            built = self._build_newer(venv, fetcher, builder)
            venv = install(optional) if built else venv
        for name, why_not in fetcher.unbuilt.items():
            self._leave(name, why_not)
        return venv

    def _build_newer(self, venv: Path, fetcher: Fetcher, builder: WheelBuilder) -> list[str]:
        """Build the newest releases of what the resolver found older wheels of."""
        own = {str(canonicalize_name(made.metadata.name)) for made in self._made.values()}
        installed = {name: one.version for name, one in distributions.list_installed(str(venv))}
        built = []
        for name in builder.find_newer(
            {name: version for name, version in installed.items() if name not in own}
        ):
            with suppress(EnvironmentFailed):
                fetcher.take_in(_VENV, builder.provide_wheel(name, ""))
                built.append(name)
        if built:
            self._build_context.say(f"newer releases exist only as source: {', '.join(built)}")
        return built

    def _make_wanted(self, found: Requirements, *, exact: bool) -> ResolutionRequest:
        extras: defaultdict[str, set[str]] = defaultdict(set)
        for project in found.projects:
            extras[project.folder].update(project.extras)
        named = []
        for folder, made in self._made.items():
            listed = ",".join(sorted(extras.get(folder, ())))
            name = f"{canonicalize_name(made.metadata.name)}{listed and f'[{listed}]'}"
            named += [f"{name} @ {Path(made.wheel).name}"] * (folder in extras)
        return ResolutionRequest(
            lines=found.lines,
            constraints=found.constraints,
            wheels=tuple(named),
            prereleases=found.prereleases,
            exact=exact,
            known=self._known,
            exclude_newer=self._declaration.section.exclude_newer,
            is_tolerant=True,
        )

    # --- what is said of it --------------------------------------------------------------------

    def _leave_all(self, found: Requirements, fetcher: Fetcher) -> None:
        for one in self._declaration.list_left_out(found):
            self._leave(one.name or "a line", one.why)
            fetcher.left_out |= {one.name} - {""}

    def _leave(self, what: str, why: str) -> None:
        """Do without something that was asked for; the texts for people name it."""
        cause = uv_program.find_cause(why)
        self._build_context.say(f"{what} is left out: {cause}")
        self._left_out.append(f"{what}: {cause}")

    def _describe(self, key: str, part: Path, gate: Path) -> Environment:
        interpreter, settings = self._build_context.interpreter, self._build_context.settings
        installed = distributions.list_installed(str(part / _VENV))
        return Environment(
            key=key,
            path=str(storage.locate_environment(settings, key) / _VENV),
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
