"""Environments of tools: the gate, the type checker beside it, and those of build backends.

Made of wheels by phase A, once for a Python, shared by all builds and never writable again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from packaging.requirements import Requirement

from agent.environments import requirement_files, storage
from agent.environments.build_context import BuildContext
from agent.environments.fetch import Fetcher, Supply, Wanted
from agent.environments.requirement_files import Line
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.sandbox import SANDBOX_ENVIRONMENT, Mount, SandboxLimits, SandboxRequest

#: Backends are named without versions; this long one resolution of such a name is used.
_BUILDER_SECONDS = 7 * 86_400
GATE = "gate.txt"
"""Pins of our own tools."""
TYPES = "types.txt"
"""Pins of basedpyright and its Node.js: far larger than the gate, and few repositories need it."""
_TITLES = {GATE: "our own tools for this Python", TYPES: "basedpyright, and the Node.js it runs on"}


def locate_tools(pins: str, build_context: BuildContext) -> Path:
    """Where the tools of one of our files of pins are for this Python, or will be."""
    return _locate_place(_read_pins(pins), build_context)


def provide_tools(pins: str, build_context: BuildContext, fetcher: Fetcher) -> Path:
    """Give the tools of one of our files of pins, by versions and hashes.

    Raises:
        EnvironmentFailed: They do not exist for this Python and platform.
    """
    return _provide_place(
        locate_tools(pins, build_context),
        _TITLES[pins],
        _read_pins(pins),
        build_context,
        fetcher,
        exact=True,
    )


def find_version(tool: str, build_context: BuildContext) -> str:
    """Find which version of a tool the gate has for this Python; empty where it has none."""
    facts = {"python_full_version": build_context.interpreter.version}
    for line in _read_pins(GATE).splitlines():
        if line.startswith(f"{tool}=="):
            one = Requirement(line.rstrip("\\ "))
            if one.marker is None or one.marker.evaluate(facts):
                return str(one.specifier).removeprefix("==")
    return ""


def locate_pinned(lines: tuple[str, ...], build_context: BuildContext) -> Path:
    """Where a tool that a repository pins is for this Python, or will be."""
    return _locate_place("\0".join((build_context.index.mark, *lines)), build_context)


def provide_pinned(lines: tuple[str, ...], build_context: BuildContext, fetcher: Fetcher) -> Path:
    """Give a tool in the version that a repository pins, with its plugins.

    Raises:
        EnvironmentFailed: There are no wheels of it for this Python and platform.
    """
    place = locate_pinned(lines, build_context)
    return _provide_place(
        place, " ".join(lines), "\n".join(lines), build_context, fetcher, exact=False
    )


def _locate_place(text: str, build_context: BuildContext) -> Path:
    key = hashlib.sha256(build_context.mark.encode() + text.encode()).hexdigest()[:32]
    return storage.folder(build_context.settings) / "gates" / key


def _provide_place(
    place: Path,
    title: str,
    text: str,
    build_context: BuildContext,
    fetcher: Fetcher,
    *,
    exact: bool,
) -> Path:
    with storage.lock_name(build_context.settings, f"gate-{place.name}"):
        if not place.is_dir():
            build_context.say(f"fetching {title}")
            nowhere = TreeFiles(Path("/nonexistent"))
            lines = requirement_files.parse_requirements(nowhere, text, title).lines
            wanted = Wanted(lines=lines, exact=exact)
            _store(build_context, place, fetcher.install(f"tools-{place.name}", wanted, _no_supply))
    return place / "venv"


def builder(
    build_context: BuildContext, fetcher: Fetcher, lines: tuple[Line, ...], supply: Supply
) -> Path:
    """Give an environment in which a backend runs.

    It is shared with other repositories, so only the index and the requirements have a say in it.
    """
    week = int(time.time() // _BUILDER_SECONDS)
    asked = "\0".join(sorted({line.text for line in lines}))
    key = hashlib.sha256(
        f"{build_context.mark}{week}\0{build_context.index.mark}\0{asked}".encode()
    ).hexdigest()
    place = storage.folder(build_context.settings) / "builders" / f"{week}-{key[:32]}"
    name = f"tools-{place.name}"
    if place.is_dir():
        return place / "venv"
    venv = fetcher.install(name, Wanted(lines=lines), supply)
    # Wheels from the index are the same for everybody; those that were built here need not be.
    if supplied := fetcher.list_wheel_digests(name):
        key = hashlib.sha256("\0".join([key, *supplied]).encode()).hexdigest()
        place = place.with_name(f"{week}-{key[:32]}")
    with storage.lock_name(build_context.settings, f"builder-{place.name}"):
        if not place.is_dir():
            _store(build_context, place, venv)
    return place / "venv"


def sweep_builders(build_context: BuildContext) -> None:
    """Remove builders of earlier weeks; a build that began in the last one may still run."""
    week = int(time.time() // _BUILDER_SECONDS)
    for place in (storage.folder(build_context.settings) / "builders").glob("*-*"):
        if int(place.name.partition("-")[0]) < week - 1:
            storage.remove_folder(place)


def compile_all(build_context: BuildContext, venv: Path, note: Callable[[str], None]) -> None:
    """Compile all modules of a virtual environment, for it is read-only later.

    By the base interpreter without `site`: compiling runs no code of a package, and starting the
    environment's own Python would (its `.pth` files).
    """
    argv = ("-I", "-S", "-m", "compileall", "-q", "-j", "2", f"{SANDBOX_ENVIRONMENT}/lib")
    order = SandboxRequest(
        argv=(build_context.interpreter.path, *argv),
        mounts=(
            Mount(source=str(venv), target=SANDBOX_ENVIRONMENT, writable=True),
            *build_context.interpreter.sandbox_mounts(),
        ),
        limits=SandboxLimits(seconds=600, disk_bytes=24 * 1024**3),
    )
    # The files are hard links into the cache: handed to this sandbox's user, they could not be
    # linked by that of a fetch sandbox which is open at the same time.
    with storage.lock_name(build_context.settings, storage.FETCH):
        result = build_context.sandbox.run(order)
    # Packages ship files for other Pythons on purpose, so one that does not compile is no fault;
    # only a sandbox that ended early is worth a word.
    if result.limit is not None:
        note(f"compiling bytecode reached the limit on {result.limit}")


def _store(build_context: BuildContext, place: Path, venv: Path) -> None:
    with storage.reserve_build_folder(build_context.settings, place) as part:
        venv.rename(part / "venv")
        compile_all(build_context, part / "venv", build_context.say)


def _read_pins(pins: str) -> str:
    return (resources.files("agent.environments") / pins).read_text(encoding="utf-8")


def _no_supply(project: str, words: str) -> Path:
    raise EnvironmentFailed(
        f"There is no wheel of {project} for this Python and platform:\n{words}"
    )
