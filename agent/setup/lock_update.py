"""Update lock files to a tree's declarations, by the tools that wrote them.

The tools run in a sandbox with the gateway to package indexes, and with the whole tree, since
workspaces, plugins and sources to build matter. Only the locks are taken from what they write.
"""

import posixpath
import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from agent.errors import EnvironmentFailed
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_OUT,
    SANDBOX_TREE,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.setup import gateway, sandbox_requests, templates, uv_program
from agent.setup.build_context import BuildContext, describe_failure
from agent.setup.request import EnvironmentRequest
from agent.text import sanitise
from repo_config import lock_files
from repo_config.compiled_requirements import CompiledFile
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderTree, Tree

_POETRY = "tool run --from 'poetry<3' poetry"
#: PDM breaks with newer versions of its dependencies; the extra `locked` pins them.
_PDM = "tool run --from 'pdm[locked]<3' pdm"
#: Commands by the tool that writes the lock; they do not change a lock that is up to date.
_COMMANDS = {
    "uv": "{uv} lock",
    "poetry": f"{{uv}} {_POETRY} check --lock || {{uv}} {_POETRY} lock --no-interaction",
    "pdm": f"{{uv}} {_PDM} lock --check || {{uv}} {_PDM} lock --update-reuse",
    "pipenv": "{uv} tool run pipenv verify || {uv} tool run pipenv lock",
}
_COMPILERS = {
    "uv": "{uv} pip compile",
    "pip-compile": "{uv} tool run --from pip-tools pip-compile",
}
_HOST = re.compile(rb"://(?:[^/\s\"'@]*@)?([^/\s\"']+)")


class UpdatedLocks(NamedTuple):
    """Locks and compiled requirements, by their paths from the root of the repository."""

    contents: dict[str, bytes]
    """New contents of those that changed."""
    failed: dict[str, str]
    """Output of the commands that could not compile requirements."""


def update_locks(
    request: EnvironmentRequest, stale: Sequence[CompiledFile], build_context: BuildContext
) -> UpdatedLocks:
    """Update the lock of a tree, and recompile stale requirements.

    Args:
        stale: In the order in which they are compiled; their paths are from the project's folder.

    Raises:
        EnvironmentFailed: The lock cannot be updated, or a tool would take packages from hosts
            that the lock did not name.
    """
    tree, base = request.open_tree(), request.config.folder
    project = FolderTree(tree, base)
    kind, path = find_lock(ProjectFiles(tree), base)
    commands: dict[str, str] = {}
    if kind:
        uv = _call_uv(project, is_for_lock=kind == "uv")
        commands[path] = f"( {_COMMANDS[kind].format(uv=uv)}\n)"
    for file in stale:
        path = posixpath.join(base, file.path)
        printed = f"{SANDBOX_OUT}/{len(commands)}"
        command = _write_compile(file, project)
        commands[path] = f"( {command}\n) >{printed} 2>&1 && rm {printed}"
    if not commands:
        return UpdatedLocks({}, {})
    result = _run(request, commands, build_context)
    index, updated = build_context.index, UpdatedLocks({}, {})
    addresses = (*(access.url for access in index.list_accesses()), *index.file_addresses)
    of_index = _find_hosts("\n".join(addresses).encode())
    for number, name in enumerate(commands):
        complaint = result.files.get(f"{SANDBOX_OUT}/{number}")
        content = result.files.get(posixpath.join(SANDBOX_TREE, name))
        if complaint is not None:
            words = sanitise.strip_terminal_codes(complaint.decode("utf-8", "replace"))
            updated.failed[name] = words
        elif content not in (None, before := tree.read(name)):
            expected = _find_hosts(before) or of_index
            if others := ", ".join(sorted(_find_hosts(content) - expected)):
                raise EnvironmentFailed(
                    f"{name} would take packages from other hosts than before: {others}."
                )
            updated.contents[name] = content
    return updated


def _write_compile(file: CompiledFile, tree: Tree) -> str:
    """Write the line that compiles a file; the command in the file's header stays the same."""
    uv, arguments = _call_uv(tree, is_for_lock=True), list(file.arguments)
    if file.tool == "pip-compile":
        # Without this option, it would write this machine's index into the file.
        arguments.append("--no-emit-index-url")
    command = f"{_COMPILERS[file.tool].format(uv=uv)} {shlex.join(arguments)}"
    shown = shlex.quote(file.command)
    variables = f"UV_CUSTOM_COMPILE_COMMAND={shown} CUSTOM_COMPILE_COMMAND={shown} "
    return f"cd {shlex.quote(file.folder or '.')} && {variables * bool(file.command)}{command}"


def _call_uv(tree: Tree, *, is_for_lock: bool) -> str:
    # The first word is `uv`; a sandbox needs the program's path instead.
    words = templates.choose_uv(ProjectFiles(tree), is_for_lock=is_for_lock)[1:]
    return shlex.join((uv_program.PATH, *words))


def _run(
    request: EnvironmentRequest, commands: dict[str, str], build_context: BuildContext
) -> SandboxResult:
    """Run the command of each path in one sandbox; the result has the files that they alter."""
    build_context.say(f"updating {', '.join(commands)}")
    python = build_context.interpreter
    places = (posixpath.join(SANDBOX_TREE, path) for path in commands)
    order = SandboxRequest(
        argv=("/bin/sh", "-ec", "\n".join((*commands.values(), "true"))),
        environ={
            "PATH": f"{uv_program.FOLDER}:{sandbox_requests.SYSTEM_PATH}",
            **sandbox_requests.name_indexes(build_context.index),
            "UV_PYTHON": python.path,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "PDM_PYTHON": python.path,
            "PIPENV_PYTHON": python.path,
            "PIPENV_PYPI_MIRROR": build_context.index.url,
        },
        mounts=(uv_program.mount(build_context.settings),),
        tree=request.tree,
        directory=posixpath.join(SANDBOX_TREE, request.config.folder).rstrip("/"),
        limits=SandboxLimits(seconds=600, processes=256, disk_bytes=4 * 1024**3),
        collect=(*places, f"{SANDBOX_OUT}/*"),
    )
    context = build_context.settings, build_context.index
    with gateway.open_gateway(*context, (), request.git_hosts, request.index_hosts) as opened:
        result = build_context.run(replace(order, outlet=opened.outlet))
    if result.exit_code != 0:
        words = f"The update of {', '.join(commands)} {describe_failure(result)}"
        raise EnvironmentFailed(f"{words}{opened.explain_refused()}")
    return result


def find_lock(files: ProjectFiles, base: str) -> tuple[str, str]:
    """Return the tool and the path of a project's lock, for uv also at a workspace's root."""
    project = PurePosixPath(base)
    for kind in _COMMANDS:
        above = project.parents if kind == "uv" else ()
        tables = ((folder, files.toml(str(folder / "pyproject.toml"))) for folder in above)
        roots = (folder for folder, toml in tables if "workspace" in table(toml, "tool", "uv"))
        for folder in (project, *roots):
            path = str(folder / lock_files.PYTHON[kind])
            if files.has_file(path):
                return kind, path
    return "", ""


def _find_hosts(content: bytes) -> set[str]:
    """Return the hosts of all addresses in a text."""
    return {host.decode("utf-8", "replace") for host in _HOST.findall(content)}
