"""Run the set-up commands of a repository once, and store the files that they add as a layer.

They run in one sandbox, with the whole tree, whose only network is a gateway to package indexes.
What they write is untrusted: only files that the repository does not have are stored, and no link
in them is followed. A layer serves its repository for as long as all that the commands have read
of the tree is unchanged. A layer that a change's code has made serves that change alone.
"""

import hashlib
import json
import math
import os
import posixpath
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import EnvironmentFailed
from agent.git import by_descriptor, folders
from agent.models.environment import Environment, Layer
from agent.models.record import Record, replace
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_HOME,
    SANDBOX_OURS,
    SANDBOX_OUT,
    SANDBOX_TREE,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.setup import (
    distributions,
    gateway,
    layer_files,
    sandbox_requests,
    sandbox_services,
    storage,
    templates,
    toolsets,
    uv_program,
)
from agent.setup.build_context import BuildContext
from agent.setup.request import EnvironmentRequest
from agent.text import sanitise

WHOLE = "."
"""Stands for the whole tree in a list of paths: a setup.py may import any file of it."""
_RECORD = "layer.json"
_SERVICES = "services"
"""Folder of a layer with the data of servers."""
_MADE = "/made"
_JOB = "/tmp/set-up.json"  # noqa: S108
_REPORT = f"{SANDBOX_OUT}/set-up.json"
_SECONDS = 1800.0
#: Installs a project as a link to its folder; its build may fetch packages from an index.
_LINK = (uv_program.PATH, "--no-config", "pip", "install", "--no-deps")
_MOST_NAMED = 20
#: Moves caches, which no second run would use, out of the home, and limits repeated requests.
_TOOL_SETTINGS = {
    "npm_config_cache": "/tmp/npm",  # noqa: S108
    "PIP_NO_CACHE_DIR": "1",
    "UV_CACHE_DIR": "/tmp/uv",  # noqa: S108
    "PDM_CACHE_DIR": "/tmp/pdm",  # noqa: S108
    "PDM_IGNORE_SAVED_PYTHON": "1",
    "npm_config_fetch_retries": "1",
    "npm_config_fetch_retry_mintimeout": "1000",
}


class _StoredLayer(Record):
    inputs: dict[str, str]
    """Digests of the paths that the commands have read; of the whole tree if that is not known, or
    if the code of a change has made the layer."""
    built: tuple[str, ...] = ()
    """Of these paths, the ones that the repository's own projects are installed from; the whole
    tree if that is not known."""
    bulk: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    seconds: float = 0.0


class _SetupReport(BaseModel):
    """Report of the script in the sandbox; foreign code may have written it."""

    model_config = ConfigDict(strict=True)

    at: int = 0
    since: float = 0.0
    code: int | None = None
    inputs: list[str] | None = None
    built: list[str] | None = None

    @classmethod
    def read(cls, result: SandboxResult) -> Self:
        try:
            return cls.model_validate_json(result.files.get(_REPORT, b"{}")[: 1024**2])
        except ValidationError:
            return cls()


def provide_layer(
    request: EnvironmentRequest, environment: Environment, build_context: BuildContext
) -> Environment:
    """Return the environment with the layer of its set-up commands; run them if there is none.

    Raises:
        EnvironmentFailed: A command fails or reaches a limit.
        IndexUnavailable: One fails, and a package index never answered one of its requests.
    """
    if not environment.sources:
        return environment
    run = _CommandRun(request, environment, build_context)
    settings, base = build_context.settings, request.base
    stem, place = run.make_stem(), None
    if base is not None:
        # A change reuses only the layers of its base.
        place = run.find_layer(stem, {Path(layer.folder).name for layer in base.layers})
        stem = run.make_stem(base)
    with storage.lock_name(settings, f"build-{stem}"):
        place = place or run.find_layer(stem)
        if place is None:
            place = storage.locate_environment(settings, f"{stem}-{secrets.token_hex(4)}")
            with storage.reserve_build_folder(settings, place) as part:
                layer = run.make(part)
                (part / _RECORD).write_text(layer.model_dump_json())
    storage.note_use(settings, place.name)
    layer = _StoredLayer.model_validate_json((place / _RECORD).read_bytes())
    environment = replace(
        environment,
        layers=(Layer(folder=str(place), bulk=layer.bulk),),
        left_out=layer.left_out,
        hosts=layer.hosts,
        seconds=layer.seconds,
    )
    if (place / layer_files.ENVIRONMENT).is_dir():
        environment = replace(environment, path=str(place / layer_files.ENVIRONMENT))
    # A change that is set up anew has its own data, on which its migrations have run.
    services = tuple(
        replace(service, filled=str(data) if data.is_file() else "")
        for service in environment.services
        for data in [place / _SERVICES / f"{service.name}.tar"]
    )
    return replace(environment, services=services)


def list_inputs(environment: Environment) -> tuple[frozenset[str], frozenset[str]]:
    """List the files and folders that the set-up of an environment has read.

    Returns:
        All of them, then those that the repository's own projects are installed from. `WHOLE`
        stands for the whole tree.
    """
    read, built = frozenset[str](), frozenset[str]()
    for layer in environment.layers:
        with suppress(OSError, ValidationError):
            content = (Path(layer.folder) / _RECORD).read_bytes()
            stored = _StoredLayer.model_validate_json(content)
            read, built = read | stored.inputs.keys(), built.union(stored.built)
    return read, built


def digest_entry(folder: Path, path: str) -> str:
    """Return the digest of a file, a link, or a folder's list of names; empty: not readable."""
    place, total = folder / path, hashlib.sha256()
    try:
        if path == WHOLE:
            every = (str(below.relative_to(folder)) for below in sorted(folder.rglob("*")))
            total.update("".join(digest_entry(folder, below) for below in ("", *every)).encode())
            return total.hexdigest()
        state = place.lstat()
        total.update(f"{stat.S_IFMT(state.st_mode)} {state.st_mode & stat.S_IXUSR} ".encode())
        if stat.S_ISDIR(state.st_mode):
            total.update(b"\0".join(sorted(os.fsencode(below.name) for below in place.iterdir())))
        elif stat.S_ISLNK(state.st_mode):
            total.update(os.fsencode(place.readlink()))
        elif stat.S_ISREG(state.st_mode):
            with os.fdopen(os.open(place, by_descriptor.READ), "rb", buffering=0) as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return ""
    return total.hexdigest()


def _list_missing(output: str) -> list[str]:
    """List what a template's lines could not install, each with the last line printed before."""
    lines = [line.strip() for line in sanitise.strip_terminal_codes(output).splitlines()]
    # uv prints general advice below the error.
    printed = (line for line in lines if line and not line.startswith("hint: "))
    return [
        f"{line.removeprefix(templates.MISSING)} ({before[:200]})"
        for before, line in pairwise(printed)
        if line.startswith(templates.MISSING)
    ][:_MOST_NAMED]


class _CommandRun:
    """Set-up commands, which run in one sandbox."""

    def __init__(
        self, request: EnvironmentRequest, environment: Environment, build_context: BuildContext
    ) -> None:
        self.request = request
        self.environment = environment
        self.build_context = build_context
        self._tree = Path(request.tree)
        self._indexes = sandbox_requests.name_indexes(build_context.index)
        #: Lines of a template use no server of the table, so their layer serves also if one is
        #: added later.
        self._services = [
            service for service in environment.services if request.config.setup or service.is_own
        ]
        of_servers = sandbox_services.variables(environment.services)
        configured = request.config.variables
        self._variables = (
            {**of_servers, **configured}
            if request.config.setup
            else {name: text for name, text in configured.items() if name not in of_servers}
        )

    def make_stem(self, base: Environment | None = None) -> str:
        """Return the start of a layer's name: a digest of its inputs without the tree."""
        context = self.build_context
        parts = (
            # Foreign code reports what a layer has read, so no other repository uses the layer.
            self.request.repository,
            storage.FORMAT, _LINK, self.environment.sources, self.request.tag, self.environment.key,
            self.request.config.folder,
            context.mark, context.index.mark, sorted(self._variables.items()),
            base and [layer.folder for layer in base.layers],
        )  # fmt: skip
        return f"setup-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"

    def find_layer(self, stem: str, names: Collection[str] | None = None) -> Path | None:
        """Return a layer with unchanged inputs, among `names` or all; None: there is none."""
        settings = self.build_context.settings
        for place in storage.locate_environment(settings, "").glob(f"{stem}-*"):
            if names is not None and place.name not in names:
                continue
            with suppress(OSError, ValidationError):
                stored = _StoredLayer.model_validate_json((place / _RECORD).read_bytes())
                if stored.inputs == self._digest(stored.inputs):
                    return place
        return None

    def _digest(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: digest_entry(self._tree, path) for path in paths}

    def make(self, part: Path) -> _StoredLayer:
        """Run the commands and store the files that they add below a folder."""
        began, context = time.monotonic(), self.build_context
        context.say(f"set-up: {'; '.join(self.environment.sources)}")
        for name in ("tree", "home", _SERVICES):
            (part / name).mkdir()
        before, venv = Path(self.environment.path), part / layer_files.ENVIRONMENT
        shutil.copytree(before, venv, symlinks=True)
        marks = layer_files.mark_entries(venv)
        order = self._make_request(part)
        order = sandbox_services.add_services(order, self._services, own_late=True)
        hosts = gateway.HOSTS, self.request.git_hosts, self.request.index_hosts
        with gateway.open_gateway(context.settings, context.index, *hosts) as opened:
            order = replace(order, outlet=opened.outlet)
            result = context.sandbox.run(order)
        report = _SetupReport.read(result)
        left_out = [f"what the set-up wanted from {host}" for host in opened.refused_attempts]
        left_out += _list_missing(result.output)
        for line in left_out:
            context.say(line)
        if result.exit_code != 0:
            parts = (
                self._describe_failure(result, report),
                sandbox_services.not_started(order, result),
            )
            words = "\n".join(filter(None, parts))
            raise opened.make_failure(words, math.inf if result.limit else report.since)
        layer_files.remove_special(part / _SERVICES, {})
        altered = layer_files.delete_repository_files(part / "tree", self._tree)
        layer_files.remove_special(part / "home")
        if altered:
            context.say(
                "set-up changes files of the repository; the checks use the committed versions:"
                f" {sanitise.list_some(altered, _MOST_NAMED)}"
            )
        self._keep_environment(venv, before, marks)
        seconds = time.monotonic() - began
        context.say(f"set-up done in {seconds:.1f} s")
        bulk = layer_files.separate_large_folders(part, self._tree)
        # The code of a change could falsify the report of what was read.
        read = None if self.request.base else report.inputs
        inputs = self._digest([WHOLE] if read is None else read)
        built = [WHOLE] if report.built is None else report.built
        return _StoredLayer(
            inputs=inputs,
            built=tuple(built),
            bulk=tuple(bulk),
            left_out=tuple(left_out),
            hosts=tuple(sorted(opened.hosts)),
            seconds=seconds,
        )

    def _make_request(self, part: Path) -> SandboxRequest:
        job = {
            "commands": self.environment.sources,
            "servers": [*sandbox_services.locate_data(self._services)],
            "data": f"{_MADE}/{_SERVICES}",
            "directory": posixpath.join(SANDBOX_TREE, self.request.config.folder).rstrip("/"),
            "report": _REPORT,
            "link": _LINK,
            "places": {
                "tree": {"from": SANDBOX_TREE, "to": f"{_MADE}/tree"},
                "home": {"from": SANDBOX_HOME, "to": f"{_MADE}/home"},
            },
        }
        settings = self.build_context.settings
        limits = SandboxLimits(
            seconds=min(_SECONDS, settings.max_minutes * 60.0),
            memory_bytes=settings.sandbox_memory_mb * 1024**2,
            processes=settings.sandbox_processes,
            disk_bytes=settings.sandbox_disk_mb * 1024**2,
        )
        file = SandboxFile(path=_JOB, content=json.dumps(job).encode())
        order = sandbox_requests.make_request(
            self.environment,
            self._tree,
            (
                self.environment.interpreter.path, "-I", "-S",
                f"{SANDBOX_OURS}/setup/set_up.py", _JOB,
            ),
            environ={**_TOOL_SETTINGS, **self._indexes, **self._variables},
            limits=limits,
            files=(file,),
            collect=(_REPORT,),
        )  # fmt: skip
        writable = {f"{_MADE}/{name}": name for name in ("tree", "home", _SERVICES)}
        writable[SANDBOX_ENVIRONMENT] = layer_files.ENVIRONMENT
        mounts = [mount for mount in order.mounts if mount.target not in writable]
        mounts += [
            Mount(source=str(part / name), target=target, writable=True)
            for target, name in writable.items()
        ]
        order = replace(order, mounts=tuple(mounts))
        order = sandbox_requests.add_tag(order, self._tree, self.request.tag)
        return sandbox_requests.add_uv(order, self.environment.interpreter.path, settings)

    def _describe_failure(self, result: SandboxResult, report: _SetupReport) -> str:
        commands = self.environment.sources
        command = commands[report.at if 0 <= report.at < len(commands) else 0]
        if result.limit is not None:
            ended = f"reached the {result.limit} limit after {result.seconds:.0f} s"
        else:
            code = report.code if report.code is not None else result.exit_code
            ended = f"ended with exit code {code}"
        # Blank lines are left out: they would use up the twelve lines.
        printed = sanitise.strip_terminal_codes(result.output).splitlines()
        words = "\n".join([line for line in printed if line.strip()][-12:])[-2000:]
        return f"setup: `{command}` {ended}. Last output:\n{words}"

    def _keep_environment(
        self, venv: Path, before: Path, marks: dict[str, tuple[object, ...]]
    ) -> None:
        """Keep the copy of the environment if the commands have changed it, else delete it."""
        layer_files.remove_special(venv, marks)
        if layer_files.mark_entries(venv) == marks:
            folders.delete_folder(venv)
            return
        if replaced := toolsets.find_replaced(venv, before / toolsets.SETTINGS):
            raise EnvironmentFailed(
                f"setup: a command writes {replaced[0]} into the environment, which changes how"
                " its interpreter starts."
            )
        if self.request.base is not None:
            # Python trusts bytecode that names the time and size of its source: code of a change
            # could have written such bytecode.
            for place in [*(venv / "lib").glob(f"**/{distributions.BYTECODE}")]:
                folders.delete_folder(place)
        toolsets.compile_all(self.build_context, venv)
