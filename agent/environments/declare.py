"""Find what a repository declares as its environment.

Pure: reads files of the tree, runs nothing, resolves nothing. What only a build backend can say
(dynamic dependencies, extras of a setup.py) is left to the metadata that `wheels` has made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.environments import locks, parts, requirement_files, tool_tables
from agent.environments.locks import Lock
from agent.environments.requirement_files import (
    AddressRefused,
    LeftOut,
    Line,
    LocalProject,
    Requirements,
)
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.record import Record
from repo_config import dependencies, versions, workflows
from repo_config.documents import table
from repo_config.schema import PythonSection

#: Entries that ask for something, by key, and what each is without them.
_NOTHING: dict[str, object] = {"install": (), "extras": None, "groups": None}


class PythonHints(Record):
    """What the repository says about its Python."""

    version_file: str | None = None
    """Content of .python-version."""
    requires: str | None = None
    requires_origin: str = ""
    classifiers: tuple[str, ...] = ()
    """Minor versions named by classifiers."""
    ci: tuple[str, ...] = ()
    """Minor versions that CI tests."""


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
    extras: tuple[str, ...] = ()
    """Of the project, that tox or Hatch installs."""
    root: str = ""
    """Folder of the project in the repository."""

    @property
    def requirements(self) -> Requirements:
        return self.required.combine(*(part.found for part in self.optional))

    def list_left_out(self, found: Requirements) -> list[LeftOut]:
        """List what is left out of requirements, but for what the configuration replaces."""
        given = {*map(requirement_files.guess_name, self.section.install)}
        return [one for one in found.left_out if not (one.is_address and one.name in given)]

    @property
    def may_build(self) -> bool:
        """Whether something of the repository itself may be built."""
        return (self.lock is not None and self.lock.builds) or bool(self.requirements.projects)

    @property
    def adds_nothing(self) -> bool:
        """Whether all that the lock lacks is the project at the root."""
        found = self.requirements
        # A Pipfile.lock does not say what a setup.py asks for.
        if self.lock is None or found.lines or (found.projects and self.lock.kind == "pipenv"):
            return False
        return all(project.folder == self.root and not project.extras for project in found.projects)


def read_declaration(
    files: WorkTreeFiles, section: PythonSection, refused: str = "", *, is_built: bool = True
) -> Declaration:
    """Find the declarations of a tree and choose among them.

    Args:
        files: The tree.
        section: Of the configuration.
        refused: Why locks are not installed as they are; their versions are kept where what they
            were made from lets them be.
        is_built: Whether the project can be built; if not, what it needs is read where it is
            written.

    Raises:
        EnvironmentFailed: One cannot be read, or the configuration names what is not there; the
            message names file and line, or the nearest name.
    """
    return _Reader(files, section, refused, is_built=is_built).read()


def find_refusals(
    files: WorkTreeFiles, section: PythonSection
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield why no environment can be made of what is declared.

    Yields:
        The entry of the configuration that asks for what is not there, empty where the repository
        itself is at fault; and why.
    """
    tried: list[tuple[tuple[str | int, ...], dict[str, object]]] = [((), _NOTHING)]
    for key in _NOTHING:
        entries = getattr(section, key) or ()
        tried += [
            (("python", key, at), {**_NOTHING, key: (one,)}) for at, one in enumerate(entries)
        ]
    for path, update in tried:
        try:
            read_declaration(files, section.model_copy(update=update))
        except EnvironmentFailed as problem:
            yield path, problem.message
            if not path:
                return


def read_python_hints(files: WorkTreeFiles, found_locks: Sequence[Lock]) -> PythonHints:
    """Collect the hints; of several constraints the first one counts, in pip's own order."""
    known = files.detection_files
    requires, origin = next(versions.list_python_ranges(known), (None, ""))
    if requires:
        requires = versions.standardize_range(requires)
    elif found_locks and found_locks[0].requires_python:
        requires, origin = found_locks[0].requires_python, found_locks[0].path
    lines = [line.strip() for line in known.text(".python-version").splitlines()]
    whole = files.from_root_folder().detection_files
    jobs = [job for job in workflows.read_jobs(whole) if job.mentions(files.base)]
    return PythonHints(
        version_file=next((line for line in lines if line and line[0] != "#"), None),
        requires=requires,
        requires_origin=origin,
        classifiers=tuple(versions.read_python_classifiers(known)),
        ci=tuple(dict.fromkeys(minor for job in jobs for minor in job.pythons)),
    )


class _Reader:
    """Collects in the order in which a person would look."""

    def __init__(
        self, files: WorkTreeFiles, section: PythonSection, refused: str, *, is_built: bool
    ) -> None:
        self.files = files
        self.is_built = is_built
        self.section = section
        self.refused = refused
        self.pyproject = files.toml("pyproject.toml")
        self.pipfile = files.toml("Pipfile")
        self.project = table(self.pyproject, "project")
        self.poetry = table(self.pyproject, "tool", "poetry")
        self.runners = parts.read_runner_deps(files, self.pyproject)
        self.runner_extras = tuple(name for one in self.runners for name in one.extras)
        self.runner_groups = tuple(name for one in self.runners for name in one.groups)
        self.found = Requirements()
        self.parts: list[Part] = []
        self.extras: set[str] = set()
        self.sources: list[str] = []

    def read(self) -> Declaration:
        found = locks.find_locks(self.files, self.pyproject)
        lock: Lock | None = None
        known: tuple[str, ...] = ()
        if found:
            more = self.runner_extras, self.runner_groups
            lock = locks.choose_of_lock(self.files, found[0], self.section, *more)
        if lock and not self.refused:
            self._add(Requirements(indexes=lock.indexes))
            self.sources.append(lock.path)
            # A uv.lock says itself where the project is installed from.
            if lock.kind != "uv":
                self._take_package()
        else:
            self._take_project()
            self._take_groups(lock.groups if lock else ())
            self._take_requirement_files()
            self._add(Requirements(indexes=tool_tables.find_indexes(self.pyproject)))
            if lock is not None:
                known, indexes = locks.read_versions(self.files, lock)
                self._add(Requirements(indexes=indexes))
        self._take_install()
        if lock is None or self.refused:
            self._take_runners()
            self._take_uv_sources()
        return Declaration(
            required=self.found,
            optional=tuple(self.parts),
            lock=None if self.refused else lock,
            known=known,
            refused=self.refused,
            section=self.section,
            python=read_python_hints(self.files, found),
            sources=tuple(dict.fromkeys(self.sources + list(self._combine().files))),
            extras=self.runner_extras,
            root=self.files.base,
        )

    # --- the sources, in order ---------------------------------------------------------------

    def _take_package(self) -> bool:
        if not self._is_package:
            return False
        origin = "pyproject.toml" if "build-system" in self.pyproject else "setup.py"
        where = LocalProject(folder=self.files.base, origin=origin)
        self._add(Requirements(projects=(where,)))
        self.sources.append(origin)
        return True

    def _take_project(self) -> None:
        if self._take_package():
            return
        asked, origin = self.section.extras, "pyproject.toml"
        if self.project:
            self._add_lines(self.project.get("dependencies", []), f"{origin} [project]")
            extras = tuple(table(self.project, "optional-dependencies"))
            for name in parts.choose_parts(extras, asked, origin, more=self.runner_extras):
                with self._part(f"extra {name}", fails=asked is not None):
                    self._add_extra(name)
        elif self.poetry:
            self._add_table(self.poetry, "dependencies", f"{origin} [tool.poetry]")
        elif self.pipfile:
            origin = "Pipfile"
            self._add_table(self.pipfile, "packages", origin)
        else:
            if not self.is_built:
                self._take_setup()
            elif asked:
                parts.choose_parts((), asked, "the repository")
            return
        self.sources.append(origin)

    def _take_setup(self) -> None:
        """Take what setup.py and setup.cfg list, as far as it can be read."""
        for lines, origin, _ in dependencies.list_requirements(self.files.detection_files):
            path, _, key = origin.partition(": ")
            extra = key.partition("extras_require.")[2]
            is_wanted = key in ("install_requires", "tests_require")
            if path.startswith("setup.") and (is_wanted or parts.is_for_tests(extra)):
                self._add(requirement_files.parse_text(self.files, "\n".join(lines), origin))

    def _take_groups(self, locked: Collection[str]) -> None:
        groups, asked = parts.Groups(self.pyproject, self.pipfile), self.section.groups
        # An application that is no package may have what it runs with in a group.
        running = filter(parts.is_for_running, groups.names)
        more, origin = {*locked, *self.runner_groups, *running}, "pyproject.toml"
        for name in parts.choose_parts(groups.names, asked, origin, kind="group", more=more):
            with self._part(f"group {name}", fails=asked is not None):
                self._add_lines(groups.list_requirements(name), f"{origin} group {name}")
                self.sources.append(origin)

    def _take_requirement_files(self) -> None:
        if any(entry.startswith("-r") for entry in self.section.install):
            return
        describes_itself = bool(self.found.projects or self.project or self.poetry)
        for path in parts.list_requirement_files(self.files, compiled=not self.refused):
            if path in self._combine().files:
                continue
            is_test = parts.find_role(path) == "test"
            with self._part(path, fails=not (is_test or describes_itself)):
                self._add(requirement_files.read_file(self.files, path))
                self.sources.append(path)

    def _take_install(self) -> None:
        for entry in self.section.install:
            # Of a file, a line that is refused is left out as it is anywhere else.
            parse = (
                requirement_files.parse_text if entry[:1] == "-" else requirement_files.parse_line
            )
            self._add(parse(self.files, entry, "python.install"))
            if not entry.startswith("-"):
                self.sources.append("python.install")
        lines = (Line(text=one, origin="python.constraints") for one in self.section.constraints)
        self._add(Requirements(constraints=tuple(lines)))

    def _take_runners(self) -> None:
        for deps in filter(lambda one: one.lines, self.runners):
            origin = f"{deps.origin} deps"
            with self._part(origin):
                text = "\n".join(deps.lines)
                self._add(requirement_files.parse_text(self.files, text, origin))
                self.sources.append(deps.path)

    def _take_uv_sources(self) -> None:
        """Take what is asked for from where uv is told to."""
        written = [self.project.get("dependencies", [])]
        written += table(self.project, "optional-dependencies").values()
        asked = {requirement_files.guess_name(line) for listed in written for line in listed}
        asked |= {line.name for line in self._combine().lines}
        for name, found in tool_tables.find_projects(self.files).items():
            if name in asked or "dependencies" in self.project.get("dynamic", ()):
                self._add(found)

    # --- what the repository is --------------------------------------------------------------

    @cached_property
    def _is_package(self) -> bool:
        if not self.is_built or table(self.pyproject, "tool", "uv").get("package") is False:
            return False
        if self.poetry.get("package-mode") is False or not self._has_poetry_modules():
            return False
        return "build-system" in self.pyproject or self.files.detection_files.has_file("setup.py")

    def _has_poetry_modules(self) -> bool:
        """Whether Poetry's backend, where it is used, would find something to pack.

        Many applications are described as packages, are none, and are installed with --no-root.
        """
        backend = table(self.pyproject, "build-system").get("build-backend", "")
        named = self.poetry.get("packages") or self.poetry.get("include")
        if not str(backend).startswith("poetry.core") or named:
            return True
        name = str(self.project.get("name") or self.poetry.get("name") or "")
        module = re.sub(r"[-_.]+", "_", name).lower()
        listed = (*self.files.names(""), *self.files.names("src"))
        return bool({module, f"{module}.py", f"{module}-stubs"} & {one.lower() for one in listed})

    # --- small parts -------------------------------------------------------------------------

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
        except EnvironmentFailed as problem:
            self.found = Requirements(left_out=(LeftOut(name="", why=problem.message),))
        self.parts.append(Part(what=what, found=self.found))
        self.found = before

    def _combine(self) -> Requirements:
        return self.found.combine(*(part.found for part in self.parts))

    def _add(self, found: Requirements) -> None:
        self.found = self.found.combine(found)

    def _add_lines(self, requirements: object, origin: str) -> None:
        if not isinstance(requirements, list) or not all(
            isinstance(one, str) for one in requirements
        ):
            raise EnvironmentFailed(f"{origin}: dependencies must be a list of strings.")
        own = str(canonicalize_name(str(self.project.get("name", ""))))
        for entry in requirements:
            try:
                one = requirement_files.parse_line(self.files, entry, origin)
            except AddressRefused as problem:
                name = requirement_files.guess_name(entry)
                left = LeftOut(name=name, why=problem.message, is_address=True)
                one = Requirements(left_out=(left,))
            if own and any(line.name == own for line in one.lines):
                # A group that asks for the project itself, with extras: that is the tree.
                one = self._read_own_requirements(sorted(Requirement(entry).extras), origin)
            self._add(one)

    def _add_table(self, document: dict[str, Any], key: str, origin: str) -> None:
        place = f"{origin} {key}"
        try:
            lines = [*dependencies.write_requirements(table(document, key))]
        except ValueError as problem:
            raise EnvironmentFailed(f"{place}: {problem}") from problem
        self._add_lines(lines, place)

    def _read_own_requirements(self, wanted: Sequence[str], origin: str) -> Requirements:
        """The project itself, with extras that something of it asks for."""
        extras = parts.normalise_names(wanted)
        if self._is_package:
            project = LocalProject(folder=self.files.base, extras=extras, origin=origin)
            return Requirements(projects=(project,))
        listed = table(self.project, "optional-dependencies")
        for name in parts.choose_parts(tuple(listed), extras, origin):
            self._add_extra(name)
        return Requirements()

    def _add_extra(self, name: str) -> None:
        # Two may name each other.
        if name in self.extras:
            return
        self.extras.add(name)
        for written, requirements in table(self.project, "optional-dependencies").items():
            if canonicalize_name(written) == name:
                self._add_lines(requirements, f"pyproject.toml extra {name}")
