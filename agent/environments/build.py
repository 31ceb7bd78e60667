"""The environment of a repository: from its declarations to a read-only folder, without trust.

This is the module to read first; it holds the order of the work and nothing else:

    declare         what the repository asks for, pure
    interpreters    which Python
    system_packages Debian packages, as a layer over /usr
    assembly        the order of the phases:
      wheels          phase B: what must be built, in sandboxes without network
      fetch           phase A: everything else, as wheels, through one narrow way out
      toolsets        what backends and checks are run with
    storage         a place under the key of all that was put in
    setup_commands  what the repository runs once, kept as layers

An environment is made once for a key and never changed afterwards.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.environments import (
    declare,
    distributions,
    interpreters,
    lock_export,
    lock_update,
    parts,
    sandbox_services,
    setup_commands,
    sources,
    storage,
    system_packages,
    templates,
    toolsets,
    uv_program,
)
from agent.environments.assembly import RECORD, Assembly, Stored
from agent.environments.build_context import BuildContext, RootedSandbox
from agent.environments.declare import Declaration
from agent.environments.fetch import Unresolvable
from agent.environments.lock_export import LockRefused
from agent.environments.request import EnvironmentRequest
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import CacheGone, EnvironmentFailed
from agent.models.clock import read_clock
from agent.models.environment import Environment
from agent.models.package_index import PackageIndex
from agent.models.sandbox import Sandbox
from agent.settings import Settings

Clients = tuple[Sandbox, PackageIndex, Settings, Callable[[str], None]]
"""Sandboxes, package indexes, the operator's settings, and what takes a line of progress."""


def ensure_environment(request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Give the environment of a work tree, building it if it is not there yet.

    It is kept from being pruned for as long as this process lives. May run twice, also at the
    same time: the second waits for the first and uses what that has made.

    Raises:
        EnvironmentFailed: It cannot be built; with the resolver's or the backend's own words.
        IndexUnavailable: The package index did not answer.
        StorageFull: The disk is full.
        SandboxMissing: There is no sandbox to build it in.
    """
    _, _, settings, say = clients
    if settings.setup == "lines":
        return ensure_by_lines(request, *clients)
    storage.hold_environment(settings, storage.PARTS)
    prepared = prepare_build(request, *clients)
    system = system_packages.provide_layer(request.python.system_packages, prepared.build_context)
    if system.folder != prepared.build_context.system:
        prepared = prepare_build(request, *clients)
    build_context, key = prepared.build_context, prepared.key
    for package in system.left_out:
        say(f"Debian package left out: {package}")
    services = sandbox_services.provide_services(request.services, request.env, build_context)
    if environment := _load_stored(prepared, settings):
        say("the environment is from an earlier run")
        toolsets.provide_tools(toolsets.GATE, build_context)
    else:
        with storage.lock_name(settings, f"build-{key}"):
            if not (environment := _load_stored(prepared, settings)):
                storage.remove_leftovers(settings)
                say(f"building the environment for Python {build_context.interpreter.version}")
                try:
                    Assembly(request, prepared.declaration, prepared.version, build_context).run(
                        key
                    )
                except LockRefused as problem:
                    say(f"the lock is not exported, its versions are kept to: {problem}")
                    return ensure_environment(request, *clients)
                environment = _load_stored(prepared, settings)
    if environment is None:
        raise EnvironmentFailed("The environment was removed while it was built; run again.")
    storage.mark_used(settings, key)
    more: dict[str, object] = {
        "services": services,
        "refused_lock": prepared.refused_lock,
        "refusal": prepared.declaration.refused,
        "left_out": (*environment.left_out, *system.left_out),
    }
    environment = _add_tools(environment.model_copy(update=more), request, build_context)
    files = WorkTreeFiles(Path(request.tree), request.root)
    return setup_commands.provide_layers(request.setup, files, environment, build_context)


def ensure_as_of(request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Give the environment of a commit; without a lock, by what indexes had when it was made.

    A day of grace is left; where the packages of then do not go together, those of today are taken.

    Raises:
        EnvironmentFailed, IndexUnavailable, StorageFull, SandboxMissing: As `ensure_environment`.
    """
    section, say = request.python, clients[-1]
    if clients[2].setup == "lines":
        return ensure_environment(request, *clients)
    day = _find_day(request)
    if day and section.exclude_newer is None:
        declared = declare.read_declaration(
            WorkTreeFiles(Path(request.tree), request.root), section
        )
        if declared.lock is None:
            say(f"packages as of {day}, a day after the commit")
            return ensure_of_day(day, request, *clients)
    return ensure_environment(request, *clients)


def ensure_by_lines(request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Give the environment that the set-up lines of a work tree make of an empty one.

    Raises:
        EnvironmentFailed: A line fails or reaches a limit.
        IndexUnavailable, StorageFull, SandboxMissing: As `ensure_environment`.
    """
    sandbox, index, settings, say = clients
    storage.hold_environment(settings, storage.PARTS)
    files, section = WorkTreeFiles(Path(request.tree), request.root), request.python
    hints = declare.read_declaration(files, section).python
    interpreter = interpreters.choose_interpreter(section.version, hints, sandbox, settings)
    rooted = RootedSandbox(sandbox, interpreter.root)
    build_context = BuildContext(rooted, index, settings, interpreter, say)
    system = system_packages.provide_layer(section.system_packages, build_context)
    build_context = replace(build_context, system=system.folder)
    lines = request.setup.commands
    if not lines:
        day = section.exclude_newer or _find_day(request)
        lines = templates.write_lines(files.detection_files, day)
    bare = toolsets.provide_pinned(("pip",), build_context)
    services = sandbox_services.provide_services(request.services, request.env, build_context)
    environment = Environment(
        key=hashlib.sha256(f"{bare.parent.name}{system.folder}".encode()).hexdigest()[:32],
        path=str(bare),
        gate_path=str(toolsets.provide_tools(toolsets.GATE, build_context)),
        scripts_path=str(storage.scripts(settings)),
        python=interpreter.version,
        interpreter_mounts=interpreter.mounts,
        interpreter=interpreter.path,
        root=interpreter.root,
        sources=lines,
        packages=(),
        section=section,
        left_out=system.left_out,
        services=services,
        system=system.folder,
    )
    setup = request.setup.model_copy(update={"commands": lines, "may_install": True})
    made = setup_commands.provide_layers(setup, files, environment, build_context)
    installed = distributions.list_installed(made.path)
    packages = tuple(sorted(f"{name}=={one.version}" for name, one in installed))
    key = Path(made.layers[-1].folder).name if made.layers else made.key
    made = made.model_copy(update={"packages": packages, "key": key})
    return _add_tools(made, request, build_context)


def _add_tools(
    environment: Environment, request: EnvironmentRequest, build_context: BuildContext
) -> Environment:
    """Add the tools that have environments of their own."""
    more: dict[str, object] = {
        "tools": toolsets.provide_pinned_tools(request.tools, environment, build_context)
    }
    if request.pyright:
        more["type_checker_path"] = str(toolsets.provide_tools(toolsets.TYPES, build_context))
    return environment.model_copy(update=more)


def _find_day(request: EnvironmentRequest) -> str | None:
    """Return the day after the commit; None where it is not over, or the commit's not known."""
    last = datetime.fromtimestamp(request.committed, UTC).date() + timedelta(days=1)
    today = datetime.fromtimestamp(read_clock(), UTC).date()
    return last.isoformat() if request.committed and last < today else None


def ensure_of_day(day: str | None, request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Give an environment by what indexes had on a day, or as requested where that lacks more.

    Args:
        day: As in `python.exclude_newer`; None: as requested.

    Raises:
        EnvironmentFailed, IndexUnavailable, StorageFull, SandboxMissing: As `ensure_environment`.
    """
    section, say = request.python, clients[-1]
    if day in (None, section.exclude_newer):
        return ensure_environment(request, *clients)
    dated = section.model_copy(update={"exclude_newer": day})
    try:
        then = ensure_environment(request.model_copy(update={"python": dated}), *clients)
    except Unresolvable as problem:
        say(f"as of {day} they cannot be resolved: {uv_program.find_cause(problem.message)}")
        return ensure_environment(request, *clients)
    if not then.left_out:
        return then
    # What is declared may be newer than that day.
    now = ensure_environment(request, *clients)
    return now if len(now.left_out) < len(then.left_out) else then


def set_up(request: EnvironmentRequest, *clients: *Clients) -> Environment:
    """Give the environment of base with what the set-up commands make of a changed tree.

    Raises:
        EnvironmentFailed: A command fails or reaches a limit.
    """
    if clients[2].setup == "lines":
        return ensure_by_lines(request, *clients)
    base = request.setup.base
    assert base is not None  # noqa: S101 - for mypy; who asks has it
    build_context = prepare_build(request, *clients).build_context
    plain = base.model_copy(update={"layers": (), "altered": ()})
    files = WorkTreeFiles(Path(request.tree), request.root)
    return setup_commands.provide_layers(request.setup, files, plain, build_context)


def update_lock(request: EnvironmentRequest, *clients: *Clients) -> dict[str, bytes]:
    """Have its tool bring the lock of a work tree up to date; empty: there is none, or it is.

    Returns:
        The lock, by its path from the root of the repository.

    Raises:
        EnvironmentFailed: It cannot; with the tool's own words.
    """
    prepared = prepare_build(request, *clients)
    lock = prepared.declaration.lock
    if lock is None:
        return {}
    root, context = prepared.declaration.root, prepared.build_context
    content = lock_update.update_lock(lock, root, request.tree, context)
    place = posixpath.normpath(posixpath.join(root, lock.path))
    return {} if content is None else {place: content}


def reuse_environment(
    request: EnvironmentRequest, environment: Environment, *clients: *Clients
) -> Environment:
    """Give the environment that was made of a request before, however long ago that was.

    One that was evicted meanwhile is built again, and kept for as long as this process lives.

    Raises:
        CacheGone: With what is installed here today it would be another one.
    """
    made = ensure_environment(request, *clients)
    if made.key != environment.key:
        raise CacheGone(
            "The environment that the run began with cannot be had any more, since Mergewright or"
            " the interpreter has changed meanwhile.",
            "environment",
        )
    return made


# --- before anything is built ----------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """The request with everything decided that can be decided without running anything."""

    declaration: Declaration
    build_context: BuildContext
    version: str
    key: str
    refused_lock: str = ""
    """Path of the lock that is not installed as it is."""


def prepare_build(request: EnvironmentRequest, *clients: *Clients) -> Prepared:
    """Read the declaration, choose the interpreter, and key all that has a say in the result.

    Raises:
        EnvironmentFailed: The declaration cannot be read, or no interpreter fits.
    """
    sandbox, index, settings, say = clients
    files, section = WorkTreeFiles(Path(request.tree), request.root), request.python
    declaration = declare.read_declaration(files, section)
    interpreter = interpreters.choose_interpreter(
        section.version, declaration.python, sandbox, settings
    )

    def make_context() -> BuildContext:
        found = index.with_requested(declaration.requirements.indexes)
        rooted = RootedSandbox(sandbox, interpreter.root)
        return BuildContext(rooted, found, settings, interpreter, say)

    build_context = make_context()
    refused_lock, lock, refused = "", declaration.lock, request.behind
    if lock and not refused:
        refused = lock_export.find_refusal(lock, build_context)
    if refused:
        compiled = {*parts.list_requirement_files(files)}
        compiled -= {*parts.list_requirement_files(files, compiled=False)}
        refused_lock = lock.path if lock else ", ".join(sorted(compiled))
        declaration = declare.read_declaration(files, section, refused)
        build_context = make_context()
    system = system_packages.find_layer(section.system_packages, build_context).folder
    build_context = replace(build_context, system=system)
    version = sources.read_version(request.nearest_tag, files)
    facts: dict[str, object] = {
        "declaration": digest_declaration(declaration, files),
        "context": build_context.mark,
        "uv": uv_program.version(),
        "version": version if declaration.may_build else None,
        "index": build_context.index.mark,
        "known": request.known,
        "root": request.root_package,
        "system": Path(system).name,
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    return Prepared(declaration, build_context, version, key, refused_lock)


def digest_declaration(declaration: Declaration, files: WorkTreeFiles) -> str:
    """Sum up what was read, and where something of the tree is built, all of the tree."""
    # Which Python was chosen by the hints is told elsewhere.
    total = hashlib.sha256(repr(declaration.model_dump(exclude={"python"})).encode())
    if declaration.may_build:
        total.update(files.digest())
    return total.hexdigest()


def _load_stored(prepared: Prepared, settings: Settings) -> Environment | None:
    """Find what is stored under the key, with the paths of today; None if it is not whole."""
    place, context = storage.locate_environment(settings, prepared.key), prepared.build_context
    storage.hold_environment(settings, prepared.key)
    try:
        known = Stored.model_validate_json((place / RECORD).read_bytes())
    except (OSError, ValueError):
        storage.release_environment(settings, prepared.key)
        return None
    return known.environment.model_copy(
        update={
            "path": str(place / "venv"),
            "gate_path": str(toolsets.locate_tools(toolsets.GATE, context) / "venv"),
            "scripts_path": str(storage.scripts(settings)),
            "interpreter_mounts": context.interpreter.mounts,
            "root": context.interpreter.root,
            "system": context.system,
        }
    )
