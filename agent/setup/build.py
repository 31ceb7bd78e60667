"""Build the environment of a repository: run its set-up lines once, in an empty one.

Read this module first; it has the order of the work and nothing else:

    interpreters      which Python
    system_packages   Debian packages, as a layer over /usr
    sandbox_services  servers such as PostgreSQL; their programs are in `server_programs`
    templates         the lines, where the configuration has none
    setup_commands    runs the lines once, and stores the files that they create as layers
    toolsets          the tools of the checks

A built environment is read-only, and used again until a file changes that its lines have read.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.errors import CacheGone
from agent.models.clock import read_clock
from agent.models.environment import Environment
from agent.models.record import replace
from agent.models.sandbox import Sandbox
from agent.models.step import Step
from agent.settings import Settings
from agent.setup import (
    distributions,
    interpreters,
    lock_update,
    sandbox_services,
    setup_commands,
    storage,
    templates,
    toolsets,
)
from agent.setup.build_context import BuildContext
from agent.setup.lock_update import UpdatedLocks
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from repo_config.compiled_requirements import CompiledFile
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

Clients = tuple[Sandbox, PackageIndex, Settings, Callable[[str], None]]
"""Sandboxes, package indexes, the operator's settings, and a function for lines of progress."""


def ensure_environment(request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Return the environment of a work tree; build it unless it is stored.

    Several processes may call this at the same time: one builds, the others wait and use its
    result. The use is noted, so that clean-up does not remove the environment for days. A change
    is set up by the lines of its base.

    Raises:
        EnvironmentFailed: A line fails or reaches a limit, or no Python fits.
        IndexUnavailable: The package index did not answer.
        StorageFull: The disk is full.
        SandboxMissing: This machine cannot open sandboxes.
    """
    config, settings = request.config, clients[2]
    build_context = _open_build(request, *clients)
    services, build_context = sandbox_services.provide_services(config, build_context)
    system = build_context.system
    seeds = toolsets.list_seeds(build_context.interpreter)
    bare = toolsets.provide_pinned(seeds, build_context)
    environment = Environment(
        key=hashlib.sha256(f"{bare.parent.name}{system}".encode()).hexdigest()[:32],
        path=str(bare),
        gate_path=str(toolsets.provide_gate(build_context)),
        scripts_path=str(storage.provide_scripts(settings)),
        interpreter=build_context.interpreter,
        sources=templates.keep_newer(request.base.sources, request.newer)
        if request.base and request.base.sources
        else list_lines(request.open_tree(), config, request.committed),
        packages=(),
        services=services,
        system=system,
    )
    built = setup_commands.provide_layer(request, environment, build_context)
    installed = distributions.list_installed(built.path).values()
    packages = tuple(sorted(f"{package.name}=={package.version}" for package in installed))
    key = Path(built.layers[-1].folder).name if built.layers else built.key
    built = replace(built, packages=packages, key=key)
    return _add_tools(built, request, build_context)


def list_lines(tree: Tree, config: RepoConfig, committed: int) -> tuple[str, ...]:
    """List the lines that set a commit up, from the configuration or a template."""
    if config.setup:
        return config.setup
    lock, _ = lock_update.find_lock(ProjectFiles(tree), config.folder)
    return templates.write_lines(ProjectFiles(tree, config.folder), lock, _find_end(committed))


def _open_build(request: EnvironmentRequest, *clients: *Clients) -> BuildContext:
    sandbox, index, settings, say = clients
    hints = interpreters.read_hints(request.open_tree(), request.config.folder, request.committed)
    interpreter = interpreters.choose_interpreter(
        request.config.python.version, hints, sandbox, settings, say
    )
    return BuildContext(sandbox, index, settings, interpreter, say)


def _add_tools(
    environment: Environment, request: EnvironmentRequest, build_context: BuildContext
) -> Environment:
    """Add the tools that have their own environments."""
    if (project := request.project) is None:
        return environment
    # By month: by day, the shared tools would be installed again for nearly every commit.
    month = _find_end(request.committed, of_month=True)
    pins = {**project.tool_pins}
    for tool in project.node_tools - pins.keys():
        version = environment.versions.get(tool)
        pins[tool] = (f"{tool}=={version}" if version else tool,)
    tools = toolsets.provide_pinned_tools(pins, environment, build_context, month)
    return replace(environment, tools=tools)


def _find_end(committed: int, *, of_month: bool = False) -> str | None:
    """Return the day after a commit, or after its month; None: it is in the future or not known."""
    day = datetime.fromtimestamp(committed, UTC).date()
    after = day + timedelta(days=1)
    if of_month:
        after = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    is_past = after < datetime.fromtimestamp(read_clock(), UTC).date()
    return after.isoformat() if committed and is_past else None


def update_locks(
    request: EnvironmentRequest, stale: Sequence[CompiledFile], *clients: *Clients
) -> UpdatedLocks:
    """Update the locks of a work tree by their own tools; see `lock_update.update_locks`.

    Raises:
        EnvironmentFailed: The project's lock cannot be updated; with the tool's output.
    """
    return lock_update.update_locks(request, stale, _open_build(request, *clients))


def reuse_environment(
    request: EnvironmentRequest, environment: Environment, *clients: *Clients
) -> Environment:
    """Return the environment that was built for a request earlier; rebuild one that was evicted.

    Raises:
        CacheGone: The rebuilt one differs, since other programs are installed here today.
    """
    rebuilt = ensure_environment(request, *clients)
    # A layer's key is a digest of what it was made of, and a random number at the end.
    before, after = environment.key.rsplit("-", 1)[0], rebuilt.key.rsplit("-", 1)[0]
    if (before, environment.packages) != (after, rebuilt.packages):
        raise CacheGone(
            "The environment that the run started with no longer exists: Mergewright or the"
            " interpreter has changed since.",
            Step.ENVIRONMENT,
        )
    return rebuilt
