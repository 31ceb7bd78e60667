"""Find what a repository declares as its environment, and say why each part was taken.

Pure: reads files of the tree, runs nothing, resolves nothing. What only a build backend can say
(dynamic dependencies, extras of a setup.py) is left to the metadata that `wheels` has made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.environments import (
    choosing,
    imported_by_tests,
    poetry,
    project_sources,
    python_hints,
    requirement_files,
    requirement_names,
    runner_deps,
)
from agent.environments.choosing import Choice
from agent.environments.locks import kinds
from agent.environments.locks.kinds import Lock, Offer
from agent.environments.named_groups import NamedGroups
from agent.environments.python_hints import PythonHints
from agent.environments.requirement_files import (
    AddressRefused,
    LeftOut,
    Line,
    LocalProject,
    Requirements,
)
from agent.environments.runner_deps import RunnerDeps
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.record import Record
from repo_config import dependencies
from repo_config.documents import table, texts
from repo_config.schema import PythonSection

_FIXED = "a lock file fixes every version"


class Part(Record):
    """What one extra, group or file asks for; done without where it cannot be resolved."""

    what: str
    found: Requirements


class Declaration(Record):
    """What is to be installed, before anything is resolved."""

    required: Requirements = Requirements()
    optional: tuple[Part, ...] = ()
    lock: Lock | None = None
    known: tuple[str, ...] = ()
    """As `name==version`: what a lock has that is not installed as it is."""
    refused: str = ""
    """Why it is not."""
    section: PythonSection = PythonSection()
    """What it was read with."""
    python: PythonHints = PythonHints()
    sources: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    extras: dict[str, str] = {}
    """Of the project, that tox or Hatch installs; each with the reason."""
    root: str = ""
    """Folder of the project in the repository."""

    @property
    def requirements(self) -> Requirements:
        """All that is asked for."""
        return self.required.combine(*(part.found for part in self.optional))

    @property
    def may_build(self) -> bool:
        """Whether something of the repository itself may be built."""
        return (self.lock is not None and self.lock.builds) or bool(self.requirements.projects)

    @property
    def adds_nothing(self) -> bool:
        """Whether all that the lock lacks is the project at the root."""
        found = self.requirements
        if self.lock is None or found.lines or (found.projects and not self.lock.covers_project):
            return False
        return all(project.folder == self.root and not project.extras for project in found.projects)


def read_declaration(
    files: TreeFiles, section: PythonSection, refused: str = "", *, packs: bool = True
) -> Declaration:
    """Find the declarations of a tree and choose among them.

    Args:
        files: The tree.
        section: Of the configuration.
        refused: Why locks are not installed as they are; their versions are kept where what they
            were made from lets them be.
        packs: Whether the project can be built; if not, what it needs is read where it is written.

    Raises:
        EnvironmentFailed: One cannot be read, or the configuration names what is not there; the
            message names file and line, or the nearest name.
    """
    return _Reader(files, section, refused, packs=packs).read()


class _Reader:
    """Collects in the order in which a person would look."""

    def __init__(
        self, files: TreeFiles, section: PythonSection, refused: str, *, packs: bool
    ) -> None:
        self.files = files
        self.packs = packs
        self.section = section
        self.refused = refused
        self.pyproject = files.toml("pyproject.toml")
        self.project: dict[str, Any] = kinds.table(self.pyproject, "project")
        self.poetry: dict[str, Any] = kinds.table(self.pyproject, "tool", "poetry")
        self.found = Requirements()
        self.parts: list[Part] = []
        self.sources: list[str] = []
        self.choices: list[Choice] = []
        self.lock: Lock | None = None
        self.known: tuple[str, ...] = ()

    @cached_property
    def groups(self) -> NamedGroups:
        """Those of pyproject.toml."""
        return NamedGroups(self.pyproject, self.files.toml("Pipfile"))

    @cached_property
    def runners(self) -> tuple[RunnerDeps, ...]:
        """What tox and Hatch install."""
        return runner_deps.read_runner_deps(self.files, self.pyproject)

    @cached_property
    def runner_extras(self) -> dict[str, str]:
        """Extras that they name, each with the reason."""
        return {name: one.reason for one in self.runners for name in one.extras}

    @cached_property
    def runner_groups(self) -> dict[str, str]:
        """The same of groups."""
        return {name: one.reason for one in self.runners for name in one.groups}

    @cached_property
    def more_extras(self) -> dict[str, str]:
        """Extras that are taken whatever they are called, each with the reason."""
        extras = table(self.project, "optional-dependencies") or table(self.poetry, "extras")
        imported = imported_by_tests.find_extras(
            self.files, {name: texts(listed) for name, listed in extras.items()}
        )
        return {**dict.fromkeys(imported, choosing.IMPORTED), **self.runner_extras}

    def read(self) -> Declaration:
        offers = kinds.find_offers(self.files, self.pyproject)
        if offers and not self.refused:
            self._take_lock(offers[0])
            for path in (*(o.path for o in offers[1:]), *requirement_names.paths(self.files)):
                self._note_left_out(path, f"{offers[0].path} is there, and it fixes every version")
        else:
            lock = kinds.choose_lock(self.files, offers[0], self.section) if offers else None
            self._take_project()
            self._take_groups(lock.groups if lock else {})
            self._take_requirement_files()
            self.found = self.found.combine(
                Requirements(indexes=project_sources.find_indexes(self.pyproject))
            )
            if lock is not None:
                self._keep_versions(lock)
        self._take_install()
        if self.lock is None:
            for one in self.runners:
                self._take_runner(one)
            self._take_sources()
        whole = self.found.combine(*(part.found for part in self.parts))
        return Declaration(
            required=self.found,
            optional=tuple(self.parts),
            lock=self.lock,
            known=self.known,
            refused=self.refused,
            section=self.section,
            python=self._read_python_hints(offers),
            sources=tuple(dict.fromkeys(self.sources + list(whole.files))),
            choices=tuple(self.choices),
            extras=self.runner_extras,
            root=self.files.base,
        )

    def _read_python_hints(self, offers: Sequence[Offer]) -> PythonHints:
        hints = python_hints.read_python_hints(self.files)
        asked = offers[0].requires_python if offers else None
        if asked is None or hints.requires is not None:
            return hints
        return hints.model_copy(update={"requires": asked, "requires_origin": offers[0].path})

    # --- the sources, in order ---------------------------------------------------------------

    def _take_lock(self, offer: Offer) -> None:
        self.lock = kinds.choose_lock(
            self.files, offer, self.section, self.more_extras, self.runner_groups
        )
        self.found = self.found.combine(Requirements(indexes=offer.indexes))
        above = "; it is that of the workspace" if self.lock.folder != self.files.base else ""
        self._note_taken(offer.path, _FIXED + above)
        for name, why in self.lock.extras.items():
            self._note_taken(f"extra {name}", why, source=False)
        for name, why in self.lock.groups.items():
            self._note_taken(f"group {name}", why, source=False)
        self._left_groups(offer.groups, self.lock.groups)
        # A uv.lock says itself where the project is installed from.
        if offer.kind != "uv":
            self._take_package()

    def _keep_versions(self, lock: Lock) -> None:
        """Keep the versions of a lock where what it was made from lets them be."""
        self.known, indexes = kinds.read_versions(self.files, lock)
        # The last line of a tool is the one with the reason.
        why = self.refused.strip().splitlines()[-1].strip().rstrip(".")
        note = f"{lock.path} is not installed as it is: {why}; its versions are used without hashes"
        self.found = self.found.combine(Requirements(indexes=indexes, notes=(note,)))
        self._note_left_out(lock.path, "its versions are used without hashes")

    def _take_package(self) -> bool:
        if not self._is_package():
            return False
        origin = "pyproject.toml" if self._has_backend() else "setup.py"
        where = LocalProject(folder=self.files.base, origin=origin)
        self.found = self.found.combine(Requirements(projects=(where,)))
        self._note_taken(origin, "the repository is a package; its backend says what it needs")
        return True

    def _take_project(self) -> None:
        if self._take_package():
            return
        if self.project:
            self._note_taken(
                "pyproject.toml", "[project] lists dependencies; there is nothing to build"
            )
            self._add(self.project.get("dependencies", []), "pyproject.toml [project]")
            extras = self.project.get("optional-dependencies", {})
            asked = self.section.extras
            more = self.more_extras
            chosen = choosing.choose_parts(tuple(extras), asked, "pyproject.toml", more=more)
            for name, why in chosen.items():
                with self._part(f"extra {name}", fails=asked is not None):
                    self._add_extra(name, extras, why)
        elif self.poetry:
            self._note_taken("pyproject.toml", "[tool.poetry] lists dependencies; nothing is built")
            self._add_table(self.poetry, "dependencies", "pyproject.toml [tool.poetry]")
        elif pipfile := self.files.toml("Pipfile"):
            self._note_taken("Pipfile", "it lists dependencies; there is nothing to build")
            self._add_table(pipfile, "packages", "Pipfile")
        elif not self.packs:
            self._take_setup()
        elif self.section.extras:
            choosing.choose_parts((), self.section.extras, "the repository")

    def _take_setup(self) -> None:
        """Take what setup.py and setup.cfg list, as far as it can be read."""
        for lines, origin, _ in dependencies.list_requirements(self.files.detection_files):
            path, _, key = origin.partition(": ")
            extra = key.partition("extras_require.")[2]
            is_wanted = key in ("install_requires", "tests_require")
            if path.startswith("setup.") and (is_wanted or requirement_names.is_for_tests(extra)):
                text = "\n".join(lines)
                self.found = self.found.combine(
                    requirement_files.parse_requirements(
                        self.files, text, origin, numbered=False, is_tolerant=True
                    )
                )

    def _take_groups(self, locked: Mapping[str, str]) -> None:
        groups, asked = self.groups, self.section.groups
        more = {**locked, **self.runner_groups}
        chosen = choosing.choose_parts(
            groups.names, asked, "pyproject.toml", kind="group", more=more
        )
        for name, why in chosen.items():
            with self._part(f"group {name}", fails=asked is not None):
                self._add(groups.lines(name), f"pyproject.toml group {name}")
                self._note_taken(f"group {name}", why, source=False)
        self._left_groups(groups.names, chosen)
        if chosen:
            self.sources.append("pyproject.toml")

    def _take_requirement_files(self) -> None:
        paths = requirement_names.paths(self.files, compiled=not self.refused)
        if named := [entry for entry in self.section.install if entry.startswith("-r")]:
            for path in paths:
                self._note_left_out(path, f"the configuration names its own: {', '.join(named)}")
            return
        describes_itself = bool(self.found.projects or self.project or self.poetry)
        for path in paths:
            if any(path in part.found.files for part in self.parts) or path in self.found.files:
                continue
            is_test = requirement_names.role(path) == "test"
            with self._part(path, fails=not (is_test or describes_itself)):
                self.found = self.found.combine(
                    requirement_files.read_requirements_file(self.files, path, is_tolerant=True)
                )
                role = "for tests and development" if is_test else "for running it"
                self._note_taken(path, f"by its name it lists what is needed {role}")

    def _take_install(self) -> None:
        for entry in self.section.install:
            found = requirement_files.requirement(self.files, entry, "python.install")
            self.found = self.found.combine(found)
            self._note_taken(f"python.install: {entry}", "named by the configuration", source=False)
            if not entry.startswith("-"):
                self.sources.append("python.install")
        lines = (Line(text=one, origin="python.constraints") for one in self.section.constraints)
        self.found = self.found.combine(Requirements(constraints=tuple(lines)))

    def _take_runner(self, deps: RunnerDeps) -> None:
        for line in deps.left:
            self._note_left_out(
                f"{deps.origin} {line}", f"it holds only for some of {deps.runner}'s runs"
            )
        if deps.lines:
            origin = f"{deps.origin} deps"
            with self._part(origin):
                found = requirement_files.parse_requirements(
                    self.files, "\n".join(deps.lines), origin, is_tolerant=True
                )
                self.found = self.found.combine(found)
                self._note_taken(deps.path, deps.reason)

    def _take_sources(self) -> None:
        """Take what is asked for from where uv is told to."""
        whole = self.found.combine(*(part.found for part in self.parts))
        written = [self.project.get("dependencies", [])]
        written += self.project.get("optional-dependencies", {}).values()
        asked = {requirement_files.guess_name(line) for listed in written for line in listed}
        asked |= {line.name for line in whole.lines}
        for name, found in project_sources.find_projects(self.files).items():
            if name in asked or "dependencies" in self.project.get("dynamic", ()):
                self.found = self.found.combine(found)

    @contextmanager
    def _part(self, what: str, *, fails: bool = False) -> Iterator[None]:
        """Collect what is found meanwhile as a part of its own, that may not be to be had.

        Args:
            what: Its name.
            fails: It has to be had all the same.
        """
        if fails:
            yield
            return
        before, self.found = self.found, Requirements()
        try:
            yield
            self.parts.append(Part(what=what, found=self.found))
        except EnvironmentFailed as problem:
            why = LeftOut(name="", why=problem.message)
            self.parts.append(Part(what=what, found=Requirements(left_out=(why,))))
        finally:
            self.found = before

    # --- what the repository is --------------------------------------------------------------

    def _is_package(self) -> bool:
        if not self.packs:
            return False
        if kinds.table(self.pyproject, "tool", "uv").get("package") is False:
            return False
        if self.poetry.get("package-mode") is False or not self._poetry_has_modules():
            return False
        return self._has_backend() or self.files.detection_files.has_file("setup.py")

    def _poetry_has_modules(self) -> bool:
        """Whether Poetry's backend, where it is used, would find something to pack.

        Many applications are described as packages, are none, and are installed with --no-root.
        """
        backend = kinds.table(self.pyproject, "build-system").get("build-backend", "")
        if not str(backend).startswith("poetry.core") or poetry.has_modules(
            self.files, self.poetry, str(self.project.get("name") or self.poetry.get("name") or "")
        ):
            return True
        self._note_left_out(
            "the project itself", "it has no module of its name that could be packed"
        )
        return False

    def _has_backend(self) -> bool:
        return "build-system" in self.pyproject

    # --- small parts -------------------------------------------------------------------------

    def _add(self, requirements: object, origin: str) -> None:
        if not isinstance(requirements, list) or not all(
            isinstance(entry, str) for entry in requirements
        ):
            raise EnvironmentFailed(f"{origin}: dependencies must be a list of strings.")
        own = str(canonicalize_name(str(self.project.get("name", ""))))
        for entry in requirements:
            try:
                one = requirement_files.requirement(self.files, entry, origin)
            except AddressRefused as problem:
                left = LeftOut(name=requirement_files.guess_name(entry), why=problem.message)
                one = Requirements(left_out=(left,))
            if own and any(line.name == own for line in one.lines):
                # A group that asks for the project itself, with extras: that is the tree.
                one = self._read_own_requirements(sorted(Requirement(entry).extras), origin)
            self.found = self.found.combine(one)

    def _add_table(self, document: dict[str, Any], key: str, origin: str) -> None:
        place = f"{origin} {key}"
        self._add(poetry.read_table(kinds.table(document, key), place), place)

    def _read_own_requirements(self, wanted: Sequence[str], origin: str) -> Requirements:
        """The project itself, with extras that something of it asks for."""
        extras = tuple(str(canonicalize_name(name)) for name in wanted)
        if self._is_package():
            project = LocalProject(folder=self.files.base, extras=extras, origin=origin)
            return Requirements(projects=(project,))
        listed = self.project.get("optional-dependencies", {})
        for name in choosing.choose_parts(tuple(listed), extras, origin):
            # Two may name each other.
            if not any(one.what == f"extra {name}" for one in self.choices):
                self._add_extra(name, listed, f"{origin} names it")
        return Requirements()

    def _add_extra(self, name: str, extras: dict[str, Any], why: str) -> None:
        self._note_taken(f"extra {name}", why, source=False)
        for written, requirements in extras.items():
            if str(canonicalize_name(written)) == name:
                self._add(requirements, f"pyproject.toml extra {name}")

    def _left_groups(self, names: Sequence[str], chosen: Collection[str]) -> None:
        asked = self.section.groups is not None
        why = "python.groups does not name it" if asked else "by its name it is not for tests"
        for name in dict.fromkeys(str(canonicalize_name(one)) for one in names):
            if name not in chosen:
                self._note_left_out(f"group {name}", why)

    def _note_taken(self, what: str, why: str, *, source: bool = True) -> None:
        self.choices.append(Choice(what=what, why=why))
        if source:
            self.sources.append(what)

    def _note_left_out(self, what: str, why: str) -> None:
        self.choices.append(Choice(what=what, why=why, taken=False))
