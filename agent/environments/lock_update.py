"""Have the tool that wrote a lock bring it up to date with what a tree declares.

It runs in a sandbox with the whole tree and the gateway to package indexes: workspaces, plugins and
sources to build have a say. Of what it writes the lock alone comes back.
"""

from __future__ import annotations

import posixpath

from agent.environments import gateway, locks, sandbox_requests, uv_program
from agent.environments.build_context import BuildContext
from agent.environments.locks import Lock
from agent.errors import EnvironmentFailed
from agent.models.sandbox import SANDBOX_TREE, SandboxLimits, SandboxRequest
from agent.text import sanitise

_COMMANDS = {
    "uv": ("lock",),
    "poetry": ("tool", "run", "--from", "poetry<3", "poetry", "lock", "--no-interaction"),
    # PDM breaks with newer versions of what it needs, so it names its own.
    "pdm": ("tool", "run", "--from", "pdm[locked]<3", "pdm", "lock", "--update-reuse"),
    "pipenv": ("tool", "run", "pipenv", "lock"),
}
_LIMITS = SandboxLimits(seconds=600, processes=256, disk_bytes=4 * 1024**3)
_MOST_WORDS = 2000


def update_lock(lock: Lock, root: str, tree: str, build_context: BuildContext) -> bytes | None:
    """Bring a lock up to date; None: it is, or no tool is known that would.

    Args:
        root: Folder of the project in its repository.
        tree: The repository.

    Raises:
        EnvironmentFailed: The tool cannot, or packages would change the index that they come from.
    """
    if lock.kind not in _COMMANDS:
        return None
    build_context.say(f"{lock.kind} brings {lock.path} up to date")
    directory = posixpath.join(SANDBOX_TREE, root).rstrip("/")
    place = posixpath.normpath(posixpath.join(directory, lock.path))
    python = build_context.interpreter
    order = SandboxRequest(
        argv=(uv_program.PATH, *_COMMANDS[lock.kind]),
        environ={
            # Neither git nor ssh is started for an address that the project names.
            "PATH": f"{uv_program.FOLDER}:{posixpath.dirname(python.path)}:/nowhere",
            **sandbox_requests.name_indexes(build_context.index),
            "UV_PYTHON": python.path,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "PDM_PYTHON": python.path,
            "PDM_CHECK_UPDATE": "0",
            "PIPENV_PYTHON": python.path,
            "PIPENV_PYPI_MIRROR": build_context.index.url,
        },
        mounts=(
            *python.sandbox_mounts(),
            uv_program.mount(build_context.settings),
        ),
        tree=tree,
        directory=directory,
        limits=_LIMITS,
        collect=(place,),
    )
    with gateway.open_gateway(build_context.index, build_context.settings) as opened:
        result = build_context.sandbox.run(order.model_copy(update={"outlet": opened.outlet}))
    if result.exit_code != 0:
        ended = f"reached the limit on {result.limit}" if result.limit else "failed"
        words = sanitise.strip_terminal_codes(result.output).strip()[-_MOST_WORDS:]
        refused = "".join(f"\nRefused: {attempt}" for attempt in opened.refused_attempts)
        raise EnvironmentFailed(f"`{lock.kind} lock` {ended}:\n{words}{refused}")
    content = result.files.get(place)
    if content is not None and not _is_made_alike(lock, content, build_context.index.url):
        raise EnvironmentFailed(f"{lock.path} has other indexes or options than are asked here.")
    return content


def _is_made_alike(lock: Lock, content: bytes, index: str) -> bool:
    """Whether a lock still takes what it had from where it was, and the rest from there too."""
    try:
        before, after = (
            locks.read_sources(lock.path, text) for text in (lock.files[lock.path], content)
        )
    except EnvironmentFailed:
        return False  # tools make a lock anew that they cannot read
    known = [*before.packages.values(), {"registry": index}, {"registry": index.rstrip("/")}, {}]
    return before.options == after.options and all(
        source == before.packages[name]
        if name in before.packages
        else source in known or locks.is_of_tree(source)
        for name, source in after.packages.items()
    )
