"""Phase A: let uv resolve and install, wheels only, in a sandbox whose only way out is our gateway.

Runs no code of the repository and none of a package: `--no-build` throughout, and one single
installation fills an empty virtual environment. So not even a `.pth` file of a package is executed
next to the network or to uv's shared cache. What exists only as source is named to the caller, who
supplies a wheel (`wheels`); then the resolution is repeated.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.environments import gateway, sandbox_requests, storage, uv_program
from agent.environments.build_context import BuildContext
from agent.environments.requirement_files import Line
from agent.errors import EnvironmentFailed, IndexUnavailable, StorageFull
from agent.models.record import Record
from agent.models.sandbox import (
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)

#: Where the shared folder is in the sandbox.
_STORE = "/store"
_WHEELS = "wheels"
_TMP = "/tmp"  # noqa: S108 - a sandbox's own
_MOST_ROUNDS = 60
_LIMITS = SandboxLimits(seconds=900, processes=256, disk_bytes=24 * 1024**3)
_NETWORK = re.compile(
    r"error sending request|Failed to fetch|Request failed after|tunnel error|dns error"
    r"|Connection re(?:fused|set)|operation timed out|client error \(Connect\)",
    re.IGNORECASE,
)

SETTINGS = "pyvenv.cfg"
#: Supplies a wheel of a project that exists only as source, given its name and the resolver's
#: words; each call for one name gives an older version.
Supply = Callable[[str, str], Path]


class ResolutionRequest(Record):
    lines: tuple[Line, ...]
    constraints: tuple[Line, ...] = ()
    wheels: tuple[str, ...] = ()
    """Requirements on wheels of the wheelhouse, as `name[extras] @ file name`."""
    prereleases: bool = False
    exact: bool = False
    """The lines are a full resolution; nothing is added to them."""
    known: tuple[str, ...] = ()
    """As `name==version`: versions that are kept where the lines let them be."""
    exclude_newer: str | None = None
    """The last day whose releases are taken."""
    is_tolerant: bool = False
    """What exists only as source and cannot be built is left out."""


class Unresolvable(EnvironmentFailed):
    """The resolver finds no versions; its own words are in the message."""


@contextmanager
def open_fetcher(build_context: BuildContext) -> Iterator[Fetcher]:
    """Give a fetcher with a working folder, both gone at the end of the block."""
    with storage.workplace(build_context.settings) as workplace:
        fetcher = Fetcher(build_context, workplace)
        try:
            yield fetcher
        finally:
            fetcher.close()


class Fetcher:
    """Fills virtual environments below one working folder."""

    def __init__(self, build_context: BuildContext, workplace: Path) -> None:
        self._build_context = build_context
        self.workplace = workplace
        (workplace / _WHEELS).mkdir()
        self.left_out: set[str] = set()
        """Projects that are not installed where that is tolerated."""
        self.unbuilt: dict[str, str] = {}
        """Those of them that cannot be built or had, each with the reason."""
        self._network = ExitStack()
        self._gateway: gateway.Gateway | None = None

    def close(self) -> None:
        """Shut the way out, and say what else was tried on it."""
        self._network.close()
        for attempt in self._gateway.refused_attempts if self._gateway else ():
            self._build_context.say(f"refused on the way to the package index: {attempt}")

    def install(
        self, name: str, wanted: ResolutionRequest, supply: Supply, *, only_resolve: bool = False
    ) -> Path:
        """Make the virtual environment `name` below the working folder and fill it.

        Raises:
            Unresolvable: With the resolver's own words.
            EnvironmentFailed: What exists only as source cannot be built, or a limit was reached.
            IndexUnavailable: The index did not answer.
            StorageFull: The disk is full.
        """
        supplied: set[str] = set()
        venv = self.workplace / name
        for _ in range(_MOST_ROUNDS):
            result = self._attempt(name, wanted, supplied, only_resolve=only_resolve)
            if result.exit_code == 0:
                if not only_resolve and (found := find_replaced(venv, _original_settings(venv))):
                    raise EnvironmentFailed(
                        f"A package puts {', '.join(found)} into the environment, by which its"
                        " interpreter would start another way, so nothing is installed."
                    )
                return venv
            absent = {*uv_program.find_absent(result.output)} - self.left_out
            if absent and wanted.is_tolerant and not _NETWORK.search(result.output):
                notes = "; ".join(
                    ("no index that is asked has it", *self._build_context.index.notes)
                )
                self.left_out |= absent
                self.unbuilt |= dict.fromkeys(sorted(absent), notes)
                continue
            missing = uv_program.needing_wheels(result.output)
            if not missing or _NETWORK.search(result.output):
                raise self._make_failure(result, wanted)
            for project in missing:
                self._build_context.say(
                    f"{project} exists only as source; its wheel is built without network"
                )
                try:
                    self.take_in(
                        name, supply(project, uv_program.extract_essential_output(result.output))
                    )
                except EnvironmentFailed as problem:
                    if not wanted.is_tolerant or project in self.left_out:
                        raise
                    self.left_out.add(project)
                    self.unbuilt[project] = problem.message
                    self._build_context.say(problem.message)
                supplied.add(project)
        raise EnvironmentFailed(f"More than {_MOST_ROUNDS} packages exist only as source.")

    def take_in(self, name: str, wheel: Path) -> None:
        """Lay a wheel where the resolver finds it for that one virtual environment.

        What the repository builds must not be found when an environment is made that others use.
        """
        shutil.copyfile(wheel, self._wheelhouse(name) / wheel.name)

    def list_wheel_digests(self, name: str) -> tuple[str, ...]:
        """Digests of the wheels that a virtual environment was offered beside the index."""
        return tuple(
            hashlib.sha256(wheel.read_bytes()).hexdigest()
            for wheel in sorted(self._wheelhouse(name).iterdir())
        )

    # --- one attempt -------------------------------------------------------------------------

    def _wheelhouse(self, name: str) -> Path:
        house = self.workplace / _WHEELS / name
        house.mkdir(exist_ok=True)
        return house

    def _attempt(
        self, name: str, wanted: ResolutionRequest, supplied: set[str], *, only_resolve: bool
    ) -> SandboxResult:
        venv = f"{_STORE}/{self.workplace.name}/{name}"
        house = f"{_STORE}/{self._wheelhouse(name).relative_to(self.workplace.parent)}"
        make = [
            uv_program.PATH, "venv", "--quiet", "--clear", "--relocatable", "--no-project",
            "--python", self._build_context.interpreter.path, venv,
        ]  # fmt: skip
        keep = ["cp", f"{venv}/{SETTINGS}", str(_original_settings(Path(venv)))]
        options = [
            "--quiet", "--no-build", "--python", f"{venv}/bin/python", "--find-links", house,
            "-c", f"{_TMP}/constraints.txt", *(["--prerelease", "allow"] * wanted.prereleases),
            "--override", f"{_TMP}/left-out.txt",
        ]  # fmt: skip
        if wanted.exclude_newer:
            options += ["--exclude-newer", f"{wanted.exclude_newer}T23:59:59Z"]
        # A resolution prefers the versions that its own output has from an earlier one.
        known, requirements = f"{_TMP}/known.txt", f"{_TMP}/requirements.txt"
        resolve = [uv_program.PATH, "pip", "compile", *options, requirements, "-o", known]
        install = [uv_program.PATH, "pip", "install", *options, "-r", requirements]
        commands = [make, keep, install]
        if wanted.exact:
            install.append("--no-deps")
        elif wanted.known:
            commands = [make, keep, resolve, [*install, "-c", known]]
        if only_resolve:
            commands[-1].append("--dry-run")
        left_out = sorted(self.left_out) if wanted.is_tolerant else []
        lines = tuple(line for line in wanted.lines if line.name not in left_out)
        wheels = (re.sub(r" @ (.+)$", rf" @ file://{house}/\1", one) for one in wanted.wheels)
        # A requirement of a package stays one unless it is overridden.
        never = (f"{one} ; sys_platform == 'never'" for one in left_out)
        files = {
            requirements: [*_format_lines(lines, supplied), *wheels],
            f"{_TMP}/constraints.txt": _format_lines(wanted.constraints, supplied),
            known: wanted.known,
            f"{_TMP}/left-out.txt": never,
        }
        environ = {"UV_LINK_MODE": "hardlink", "UV_CONCURRENT_DOWNLOADS": "16"}
        if len(self._build_context.index.list_accesses()) > 1 and all(
            line.hashes for line in wanted.lines
        ):
            # The hashes say what it has to be, so that it may come from whoever has it.
            environ["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        argv = ("sh", "-ec", "\n".join(map(shlex.join, commands)))
        order = SandboxRequest(argv=argv, environ=environ, limits=_LIMITS)
        content = {path: "".join(f"{one}\n" for one in text) for path, text in files.items()}
        return self._run_online(order, {path: text.encode() for path, text in content.items()})

    def _run_online(self, order: SandboxRequest, files: dict[str, bytes]) -> SandboxResult:
        """Run a command with uv, its cache and the way to the indexes."""
        context = self._build_context
        settings = context.settings
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "UV_CACHE_DIR": f"{_STORE}/{storage.CACHE}",
            **sandbox_requests.name_indexes(context.index),
            "UV_HTTP_TIMEOUT": "60",
        }
        if self._gateway is None:
            opening = gateway.open_gateway(context.index, settings)
            self._gateway = self._network.enter_context(opening)
        shared = str(storage.locate_shared_folder(settings))
        update = {
            "environ": {**environ, **order.environ},
            "mounts": (
                *context.interpreter.sandbox_mounts(),
                uv_program.mount(settings),
                # uv's cache, which no code of a package ever runs beside.
                Mount(source=shared, target=_STORE, writable=True, retained_folder=storage.CACHE),
            ),
            "files": tuple(SandboxFile(path=path, content=text) for path, text in files.items()),
            "outlet": self._gateway.outlet,
        }
        with storage.lock_name(settings, storage.FETCH), storage.no_space("packages"):
            return context.sandbox.run(order.model_copy(update=update))

    # --- when it fails -----------------------------------------------------------------------

    def _make_failure(self, result: SandboxResult, wanted: ResolutionRequest) -> Exception:
        words, index = uv_program.extract_essential_output(result.output), self._build_context.index
        if "No space left on device" in result.output:
            return StorageFull(
                "The disk that holds Mergewright's data is full: the packages do not fit. "
                "Free some with `mergewright env prune --older-than 7`."
            )
        if result.limit is not None:
            return EnvironmentFailed(
                f"Fetching the packages reached the limit on {result.limit} "
                f"after {result.seconds:.0f} s. {words}"
            )
        if _NETWORK.search(result.output):
            opened = self._gateway
            if opened and (refused := opened.refused_attempts):
                return EnvironmentFailed(
                    f"The packages are kept where nothing may be fetched from:"
                    f" {', '.join(refused)}. An operator may allow it with"
                    f" MERGEWRIGHT_ALLOW_HOSTS.\n{words}"
                )
            faults = "".join(f"\nThe proxy {one}." for one in (opened.faults if opened else ()))
            return IndexUnavailable(
                f"The package index at {index.url} did not answer:\n{words}{faults}"
            )
        if (shown := uv_program.shorten_output(words)) != words:
            self._build_context.say(words)
        origins = _name_origins(words, (*wanted.lines, *wanted.constraints))
        left = "".join(f"\n{note}." for note in index.notes)
        return Unresolvable(
            f"{shown}{origins}{left}\n"
            f"This is the resolver's answer for Python {self._build_context.interpreter.version}. "
            "Change the requirement that is named, or choose others with `python.install`, "
            "`python.extras` or `python.groups` in .github/mergewright.yml."
        )


def find_replaced(venv: Path, original: Path) -> list[str]:
    """Name what decides how the interpreter of an environment starts and is not as it was made.

    Python looks beside its program for files that name another standard library, and reads them
    before any option counts: with one of these, code of a package would run before our scripts have
    read and deleted what they are told. Modules that are imported later, `.pth` files and the like,
    are left to `-S` (`checks/check.py`).

    Args:
        venv: The environment.
        original: The settings that it was made with.
    """
    settings = venv / SETTINGS
    is_same = not settings.is_symlink() and settings.read_bytes() == original.read_bytes()
    beside = (
        f"bin/{place.name}"
        for place in (venv / "bin").iterdir()
        if place.name in (SETTINGS, "pybuilddir.txt") or place.name.endswith("._pth")
    )
    return sorted([*([] if is_same else [SETTINGS]), *beside])


def _original_settings(venv: Path) -> Path:
    """Where the settings of a new environment are copied to before anything is installed."""
    return venv.with_name(f"{venv.name}.{SETTINGS}")


def _format_lines(lines: Iterable[Line], supplied: set[str]) -> Iterator[str]:
    """Yield the lines as uv reads them; a wheel that was built here has hashes of its own."""
    for line in lines:
        kept = () if line.name in supplied else line.hashes
        yield " ".join([line.text, *(f"--hash={digest}" for digest in kept)])


def _name_origins(words: str, lines: Iterable[Line]) -> str:
    """Where the requirements that the resolver names are written."""
    said = words.lower().replace("_", "-")
    named = [
        f"  {line.text}  ({line.origin})"
        for line in lines
        if re.search(rf"(?<![\w-]){re.escape(line.name)}(?![\w-])", said)
    ]
    return "\nThey are written here:\n" + "\n".join(named[:10]) if named else ""
