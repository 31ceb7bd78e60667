"""Phase B: build wheels in sandboxes without network, of source archives and of the repository.

Foreign build code runs here and nowhere else. It sees a build environment (read-only, made of
wheels by phase A), its own sources and nothing that is shared: neither uv's cache nor an
environment of anybody. What comes out is one wheel, read as data.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from agent.environments import (
    requirement_files,
    source_versions,
    storage,
    toolsets,
    wheel_files,
)
from agent.environments.build_context import BuildContext
from agent.environments.fetch import Fetcher
from agent.environments.requirement_files import Line
from agent.environments.tree_files import TreeFiles
from agent.environments.wheel_files import BuildSystem
from agent.errors import EnvironmentFailed
from agent.models.package_index import SourceArchive
from agent.models.record import Record
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_OURS,
    SANDBOX_TREE,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.text import sanitise

_SCRIPT = f"{SANDBOX_OURS}/environments/build_wheel.py"
_JOB = "/tmp/job.json"  # noqa: S108 - a sandbox's own
_ARCHIVES = "/sdist"
_DEEPEST = 4
#: Pages of the index that are asked for at a time.
_QUESTIONS_AT_ONCE = 16
_OLDER_VERSIONS = 6
_MOST_REASON = 300
_MOST_OF_ARCHIVE = 512 * 1024**2
_MOST_OF_REPORT = 8 * 1024**2
#: Of the tree come a wheel that points at it and a few generated files.
_MOST_OF_TREE = 64 * 1024**2


class BuiltProject(Record):
    """A project of the repository, as a wheel that points at its tree."""

    wheel: str
    metadata: wheel_files.Metadata
    generated: dict[str, bytes]
    """Files that the build has made in the tree, which every sandbox's tree then needs."""
    left: tuple[tuple[str, str], ...] = ()
    """By name: dependencies that are done without, each with the reason."""


class BuildReport(Record):
    """What our script in the sandbox says of a build; foreign code may have written it instead."""

    needs: tuple[str, ...] = ()
    """Requirements of the backend that its environment lacks; then nothing was built."""
    wheel: str = ""
    metadata: str = ""
    """Of the wheel."""
    editable: bool = False
    system: Any = None
    """What an archive names as its build system; then nothing was built."""


class WheelBuilder:
    """Builds wheels for one environment."""

    def __init__(
        self,
        build_context: BuildContext,
        gate: Path,
        fetcher: Fetcher,
        under_way: tuple[Path, ...] = (),
    ) -> None:
        self._build_context = build_context
        self._gate = gate
        self._fetcher = fetcher
        self._under_way = under_way
        """The wheels for whose sake this one works."""
        self._builders: dict[tuple[str, ...], Path] = {}
        self._offered: dict[str, set[str]] = {}
        self._known: list[Line] = []
        self._last_day: str | None = None
        self.built: list[str] = []

    def add_requirements(self, lines: tuple[Line, ...], last_day: str | None) -> None:
        """Remember requirements and the last day, so that a source version is chosen that fits."""
        self._known += lines
        self._last_day = last_day

    # --- source archives ---------------------------------------------------------------------

    def provide_wheel(self, project: str, words: str) -> Path:
        """Build the wheel of a project that exists only as source.

        Asked again for the same project, it takes the next older version.

        Raises:
            EnvironmentFailed: No version fits, or its backend fails; with its own words.
        """
        offered = self._offered.setdefault(project, set())
        rest = [one for one in self._candidates(project, words) if one.version not in offered]
        if not rest or len(offered) >= _OLDER_VERSIONS:
            locked = any(line.hashes and line.name == project for line in self._known)
            named = "archive of it that has a hash of the lock" if locked else "version of it"
            raise EnvironmentFailed(
                f"{project} exists only as source, and no {named} can be used with "
                f"Python {self._build_context.interpreter.version}. The resolver says:\n{words}"
            )
        archive = rest[0]
        offered.add(archive.version)
        build_context = self._build_context
        system = Path(build_context.system).name
        mark = f"{build_context.mark}{build_context.index.mark}\0{archive.sha256}" + (
            system and f"\0{system}"
        )
        key = hashlib.sha256(mark.encode()).hexdigest()[:32]
        goal = storage.folder(self._build_context.settings) / "wheels" / key
        if goal in self._under_way:
            raise EnvironmentFailed(
                f"{project} exists only as source and needs itself to be built."
            )
        if not goal.is_dir():
            self._build_archive(archive, goal)
        self.built.append(f"{archive.name}=={archive.version}")
        return next(goal.glob("*.whl"))

    def find_newer(self, installed: Mapping[str, str]) -> tuple[str, ...]:
        """Name packages whose newest release that fits exists only as source.

        The resolver passes it over for an older one that has a wheel.

        Args:
            installed: Versions by name.
        """

        def is_newer(name: str) -> bool:
            archive = next(iter(self._candidates(name, "")), None)
            if archive is None or archive.has_wheel:
                return False
            return Version(archive.version) > Version(installed[name])

        with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
            found = zip(installed, pool.map(is_newer, installed), strict=True)
            return tuple(name for name, newer in found if newer)

    def _candidates(self, project: str, words: str) -> list[SourceArchive]:
        name = str(canonicalize_name(project))
        archives = self._build_context.index.source_archives(name)
        version = self._build_context.interpreter.version
        # As with wheels: of what has no day, none is taken.
        day = self._last_day
        fitting = [one for one in archives if "" < one.uploaded <= day] if day else archives
        return source_versions.list_candidates(name, fitting, self._known, words, version)

    def _build_archive(self, archive: SourceArchive, goal: Path) -> None:
        with storage.lock_name(self._build_context.settings, f"wheel-{goal.name}"):
            if goal.is_dir():
                return
            self._build_context.say(f"building the wheel of {archive.name} {archive.version}")
            with storage.reserve_build_folder(self._build_context.settings, goal) as part:
                path = self._build_context.index.download_archive(archive, part)
                path.chmod(0o644)
                part.chmod(0o755)
                job = {"archive": f"{_ARCHIVES}/{path.name}", "folder": "", "editable": False}
                label = f"{archive.name} {archive.version}"
                mounts = (Mount(source=str(part), target=_ARCHIVES),)
                # Nothing of an archive is unpacked outside a sandbox.
                told = _read_report(
                    self._build_context.sandbox.run(self._order(job, mounts=mounts)), label
                )
                system = wheel_files.build_system(told.system, f"{archive.filename} pyproject.toml")
                report, result = self._build(job, system, label, mounts=mounts, goals=(goal,))
                path.unlink()
                _keep_wheel(report, result, part, label, (archive.name,))

    # --- the repository ----------------------------------------------------------------------

    def project(self, tree: Path, folder: str, version: str) -> BuiltProject:
        """Build a project of the tree so that it is imported from the tree.

        The version is for backends that read it from version control, which the sandbox lacks.

        Raises:
            EnvironmentFailed: Its backend fails; with its own words.
        """
        files = TreeFiles(tree)
        where = posixpath.join(folder, "pyproject.toml")
        system = wheel_files.build_system(files.toml(where).get("build-system"), where)
        label = f"the repository ({folder})" if folder else "the repository"
        self._build_context.say(f"building {label} itself, without network")
        job = {"folder": folder, "editable": True}
        names = declared_names(files, folder)
        told = source_versions.version_file(system.requires, names, version)
        there = files.names(folder)
        report, result = self._build(
            job,
            system,
            label,
            tree=tree,
            environ=source_versions.version_environ(version),
            files={posixpath.join(folder, n): text for n, text in told.items() if n not in there},
        )
        place = self._fetcher.workplace / f"project-{len(self.built)}"
        place.mkdir()
        wheel = _keep_wheel(report, result, place, label, names)
        generated = {
            path.removeprefix("/out/generated/"): content
            for path, content in result.files.items()
            if path.startswith("/out/generated/")
        }
        facts = wheel_files.metadata(report.metadata)
        self.built.append(f"{facts.name} @ tree")
        return BuiltProject(
            wheel=str(wheel),
            metadata=facts,
            generated=generated,
            left=tuple(wheel_files.find_addresses(facts, label)),
        )

    # --- one build ---------------------------------------------------------------------------

    def _build(
        self,
        job: dict[str, Any],
        system: BuildSystem,
        label: str,
        *,
        mounts: tuple[Mount, ...] = (),
        tree: Path | None = None,
        environ: dict[str, str] | None = None,
        files: dict[str, bytes] | None = None,
        goals: tuple[Path, ...] = (),
    ) -> tuple[BuildReport, SandboxResult]:
        told: dict[str, Any] = {
            **job,
            "backend": system.backend,
            "backend_path": system.backend_path,
            "provided": system.requires,
        }
        more = tuple(
            SandboxFile(path=f"{SANDBOX_TREE}/{path}", content=text)
            for path, text in (files or {}).items()
        )
        for _ in range(3):
            builder = self._builder(told["provided"], label, (*self._under_way, *goals))
            there = (Mount(source=str(builder), target=SANDBOX_ENVIRONMENT), *mounts)
            order = self._order(told, mounts=there, tree=tree)
            update = {
                "environ": {**order.environ, **(environ or {})},
                "files": (*order.files, *more),
            }
            result = self._build_context.sandbox.run(order.model_copy(update=update))
            report = _read_report(result, label)
            if not report.needs:
                return report, result
            told["provided"] = (*told["provided"], *report.needs)
        raise EnvironmentFailed(f"The build of {label} asks for ever more requirements.")

    def _order(
        self, job: dict[str, Any], *, mounts: tuple[Mount, ...], tree: Path | None = None
    ) -> SandboxRequest:
        told = {**job, "python": f"{SANDBOX_ENVIRONMENT}/bin/python"}
        return SandboxRequest(
            argv=(f"{SANDBOX_GATE}/bin/python", "-I", _SCRIPT, _JOB),
            environ={
                "PATH": f"{SANDBOX_ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin",
                "PYTHONNOUSERSITE": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "SOURCE_DATE_EPOCH": "315532800",
            },
            tree=str(tree) if tree is not None else None,
            system=self._build_context.system,
            mounts=(
                Mount(source=str(self._gate), target=SANDBOX_GATE),
                Mount(
                    source=str(storage.scripts(self._build_context.settings)), target=SANDBOX_OURS
                ),
                *self._build_context.interpreter.sandbox_mounts(),
                *mounts,
            ),
            files=(SandboxFile(path=_JOB, content=json.dumps(told).encode()),),
            collect=("/out/report.json", "/out/wheels/*.whl", "/out/generated/**"),
            limits=SandboxLimits(
                seconds=900,
                returned_bytes=_MOST_OF_ARCHIVE if tree is None else _MOST_OF_TREE,
                returned_files=400,
            ),
        )

    def _builder(self, requires: tuple[str, ...], label: str, under_way: tuple[Path, ...]) -> Path:
        """The environment in which a backend runs; made of wheels, or of wheels built here."""
        key = tuple(sorted(set(requires)))
        if key not in self._builders:
            if len(under_way) > _DEEPEST:
                raise EnvironmentFailed(
                    f"What {label} needs to be built exists only as source, {_DEEPEST} levels deep."
                )
            none = TreeFiles(Path("/nonexistent"))
            lines: list[Line] = []
            for text in key:
                origin = f"build requirement of {label}"
                lines += requirement_files.requirement(none, text, origin).lines
            # The builder is shared, so which versions it gets must not depend on what this
            # repository asks for, or has been offered already.
            inner = WheelBuilder(self._build_context, self._gate, self._fetcher, under_way)
            inner.add_requirements(tuple(lines), None)
            self._builders[key] = toolsets.builder(
                self._build_context, self._fetcher, tuple(lines), inner.provide_wheel
            )
            self.built += inner.built
        return self._builders[key]


def _read_report(result: SandboxResult, label: str) -> BuildReport:
    content = result.files.get("/out/report.json")
    if result.limit is not None:
        raise EnvironmentFailed(
            f"The build of {label} reached the limit on {result.limit} after "
            f"{result.seconds:.0f} s. It printed:\n{_last_words(result.output)}"
        )
    if result.exit_code != 0:
        words = _last_words(result.output)
        reason = sanitise.shorten_middle(
            words.rpartition("\n")[2].strip(), _MOST_REASON, where="the log"
        )
        raise EnvironmentFailed(
            f"The build of {label} failed, without network: {reason or 'it says nothing'}\n"
            f"Its backend says:\n{words}"
        )
    if content is None:
        why = "; ".join(result.refused) or "nothing was handed back"
        raise EnvironmentFailed(f"The build of {label} left no report: {why}")
    if len(content) > _MOST_OF_REPORT:
        raise EnvironmentFailed(f"The build of {label} left no readable report: it is too large.")
    try:
        return BuildReport.model_validate_json(content)
    except ValidationError as problem:
        raise EnvironmentFailed(f"The build of {label} left no readable report.") from problem


def _keep_wheel(
    report: BuildReport,
    result: SandboxResult,
    place: Path,
    label: str,
    names: tuple[str, ...],
) -> Path:
    """Write the wheel that was handed back under its own name."""
    filename = report.wheel
    content = result.files.get(f"/out/wheels/{filename}")
    try:
        project, *_ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as problem:
        raise EnvironmentFailed(f"The build of {label} made no wheel: {filename}") from problem
    if content is None or "/" in filename:
        refused = "; ".join(result.refused) or "nothing was handed back"
        raise EnvironmentFailed(f"The wheel of {label} did not come out of the sandbox: {refused}")
    if names and project not in map(canonicalize_name, names):
        raise EnvironmentFailed(
            f"The build of {label} made a wheel of another project: {project}, not "
            f"{' or '.join(names)}"
        )
    target = place / filename
    target.write_bytes(content)
    target.chmod(0o644)
    if canonicalize_name(inside := wheel_files.metadata(report.metadata).name) != project:
        raise EnvironmentFailed(f"The wheel of {label} is called {filename}, but is of {inside}.")
    return target


def declared_names(files: TreeFiles, folder: str) -> tuple[str, ...]:
    """What a project of the tree calls itself; empty where only its backend knows."""
    pyproject = files.toml(posixpath.join(folder, "pyproject.toml"))
    for keys in (("project",), ("tool", "poetry")):
        table: Any = pyproject
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            return (table["name"],)
    known = TreeFiles(files.root, posixpath.join(files.base, folder)).detection_files
    written = known.ini("setup.cfg").get("metadata", {}).get("name", "")
    return (*known.setup_call.get("name", ())[:1], *filter(None, (written,)))


def _last_words(output: str) -> str:
    """The end of what a backend printed: that is where the reason stands."""
    lines = [line for line in sanitise.strip_terminal_codes(output).splitlines() if line.strip()]
    return "\n".join(lines[-25:])[-3000:]
