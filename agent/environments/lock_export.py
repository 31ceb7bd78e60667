"""Let the tool that wrote a lock say what it installs: versions with hashes, for uv.

The tool runs in a sandbox without network that holds the project file and the lock alone: a
project file may name plugins, build backends and paths. What it answers is kept by the digest of
all that has a say in it.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.environments import requirement_files, storage, toolsets, uv_program
from agent.environments.build_context import BuildContext
from agent.environments.fetch import Fetcher
from agent.environments.locks import Lock
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.clock import read_clock
from agent.models.record import Record
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_OURS,
    SANDBOX_OUT,
    SANDBOX_TREE,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)

_REFUSAL_SECONDS = 24 * 3600
#: What is installed from the index to export a lock. PDM breaks with newer versions of what it
#: needs, so it names its own.
_TOOLS = {
    "poetry": ("poetry<3", "poetry-plugin-export<2"),
    "pdm": ("pdm[locked]<3",),
    "pipenv": ("pipenv",),
}
_PYTHON = f"{SANDBOX_ENVIRONMENT}/bin/python"
_PINS = f"{SANDBOX_OUT}/pins.txt"
_ENVIRON = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NO_COLOR": "1",
    "UV_NO_CONFIG": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_CACHE": "1",
    "UV_OFFLINE": "1",
    "POETRY_VIRTUALENVS_CREATE": "false",
    "PDM_CHECK_UPDATE": "0",
    "PDM_USE_VENV": "0",
    "PIPENV_DONT_LOAD_ENV": "1",
    "PIPENV_NOSPIN": "1",
}
_LOCAL_URL = re.compile(rf"file://{SANDBOX_TREE}(/[^\s;#]*)?")
_EGG = re.compile(r"#egg=[\w.-]*")


class LockRefused(Exception):
    """The tool that wrote a lock does not export it; the message has its words."""


class _Exported(Record):
    text: str = ""
    refused: str = ""


def find_refusal(lock: Lock, build_context: BuildContext) -> str:
    """Why a lock was refused in an earlier run; empty if it was not."""
    known = _load_answer(_locate_answer(lock, build_context))
    return known.refused if known else ""


def export_requirements(
    lock: Lock, tree: Path, build_context: BuildContext, fetcher: Fetcher, gate: Path
) -> Requirements:
    """Read what the chosen groups and extras of a lock install.

    Raises:
        LockRefused: The tool does not export it.
        EnvironmentFailed: It names what is not fetched, or a limit ended the tool.
    """
    place = _locate_answer(lock, build_context)
    if (known := _load_answer(place)) is None:
        known = _run_tool(lock, build_context, fetcher, gate)
        place.parent.mkdir(exist_ok=True)
        storage.write_whole(place, known.model_dump_json().encode())
    if known.refused:
        raise LockRefused(known.refused)
    # What tools print is relative to where the lock lies, but for addresses of files.
    text = _EGG.sub("", known.text)
    text = _LOCAL_URL.sub(lambda url: _make_relative(url[1] or "/", lock.folder), text)
    return requirement_files.parse_text(WorkTreeFiles(tree, lock.folder), text, lock.path)


def _make_relative(path: str, folder: str) -> str:
    # A leading "./" is what says that it is a path.
    return f"./{posixpath.relpath(path, posixpath.join('/', folder))}"


def _locate_answer(lock: Lock, build_context: BuildContext) -> Path:
    facts = [
        build_context.mark, build_context.index.mark, uv_program.version(),
        repr(_TOOLS.get(lock.kind)),
        *_command(lock, build_context.interpreter.path), lock.root, lock.path,
        *(f"{path} {hashlib.sha256(text).hexdigest()}" for path, text in lock.files.items()),
    ]  # fmt: skip
    key = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]
    return storage.folder(build_context.settings) / "exports" / f"{key}.json"


def _load_answer(place: Path) -> _Exported | None:
    """Return an earlier answer; a refusal may have had a passing cause, and holds for a day."""
    try:
        known = _Exported.model_validate_json(place.read_bytes())
        is_old = read_clock() - place.stat().st_mtime > _REFUSAL_SECONDS
    except (OSError, ValueError):
        return None
    return None if known.refused and is_old else known


def _run_tool(lock: Lock, build_context: BuildContext, fetcher: Fetcher, gate: Path) -> _Exported:
    """Run the tool; what it cannot do is its refusal."""
    mounts = [Mount(source=str(gate), target=SANDBOX_GATE)]
    if lines := _TOOLS.get(lock.kind):
        try:
            tool = toolsets.provide_pinned(lines, build_context, fetcher)
        except EnvironmentFailed as problem:
            words = problem.message.partition("\n")[0]
            return _Exported(refused=f"{lines[0]} cannot be had: {words}")
        mounts.append(Mount(source=str(tool), target=SANDBOX_ENVIRONMENT))
    build_context.say(f"{lock.kind} exports {lock.path}")
    command = _command(lock, build_context.interpreter.path)
    result = _run_in_sandbox(lock, build_context, tuple(mounts), command)
    if result.exit_code == 1 and lock.kind == "pdm" and lock.builds:
        # It has no hashes of projects of the tree, and refuses then to export any.
        result = _run_in_sandbox(lock, build_context, tuple(mounts), (*command, "--no-hashes"))
    if result.limit is not None:
        raise EnvironmentFailed(
            f"The export of {lock.path} by {lock.kind} reached the limit on {result.limit} "
            f"after {result.seconds:.0f} s."
        )
    if result.exit_code != 0 or _PINS not in result.files:
        words = uv_program.extract_essential_output(result.output) or "; ".join(result.refused)
        return _Exported(refused="\n".join(words.splitlines()[-5:]) or "it says nothing")
    return _Exported(text=result.files[_PINS].decode(errors="replace"))


def _run_in_sandbox(
    lock: Lock, build_context: BuildContext, mounts: tuple[Mount, ...], command: tuple[str, ...]
) -> SandboxResult:
    directory = posixpath.join(SANDBOX_TREE, lock.root).rstrip("/")
    interpreter, settings = build_context.interpreter, build_context.settings
    order = SandboxRequest(
        # What tools say beside the pins goes to stderr.
        argv=("sh", "-c", f'exec "$@" > {_PINS}', "sh", *command),
        environ={**_ENVIRON, "PDM_PYTHON": interpreter.path},
        mounts=(
            *mounts,
            *interpreter.sandbox_mounts(),
            uv_program.mount(settings),
            Mount(source=str(storage.scripts(settings)), target=SANDBOX_OURS),
        ),
        files=tuple(
            SandboxFile(path=posixpath.normpath(posixpath.join(directory, path)), content=content)
            for path, content in lock.files.items()
        ),
        directory=directory,
        collect=(_PINS,),
        limits=SandboxLimits(seconds=300),
    )
    return build_context.sandbox.run(order)


def _command(lock: Lock, python: str) -> tuple[str, ...]:
    def repeat(option: str, *values: str) -> list[str]:
        return [f"{option}={value}" for value in values]

    if lock.kind == "uv":
        return (
            uv_program.PATH, "export", "--frozen", "--quiet", "--no-header", "--no-annotate",
            "--no-default-groups", "--python", python,
            *repeat("--extra", *lock.extras), *repeat("--group", *lock.groups),
        )  # fmt: skip
    if lock.kind == "poetry":
        return (
            _PYTHON, "-I", "-m", "poetry", "export", "--no-interaction",
            *repeat("--only", "main", *lock.groups), *repeat("--extras", *lock.extras),
        )  # fmt: skip
    if lock.kind == "pdm":
        return (
            _PYTHON, "-I", "-m", "pdm", "export",
            *repeat("--group", "default", *lock.groups, *lock.extras),
            *repeat("--without", *lock.left_groups),
        )  # fmt: skip
    if lock.kind == "pipenv":
        written = json.loads(lock.files[lock.path])
        wanted = {"default", *lock.groups}
        named = ",".join(name for name in written if canonicalize_name(name) in wanted)
        return _PYTHON, "-I", "-m", "pipenv", "requirements", "--hash", "--categories", named
    script = f"{SANDBOX_OURS}/environments/select_pylock.py"
    chosen = ",".join(lock.extras), ",".join(lock.groups)
    return f"{SANDBOX_GATE}/bin/python", "-I", script, *chosen
