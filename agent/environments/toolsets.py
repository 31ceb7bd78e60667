"""Environments of tools: the gate, the type checker, what repositories pin, build backends.

Made of wheels by phase A, once for a Python, shared by all builds and never writable again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from packaging.requirements import Requirement

from agent.environments import distributions, fetch, requirement_files, storage
from agent.environments.build_context import BuildContext
from agent.environments.fetch import Fetcher, ResolutionRequest, Supply
from agent.environments.requirement_files import Line
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.clock import read_clock
from agent.models.environment import Environment
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
    key = hashlib.sha256(f"{build_context.mark}{_read_pins(pins)}".encode()).hexdigest()[:32]
    return storage.folder(build_context.settings) / "gates" / key


def provide_tools(pins: str, build_context: BuildContext, fetcher: Fetcher | None = None) -> Path:
    """Give the tools of one of our files of pins, by versions and hashes.

    Raises:
        EnvironmentFailed: They do not exist for this Python and platform.
    """
    place, title = locate_tools(pins, build_context), _TITLES[pins]
    return _provide(place, title, _read_pins(pins), build_context, fetcher, exact=True)


def provide_pinned(
    lines: tuple[str, ...], build_context: BuildContext, fetcher: Fetcher | None = None
) -> Path:
    """Give a tool in the version that a repository pins, with its plugins.

    Raises:
        EnvironmentFailed: There are no wheels of it for this Python and platform.
    """
    told = "\0".join((build_context.mark, build_context.index.mark, *lines))
    key = hashlib.sha256(told.encode()).hexdigest()[:32]
    place = storage.folder(build_context.settings) / "gates" / key
    return _provide(place, " ".join(lines), "\n".join(lines), build_context, fetcher, exact=False)


def provide_pinned_tools(
    tools: dict[str, tuple[str, ...]], environment: Environment, build_context: BuildContext
) -> tuple[tuple[str, str], ...]:
    """Give tools an environment of their own, where the project's has them not as it should.

    Made as far as packages can be had.

    Returns:
        Tools, each with its folder.
    """
    found: list[tuple[str, str]] = []
    for tool, lines in tools.items():
        for wanted in _list_wanted(tool, lines, environment, build_context):
            named = " ".join(wanted)
            try:
                place = provide_pinned(wanted, build_context)
            except EnvironmentFailed as problem:
                words = problem.message.partition("\n")[0]
                build_context.say(f"{named} cannot be had, so another runs: {words}")
                continue
            build_context.say(f"in an environment of its own: {named}")
            found.append((tool, str(place)))
            break
    return tuple(found)


def _list_wanted(
    tool: str, lines: tuple[str, ...], environment: Environment, build_context: BuildContext
) -> Iterator[tuple[str, ...]]:
    """Yield what to make, best first; nothing where the environment will do."""
    pin, *plugins = lines
    if pin == tool:
        version = environment.versions.get(tool) or _find_version(tool, build_context)
        pin = f"{tool}=={version}" if version else tool
    if distributions.find_unmet(plugins, environment):
        yield (pin, *plugins)
    # Where plugins cannot be had, the version that is pinned can.
    if lines[0] != tool and distributions.find_unmet((pin,), environment):
        yield (pin,)


def _find_version(tool: str, build_context: BuildContext) -> str:
    """Find which version of a tool the gate has for this Python; empty where it has none."""
    facts = {"python_full_version": build_context.interpreter.version}
    for line in _read_pins(GATE).splitlines():
        if line.startswith(f"{tool}=="):
            one = Requirement(line.rstrip("\\ "))
            if one.marker is None or one.marker.evaluate(facts):
                return str(one.specifier).removeprefix("==")
    return ""


def _provide(
    place: Path,
    title: str,
    text: str,
    build_context: BuildContext,
    fetcher: Fetcher | None,
    *,
    exact: bool,
) -> Path:
    if place.is_dir():
        return place / "venv"
    if fetcher is None:
        with fetch.open_fetcher(build_context) as own:
            return _provide(place, title, text, build_context, own, exact=exact)
    with storage.lock_name(build_context.settings, f"gate-{place.name}"):
        if not place.is_dir():
            build_context.say(f"fetching {title}")
            lines = requirement_files.parse_text(
                WorkTreeFiles(Path("/nonexistent")), text, title
            ).lines
            wanted = ResolutionRequest(lines=lines, exact=exact)
            _store(build_context, place, fetcher.install(f"tools-{place.name}", wanted, _no_supply))
    return place / "venv"


def provide_builder(
    build_context: BuildContext, fetcher: Fetcher, lines: tuple[Line, ...], supply: Supply
) -> Path:
    """Give an environment in which a backend runs.

    It is shared with other repositories, so only the index and the requirements have a say in it.
    """
    week = int(read_clock() // _BUILDER_SECONDS)
    asked = "\0".join(sorted({line.text for line in lines}))
    key = hashlib.sha256(
        f"{build_context.mark}{week}\0{build_context.index.mark}\0{asked}".encode()
    ).hexdigest()
    place = storage.folder(build_context.settings) / "builders" / f"{week}-{key[:32]}"
    name = f"tools-{place.name}"
    if place.is_dir():
        return place / "venv"
    venv = fetcher.install(name, ResolutionRequest(lines=lines), supply)
    # Wheels from the index are the same for everybody; those that were built here need not be.
    if supplied := fetcher.list_wheel_digests(name):
        key = hashlib.sha256("\0".join([key, *supplied]).encode()).hexdigest()
        place = place.with_name(f"{week}-{key[:32]}")
    with storage.lock_name(build_context.settings, f"builder-{place.name}"):
        if not place.is_dir():
            _store(build_context, place, venv)
    return place / "venv"


def remove_old_builders(build_context: BuildContext) -> None:
    """Remove builders of earlier weeks; a build that began in the last one may still run."""
    week = int(read_clock() // _BUILDER_SECONDS)
    for place in (storage.folder(build_context.settings) / "builders").glob("*-*"):
        if int(place.name.partition("-")[0]) < week - 1:
            storage.remove_folder(place)


def compile_all(build_context: BuildContext, venv: Path) -> None:
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
        build_context.say(f"compiling bytecode reached the limit on {result.limit}")


def _store(build_context: BuildContext, place: Path, venv: Path) -> None:
    with storage.reserve_build_folder(build_context.settings, place) as part:
        venv.rename(part / "venv")
        compile_all(build_context, part / "venv")


def _read_pins(pins: str) -> str:
    return (resources.files("agent.environments") / pins).read_text(encoding="utf-8")


def _no_supply(project: str, words: str) -> Path:
    raise EnvironmentFailed(
        f"There is no wheel of {project} for this Python and platform:\n{words}"
    )
