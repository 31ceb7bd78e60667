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
from itertools import compress
from pathlib import Path
from typing import Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from agent.environments import (
    requirement_files,
    sandbox_requests,
    sources,
    storage,
    toolsets,
)
from agent.environments.build_context import BuildContext
from agent.environments.fetch import Fetcher
from agent.environments.requirement_files import Line
from agent.environments.sources import BuildSystem, Metadata
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import SourceArchive
from agent.models.record import Record
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_OURS,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.text import sanitise
from repo_config import dependencies

_SCRIPT = f"{SANDBOX_OURS}/environments/build_wheel.py"
_JOB = "/tmp/job.json"  # noqa: S108 - a sandbox's own
_ARCHIVES = "/sdist"
_REPORT = "/out/report.json"
_GENERATED = "/out/generated/"
_DEEPEST = 4
_OLDER_VERSIONS = 6
_MOST_REASON = 300
_QUESTIONS_AT_ONCE = 8
_MOST_OF_ARCHIVE = 512 * 1024**2
_MOST_OF_REPORT = 8 * 1024**2
#: Of the tree come a wheel that points at it and a few generated files.
_MOST_OF_TREE = 64 * 1024**2


class BuiltProject(Record):
    """A project of the repository, as a wheel that points at its tree."""

    wheel: str
    metadata: Metadata
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
    system: Any = None
    """What an archive names as its build system; then nothing was built."""


class WheelBuilder:
    def __init__(
        self,
        build_context: BuildContext,
        gate: Path,
        fetcher: Fetcher,
        known: tuple[Line, ...] = (),
        under_way: tuple[Path, ...] = (),
    ) -> None:
        self._build_context = build_context
        self._gate = gate
        self._fetcher = fetcher
        self._known = known
        """Requirements, so that a source version is chosen that fits."""
        self._under_way = under_way
        """The wheels for whose sake this one works."""
        self._builders: dict[tuple[str, ...], Path] = {}
        self._offered: dict[str, set[str]] = {}
        self.last_day: str | None = None
        """Releases after that day are not taken."""
        self._projects = 0

    # --- source archives ---------------------------------------------------------------------

    def provide_wheel(self, project: str, words: str) -> Path:
        """Build the wheel of a project that exists only as source.

        Asked again for the same project, it takes the next older version.

        Raises:
            EnvironmentFailed: No version fits, or its backend fails; with its own words.
        """
        offered = self._offered.setdefault(project, set())
        rest = [one for one in self._list_archives(project, words) if one.version not in offered]
        if not rest or len(offered) >= _OLDER_VERSIONS:
            locked = any(line.hashes and line.name == project for line in self._known)
            named = "archive of it that has a hash of the lock" if locked else "version of it"
            raise EnvironmentFailed(
                f"{project} exists only as source, and no {named} can be used with "
                f"Python {self._build_context.interpreter.version}. The resolver says:\n{words}"
            )
        archive = rest[0]
        offered.add(archive.version)
        context = self._build_context
        facts = (context.mark, context.index.mark, archive.sha256, Path(context.system).name)
        key = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]
        goal = storage.folder(context.settings) / "wheels" / key
        if goal in self._under_way:
            raise EnvironmentFailed(
                f"{project} exists only as source and needs itself to be built."
            )
        with storage.lock_name(context.settings, f"wheel-{goal.name}"):
            if not goal.is_dir():
                self._build_archive(archive, goal)
        return next(goal.glob("*.whl"))

    def find_newer(self, installed: Mapping[str, str]) -> tuple[str, ...]:
        """Name packages whose newest fitting release has no wheel.

        uv with --no-build passes it over, without a word, for an older one that has a wheel.
        """

        def is_newer(name: str) -> bool:
            archive = next(iter(self._list_archives(name, "")), None)
            if archive is None or archive.has_wheel:
                return False
            return Version(archive.version) > Version(installed[name])

        with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
            return tuple(compress(installed, pool.map(is_newer, installed)))

    def _list_archives(self, project: str, words: str) -> list[SourceArchive]:
        name = str(canonicalize_name(project))
        archives = self._build_context.index.source_archives(name)
        # As with wheels: of what has no day, none is taken.
        if day := self.last_day:
            archives = tuple(one for one in archives if "" < one.uploaded <= day)
        python = self._build_context.interpreter.version
        return sources.list_candidates(name, archives, self._known, words, python)

    def _build_archive(self, archive: SourceArchive, goal: Path) -> None:
        context = self._build_context
        label = f"{archive.name} {archive.version}"
        context.say(f"building the wheel of {label}")
        with storage.reserve_build_folder(context.settings, goal) as part:
            path = context.index.download_archive(archive, part)
            path.chmod(0o644)
            part.chmod(0o755)
            job = {"archive": f"{_ARCHIVES}/{path.name}", "folder": "", "editable": False}
            order = self._make_request(_MOST_OF_ARCHIVE)
            mounts = (*order.mounts, Mount(source=str(part), target=_ARCHIVES))
            order = order.model_copy(update={"mounts": mounts})
            # Nothing of an archive is unpacked outside a sandbox.
            told, _ = self._run(order, job, label)
            system = sources.read_build_system(told.system, f"{archive.filename} pyproject.toml")
            report, result = self._build(order, job, system, label, (*self._under_way, goal))
            path.unlink()
            _keep_wheel(report, result, part, label, (archive.name,))

    # --- the repository ----------------------------------------------------------------------

    def build_project(self, tree: Path, folder: str, version: str, tag: str | None) -> BuiltProject:
        """Build a project of the tree so that it is imported from the tree.

        Version and tag are for backends that read them from version control.

        Raises:
            EnvironmentFailed: Its backend fails; with its own words.
        """
        files = WorkTreeFiles(tree)
        where = posixpath.join(folder, "pyproject.toml")
        system = sources.read_build_system(files.toml(where).get("build-system"), where)
        label = f"the repository ({folder})" if folder else "the repository"
        self._build_context.say(f"building {label} itself, without network")
        names = dependencies.list_own_names(WorkTreeFiles(tree, folder).detection_files)[:1]
        order = self._make_request(_MOST_OF_TREE)
        environ = order.environ | dict.fromkeys(sources.VERSION_VARIABLES, version)
        order = order.model_copy(update={"tree": str(tree), "environ": environ})
        order = sandbox_requests.add_git(order, tree, tag)
        job = {"folder": folder, "editable": True}
        report, result = self._build(order, job, system, label, self._under_way)
        self._projects += 1
        place = self._fetcher.workplace / f"project-{self._projects}"
        place.mkdir()
        wheel = _keep_wheel(report, result, place, label, names)
        facts = sources.read_metadata(report.metadata)
        return BuiltProject(
            wheel=str(wheel),
            metadata=facts,
            generated={
                path.removeprefix(_GENERATED): content
                for path, content in result.files.items()
                if path.startswith(_GENERATED)
            },
            left=tuple(sources.find_addresses(facts, label)),
        )

    # --- one build ---------------------------------------------------------------------------

    def _build(
        self,
        order: SandboxRequest,
        job: dict[str, Any],
        system: BuildSystem,
        label: str,
        under_way: tuple[Path, ...],
    ) -> tuple[BuildReport, SandboxResult]:
        """Build with what the backend is said to need, and then with what it asks for itself."""
        told = {**job, **system.model_dump(exclude={"requires"}), "provided": system.requires}
        for _ in range(3):
            builder = self._provide_builder(told["provided"], label, under_way)
            mounts = (*order.mounts, Mount(source=str(builder), target=SANDBOX_ENVIRONMENT))
            report, result = self._run(order.model_copy(update={"mounts": mounts}), told, label)
            if not report.needs:
                return report, result
            told["provided"] = (*told["provided"], *report.needs)
        raise EnvironmentFailed(f"The build of {label} asks for ever more requirements.")

    def _make_request(self, most_bytes: int) -> SandboxRequest:
        scripts = str(storage.scripts(self._build_context.settings))
        return SandboxRequest(
            argv=(f"{SANDBOX_GATE}/bin/python", "-I", _SCRIPT, _JOB),
            environ={
                "PATH": f"{SANDBOX_ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin",
                "PYTHONNOUSERSITE": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "SOURCE_DATE_EPOCH": "315532800",
            },
            system=self._build_context.system,
            mounts=(
                Mount(source=str(self._gate), target=SANDBOX_GATE),
                Mount(source=scripts, target=SANDBOX_OURS),
                *self._build_context.interpreter.sandbox_mounts(),
            ),
            collect=(_REPORT, "/out/wheels/*.whl", f"{_GENERATED}**"),
            limits=SandboxLimits(seconds=900, returned_bytes=most_bytes, returned_files=400),
        )

    def _run(
        self, order: SandboxRequest, job: dict[str, Any], label: str
    ) -> tuple[BuildReport, SandboxResult]:
        told = {**job, "python": f"{SANDBOX_ENVIRONMENT}/bin/python"}
        file = SandboxFile(path=_JOB, content=json.dumps(told).encode())
        result = self._build_context.sandbox.run(
            order.model_copy(update={"files": (*order.files, file)})
        )
        return _read_report(result, label), result

    def _provide_builder(
        self, requires: tuple[str, ...], label: str, under_way: tuple[Path, ...]
    ) -> Path:
        """The environment in which a backend runs; made of wheels, or of wheels built here."""
        key = tuple(sorted(set(requires)))
        if key not in self._builders:
            if len(under_way) > _DEEPEST:
                raise EnvironmentFailed(
                    f"What {label} needs to be built exists only as source, {_DEEPEST} levels deep."
                )
            nowhere, origin = WorkTreeFiles(Path("/nonexistent")), f"build requirement of {label}"
            several = [requirement_files.parse_line(nowhere, text, origin) for text in key]
            lines = tuple(line for one in several for line in one.lines)
            # The builder is shared, so which versions it gets must not depend on what this
            # repository asks for, or has been offered already.
            inner = WheelBuilder(self._build_context, self._gate, self._fetcher, lines, under_way)
            self._builders[key] = toolsets.provide_builder(
                self._build_context, self._fetcher, lines, inner.provide_wheel
            )
        return self._builders[key]


def _read_report(result: SandboxResult, label: str) -> BuildReport:
    words = _cut_output(result.output)
    if result.limit is not None:
        raise EnvironmentFailed(
            f"The build of {label} reached the limit on {result.limit} after "
            f"{result.seconds:.0f} s. It printed:\n{words}"
        )
    if result.exit_code != 0:
        last = words.rpartition("\n")[2].strip()
        reason = sanitise.shorten_middle(last, _MOST_REASON, where="the log")
        raise EnvironmentFailed(
            f"The build of {label} failed, without network: {reason or 'it says nothing'}\n"
            f"Its backend says:\n{words}"
        )
    if (content := result.files.get(_REPORT)) is None:
        why = "; ".join(result.refused) or "nothing was handed back"
        raise EnvironmentFailed(f"The build of {label} left no report: {why}")
    if len(content) > _MOST_OF_REPORT:
        raise EnvironmentFailed(f"The build of {label} left no readable report: it is too large.")
    try:
        return BuildReport.model_validate_json(content)
    except ValidationError as problem:
        raise EnvironmentFailed(f"The build of {label} left no readable report.") from problem


def _keep_wheel(
    report: BuildReport, result: SandboxResult, place: Path, label: str, names: tuple[str, ...]
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
    inside = canonicalize_name(sources.read_metadata(report.metadata).name)
    if project != inside or (names and project != names[0]):
        raise EnvironmentFailed(
            f"The build of {label} made a wheel of another project: {filename} of {inside}"
        )
    target = place / filename
    target.write_bytes(content)
    target.chmod(0o644)
    return target


def _cut_output(output: str) -> str:
    """The end of what a backend printed: that is where the reason stands."""
    lines = [line for line in sanitise.strip_terminal_codes(output).splitlines() if line.strip()]
    return "\n".join(lines[-25:])[-3000:]
