"""Have the tool that wrote a lock bring it up to date with what a tree declares.

It runs in a sandbox with the whole tree and the gateway to package indexes: workspaces, plugins and
sources to build have a say. Of what it writes the lock alone comes back.
"""

from __future__ import annotations

import json
import posixpath
import tomllib
from pathlib import PurePosixPath
from typing import Any

from agent.errors import EnvironmentFailed
from agent.models.sandbox import SANDBOX_TREE, SandboxLimits, SandboxRequest
from agent.setup import gateway, sandbox_requests, uv_program
from agent.setup.build_context import BuildContext
from agent.setup.tree_files import WorkTreeFiles
from agent.text import sanitise
from repo_config import lock_files
from repo_config.documents import table

_COMMANDS = {
    "uv": ("lock",),
    "poetry": ("tool", "run", "--from", "poetry<3", "poetry", "lock", "--no-interaction"),
    # PDM breaks with newer versions of what it needs, so it names its own.
    "pdm": ("tool", "run", "--from", "pdm[locked]<3", "pdm", "lock", "--update-reuse"),
    "pipenv": ("tool", "run", "pipenv", "lock"),
}
_LIMITS = SandboxLimits(seconds=600, processes=256, disk_bytes=4 * 1024**3)
_MOST_WORDS = 2000
_META = "_meta"
#: Keys and types of a package's source by which it is of the tree itself.
_IN_TREE = frozenset({"path", "file", "directory", "editable", "virtual"})
#: Keys of a package by which it says where it comes from, where it has no table for that.
_NAMED = ("index", "git", "hg", "svn", "bzr", "url", "vcs", "archive", *sorted(_IN_TREE))


def update_lock(files: WorkTreeFiles, build_context: BuildContext) -> dict[str, bytes]:
    """Bring the lock of a tree up to date; empty: it is, or there is none that a tool updates.

    Returns:
        The lock, by its path from the root of the repository.

    Raises:
        EnvironmentFailed: The tool cannot, or packages would change the index that they come from.
    """
    kind, path = find_lock(files)
    before = files.from_root_folder().read(path) if kind else None
    if before is None:
        return {}
    build_context.say(f"{kind} updates {path}")
    python, place = build_context.interpreter, posixpath.join(SANDBOX_TREE, path)
    order = SandboxRequest(
        argv=(uv_program.PATH, *_COMMANDS[kind]),
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
            *python.sandbox_mounts(),
            uv_program.mount(build_context.settings),
        ),
        tree=str(files.root),
        directory=posixpath.join(SANDBOX_TREE, files.base).rstrip("/"),
        limits=_LIMITS,
        collect=(place,),
    )
    with gateway.open_gateway(build_context.index, build_context.settings) as opened:
        result = build_context.sandbox.run(order.model_copy(update={"outlet": opened.outlet}))
    if result.exit_code != 0:
        ended = f"reached the {result.limit} limit" if result.limit else "failed"
        words = sanitise.strip_terminal_codes(result.output).strip()[-_MOST_WORDS:]
        raise EnvironmentFailed(f"`{kind} lock` {ended}:\n{words}{opened.explain_refused()}")
    content = result.files.get(place)
    if content is None:
        return {}
    if not _is_made_alike(before, content, build_context.index.url):
        raise EnvironmentFailed(
            f"{path} has indexes or options that differ from the configured ones."
        )
    return {path: content}


def find_lock(files: WorkTreeFiles) -> tuple[str, str]:
    """Name the tool and the path of the lock, which for uv may lie at the root of a workspace."""
    whole, base = files.from_root_folder(), PurePosixPath(files.base)
    for kind in _COMMANDS:
        above = base.parents if kind == "uv" else ()
        roots = (
            folder for folder in above if _is_workspace(whole.read(str(folder / "pyproject.toml")))
        )
        for folder in (base, *roots):
            path = str(folder / lock_files.PYTHON[kind])
            if whole.read(path) is not None:
                return kind, path
    return "", ""


def _is_workspace(project: bytes | None) -> bool:
    try:
        return "workspace" in table(tomllib.loads((project or b"").decode()), "tool", "uv")
    except ValueError:
        return False


def _is_made_alike(old: bytes, new: bytes, index: str) -> bool:
    """Whether a lock still takes what it had from where it was, and the rest from there too."""
    try:
        (options, before), (options_after, after) = map(_read_sources, (old, new))
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError):
        return False  # tools make a lock anew that they cannot read
    known = [*before.values(), {"registry": index}, {"registry": index.rstrip("/")}, {}]
    return options == options_after and all(
        source == before[name] if name in before else source in known or _is_of_tree(source)
        for name, source in after.items()
    )


def _read_sources(content: bytes) -> tuple[object, dict[str, dict[str, Any]]]:
    """Read what else decides where packages are from, and by name what each says of it."""
    text = content.decode()
    if text.lstrip().startswith("{"):
        document = json.loads(text)
        sections = [table(document, name) for name in document if name != _META]
        rows = [{**entry, "name": name} for section in sections for name, entry in section.items()]
        return table(document, _META).get("sources"), {
            row["name"]: _read_source(row) for row in rows
        }
    document = tomllib.loads(text)
    rows = document.get("package", [])
    return document.get("options"), {str(row["name"]): _read_source(row) for row in rows}


def _read_source(row: dict[str, Any]) -> dict[str, Any]:
    return table(row, "source") or {key: row[key] for key in _NAMED if key in row}


def _is_of_tree(source: dict[str, Any]) -> bool:
    return bool({str(source.get("type")), *source} & _IN_TREE)
