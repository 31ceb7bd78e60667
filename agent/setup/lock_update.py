"""Have the tool that wrote a lock bring it up to date with what a tree declares.

It runs in a sandbox with the whole tree and the gateway to package indexes: workspaces, plugins and
sources to build have a say. Of what it writes the lock alone comes back.
"""

import posixpath
import re
from pathlib import PurePosixPath

from agent.errors import EnvironmentFailed
from agent.git.tree import WorkTree
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxLimits, SandboxRequest
from agent.setup import gateway, sandbox_requests, templates, uv_program
from agent.setup.build_context import BuildContext, describe_failure
from agent.setup.interpreters import mount_python
from agent.setup.request import EnvironmentRequest
from repo_config import lock_files
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderTree

_COMMANDS = {
    "uv": ("lock",),
    "poetry": ("tool", "run", "--from", "poetry<3", "poetry", "lock", "--no-interaction"),
    # PDM breaks with newer versions of what it needs, so it names its own.
    "pdm": ("tool", "run", "--from", "pdm[locked]<3", "pdm", "lock", "--update-reuse"),
    "pipenv": ("tool", "run", "pipenv", "lock"),
}
_HOST = re.compile(rb"://(?:[^/\s\"'@]*@)?([^/\s\"']+)")


def update_lock(
    tree: WorkTree, asked: EnvironmentRequest, build_context: BuildContext
) -> dict[str, bytes]:
    """Bring the lock of a tree up to date; empty: it is, or there is none that a tool updates.

    Returns:
        The lock, by its path from the root of the repository.

    Raises:
        EnvironmentFailed: The tool cannot, or would take packages from hosts that the lock does not
            name.
    """
    base = asked.config.folder
    kind, path = find_lock(ProjectFiles(tree), base)
    if not kind:
        return {}
    before = tree.read(path)
    build_context.say(f"{kind} updates {path}")
    # Behind the name of the program.
    own = ProjectFiles(FolderTree(tree, base))
    words = templates.choose_uv(own, is_for_lock=kind == "uv")[1:]
    python, place = build_context.interpreter, posixpath.join(SANDBOX_TREE, path)
    order = SandboxRequest(
        argv=(uv_program.PATH, *words, *_COMMANDS[kind]),
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
        mounts=(
            *mount_python(python),
            uv_program.mount(build_context.settings),
        ),
        tree=str(tree.folder),
        directory=posixpath.join(SANDBOX_TREE, base).rstrip("/"),
        limits=SandboxLimits(seconds=600, processes=256, disk_bytes=4 * 1024**3),
        collect=(place,),
    )
    context = build_context.settings, build_context.index
    with gateway.open_gateway(*context, (), asked.git_hosts, asked.index_hosts) as opened:
        result = build_context.run(replace(order, outlet=opened.outlet))
    if result.exit_code != 0:
        said = f"`{kind} lock` {describe_failure(result)}"
        raise EnvironmentFailed(f"{said}{opened.explain_refused()}")
    content = result.files.get(place)
    if content is None:
        return {}
    index = build_context.index
    addresses = (*(access.url for access in index.list_accesses()), *index.file_addresses)
    known = _find_hosts(before) or _find_hosts("\n".join(addresses).encode())
    if others := sorted(_find_hosts(content) - known):
        raise EnvironmentFailed(
            f"{path} would take packages from other hosts than before: {', '.join(others)}."
        )
    return {path: content}


def find_lock(files: ProjectFiles, base: str) -> tuple[str, str]:
    """Name the tool and the path of a project's lock, for uv also at the root of a workspace."""
    own = PurePosixPath(base)
    for kind in _COMMANDS:
        above = own.parents if kind == "uv" else ()
        projects = ((folder, files.toml(str(folder / "pyproject.toml"))) for folder in above)
        roots = (folder for folder, said in projects if "workspace" in table(said, "tool", "uv"))
        for folder in (own, *roots):
            path = str(folder / lock_files.PYTHON[kind])
            if files.has_file(path):
                return kind, path
    return "", ""


def _find_hosts(content: bytes) -> set[str]:
    """Find the hosts of all addresses in a text."""
    return {found.decode("utf-8", "replace") for found in _HOST.findall(content)}
