"""Run the set-up commands of a repository once, and keep what they add as layers of files.

A command that reaches indexes of packages sees the files that it names and nothing else of the
repository; the others run afterwards in one sandbox, with the whole tree and without network. What
they write leaves the sandbox as files of strangers: only what the repository does not have itself
is kept, and nobody follows a link in it. A layer that the code of a change has made says nothing of
how that change is checked: rules, $HOME and packages are those of the base.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.environments import (
    egress,
    fetch,
    layer_files,
    sandbox_requests,
    sandbox_services,
    storage,
    upstreams,
)
from agent.environments.build_context import BuildContext
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed, SandboxLost
from agent.git import one_commit
from agent.models.environment import Environment, Layer
from agent.models.record import Record
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
from agent.text import sanitise
from repo_config import rule_files
from repo_config.detect import Project
from repo_config.schema import PackagesCommand

#: Indexes of packages beside that of Python.
HOSTS = ("registry.npmjs.org", "http://deb.debian.org", "https://deb.debian.org")
_RECORD = "layer.json"
_CLUSTER = "services/cluster.tar"
_MADE = "/made"
_JOB = "/tmp/set-up.json"  # noqa: S108
_REPORT = f"{SANDBOX_OUT}/set-up.json"
_SECONDS = 1800.0
_MOST_LINES = 12
_MOST_WORDS = 2000
_MOST_NAMED = 20
_MOST_REPORT = 1024**2
#: What would fill the home with what is only there to make a second run quicker.
_NO_CACHES = {"npm_config_cache": "/tmp/npm", "PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}  # noqa: S108
#: What asks for packages where there is no network ends at once.
_OFFLINE = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "npm_config_offline": "true"}
_FEW_RETRIES = {"npm_config_fetch_retries": "1", "npm_config_fetch_retry_mintimeout": "1000"}

Commands = tuple[str | PackagesCommand, ...]


class SetUp(Record):
    commands: Commands = ()
    environ: dict[str, str] = {}
    """The configuration's variables."""
    project: Project | None = None
    """Says which files decide about checks."""
    base: Environment | None = None
    """The environment of base with its layers, where the tree holds a change."""

    def is_rule(self, path: str) -> bool:
        """Whether a file decides about checks, so that no change's set-up makes it."""
        named = posixpath.basename(path) in ("pyproject.toml", "setup.cfg")
        return named or (
            self.project is not None and bool(rule_files.explain_file(path, self.project))
        )


class _Stored(Record):
    altered: tuple[str, ...] = ()
    bulk: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class _Report(BaseModel):
    """What the script in the sandbox says; foreign code can have written it."""

    model_config = ConfigDict(strict=True)

    at: int = 0
    code: int | None = None
    gone: list[str] = []

    @classmethod
    def read(cls, result: SandboxResult) -> _Report:
        try:
            return cls.model_validate_json(result.files.get(_REPORT, b"{}")[:_MOST_REPORT])
        except ValidationError:
            return cls()


def provide_layers(
    asked: SetUp, files: WorkTreeFiles, environment: Environment, build_context: BuildContext
) -> Environment:
    """Give the environment with the layers of all set-up commands.

    Raises:
        EnvironmentFailed: A command fails or reaches a limit.
    """
    groups: list[Commands] = [
        (command,) for command in asked.commands if isinstance(command, PackagesCommand)
    ]
    if offline := tuple(command for command in asked.commands if isinstance(command, str)):
        groups.append(offline)
    current = environment
    for commands in groups:
        current = _add_layer(_Run(asked, files, commands, current, build_context))
    # A change has no say in the packages that it is checked with.
    return current if asked.base is None else current.model_copy(update={"path": environment.path})


def _add_layer(run: _Run) -> Environment:
    """Lay one more layer over those that the environment has."""
    settings, base, environment = run.build_context.settings, run.asked.base, run.environment
    key = run.make_key(of_change=False)
    if base is not None and key not in _name_layers(base):
        key = run.make_key(of_change=True)
    place = storage.locate_environment(settings, key)
    storage.hold_environment(settings, key)
    with storage.lock_name(settings, f"build-{key}"):
        if not (place / _RECORD).is_file():
            with storage.reserve_build_folder(settings, place) as part:
                layer = run.make(part)
                if base is not None:
                    layer_files.take_from_base(part, layer.bulk, base.layers, run.asked.is_rule)
                storage.write_whole(part / _RECORD, layer.model_dump_json().encode())
    storage.mark_used(settings, key)
    layer = _Stored.model_validate_json((place / _RECORD).read_bytes())
    if layer.altered:
        named = ", ".join(layer.altered[:_MOST_NAMED])
        run.build_context.say(
            f"set-up alters files of the repository, which stay as they are: {named}"
        )
    update: dict[str, object] = {
        "layers": (*environment.layers, Layer(folder=str(place), bulk=layer.bulk)),
        "altered": tuple(dict.fromkeys((*environment.altered, *layer.altered))),
        "left_out": tuple(dict.fromkeys((*environment.left_out, *layer.left_out))),
    }
    if (place / layer_files.ENVIRONMENT).is_dir():
        update["path"] = str(place / layer_files.ENVIRONMENT)
    # A server starts before the script that checks, so code of a change has no say in its data.
    if base is None and (place / _CLUSTER).is_file():
        filled = {"filled": str(place / _CLUSTER)}
        update["services"] = tuple(
            one.model_copy(update=filled if one.name == "postgres" else {})
            for one in environment.services
        )
    return environment.model_copy(update=update)


def _name_layers(environment: Environment) -> list[str]:
    return [Path(layer.folder).name for layer in environment.layers]


def _explain_refused(refused: tuple[str, ...]) -> str:
    return (
        f"\nRefused on its way: {', '.join(refused)}. An operator may allow more hosts with"
        " MERGEWRIGHT_ALLOW_HOSTS."
    ) * bool(refused)


class _Run:
    """Commands that run in one sandbox."""

    def __init__(
        self,
        asked: SetUp,
        files: WorkTreeFiles,
        commands: Commands,
        environment: Environment,
        build_context: BuildContext,
    ) -> None:
        self.asked = asked
        self.environment = environment
        self.build_context = build_context
        self._files = files
        self._texts = [one if isinstance(one, str) else one.run for one in commands]
        first = commands[0]
        self._is_online = isinstance(first, PackagesCommand)
        self._seen = self._read_named(first.files) if isinstance(first, PackagesCommand) else {}
        base = asked.base
        #: Commands of a change may write to the environment if those of base did.
        self._may_write = base is None or Path(base.path).name == layer_files.ENVIRONMENT
        #: As they are before any command.
        self._services = [one.model_copy(update={"filled": ""}) for one in environment.services]
        self._variables = {
            **sandbox_services.variables(environment.services), **asked.environ,
        }  # fmt: skip

    def _read_named(self, paths: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for path in paths:
            content = self._files.read(path)
            if content is None:
                raise EnvironmentFailed(f"setup: {path} is named, but it is no file of the tree.")
            found[posixpath.normpath(posixpath.join(self._files.base, path))] = content
        return found

    def make_key(self, *, of_change: bool) -> str:
        """Sum up all that has a say in the layer."""
        base, environment, context = self.asked.base, self.environment, self.build_context
        total = hashlib.sha256()
        parts = (
            storage.FORMAT, self._texts, environment.key, _name_layers(environment),
            self._files.base, context.mark, context.index.mark if self._is_online else "",
            # Who runs a change's code has no say in what others are given.
            _name_layers(base) if base and of_change else None,
            sorted(self._variables.items()),
            {path: hashlib.sha256(text).hexdigest() for path, text in self._seen.items()},
        )  # fmt: skip
        total.update(json.dumps(parts, sort_keys=True).encode())
        if not self._is_online:
            total.update(self._files.digest())
        return f"setup-{total.hexdigest()[:32]}"

    def make(self, part: Path) -> _Stored:
        """Run the commands and keep what they add below a folder.

        Raises:
            EnvironmentFailed: One fails, or reaches a limit.
        """
        began, context = time.monotonic(), self.build_context
        context.say(f"set-up: {'; '.join(self._texts)}")
        for name in ("tree", "home", "services"):
            (part / name).mkdir()
        before, venv = Path(self.environment.path), part / layer_files.ENVIRONMENT
        if self._may_write:
            shutil.copytree(before, venv, symlinks=True)
        known = layer_files.mark_entries(venv)
        refused: tuple[str, ...] = ()
        order = self._make_request(part)
        if self._is_online:
            with egress.open_proxy(context.index, context.settings, HOSTS) as proxy:
                order = order.model_copy(update={"proxy_socket": str(proxy.socket_path)})
                try:
                    result = context.sandbox.run(order, proxy.is_asked_again)
                except SandboxLost as problem:
                    if not proxy.is_asked_again.is_set():
                        raise
                    said = f"setup: `{self._texts[0]}` was ended, since it asks again and again."
                    refused = proxy.refused_attempts
                    raise EnvironmentFailed(f"{said}{_explain_refused(refused)}") from problem
                refused = proxy.refused_attempts
        else:
            result = context.sandbox.run(sandbox_services.add_services(order, self._services))
        left_out = [f"{'; '.join(self._texts)}: denied access to {one}" for one in refused]
        for line in left_out:
            context.say(f"set-up: {line}")
        report = _Report.read(result)
        if result.exit_code != 0:
            raise self._make_failure(result, report, refused)
        layer_files.remove_special(part / "services", {})
        altered = layer_files.remove_known(part / "tree", self._files.root, report.gone)
        layer_files.remove_special(part / "home")
        if known:
            self._keep_environment(venv, before, known)
        context.say(f"set-up done in {time.monotonic() - began:.1f} s")
        bulk = layer_files.separate_large_folders(part, self._files.root)
        return _Stored(altered=tuple(altered), bulk=tuple(bulk), left_out=tuple(left_out))

    def _make_request(self, part: Path) -> SandboxRequest:
        cluster = None if self._is_online else sandbox_services.locate_cluster(self._services)
        job = {
            "commands": self._texts,
            "cluster": cluster and {**cluster, "to": f"{_MADE}/{_CLUSTER}"},
            "directory": posixpath.join(SANDBOX_TREE, self._files.base).rstrip("/"),
            "report": _REPORT,
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
            self._files.root,
            (
                self.environment.interpreter, "-I", "-S",
                f"{SANDBOX_OURS}/environments/set_up.py", _JOB,
            ),
            environ={**_NO_CACHES, **({} if self._is_online else _OFFLINE), **self._variables},
            limits=limits,
            files=(file,),
            collect=(_REPORT,),
        )  # fmt: skip
        lent = {f"{_MADE}/{name}": name for name in ("tree", "home", "services")}
        if self._may_write:
            lent[SANDBOX_ENVIRONMENT] = layer_files.ENVIRONMENT
        mounts = [mount for mount in order.mounts if mount.target not in lent]
        mounts += [
            Mount(source=str(part / name), target=target, writable=True)
            for target, name in lent.items()
        ]
        order = sandbox_requests.add_managers(order.model_copy(update={"mounts": tuple(mounts)}))
        if not self._is_online:
            return order
        # It sees the files that are named in place of the tree, and the indexes.
        *others, default = upstreams.list_sandbox_addresses(self.build_context.index)
        named = (
            SandboxFile(path=f"{SANDBOX_TREE}/{path}", content=text)
            for path, text in self._seen.items()
        )
        return order.model_copy(
            update={
                "tree": None,
                "layers": (),
                "files": (file, *named),
                "mounts": tuple(one for one in mounts if one.target != one_commit.SHOWN),
                "environ": {
                    **order.environ,
                    **_FEW_RETRIES,
                    "PIP_INDEX_URL": default,
                    "PIP_EXTRA_INDEX_URL": " ".join(others),
                    "UV_DEFAULT_INDEX": default,
                    "UV_INDEX": " ".join(others),
                },
            }
        )

    def _make_failure(
        self, result: SandboxResult, report: _Report, refused: tuple[str, ...]
    ) -> EnvironmentFailed:
        at = report.at if 0 <= report.at < len(self._texts) else 0
        command = self._texts[at]
        if result.limit is not None:
            ended = f"reached the limit on {result.limit} after {result.seconds:.0f} s"
        else:
            code = report.code if report.code is not None else result.exit_code
            ended = f"ended with exit code {code}"
        lines = sanitise.strip_terminal_codes(result.output).strip().splitlines()[-_MOST_LINES:]
        words = "\n".join(lines)[-_MOST_WORDS:]
        hint = _explain_refused(refused)
        return EnvironmentFailed(f"setup: `{command}` {ended}. It printed last:\n{words}{hint}")

    def _keep_environment(
        self, venv: Path, before: Path, known: dict[str, tuple[object, ...]]
    ) -> None:
        """Keep the environment where the commands have altered it."""
        layer_files.remove_special(venv, known)
        if layer_files.mark_entries(venv) == known:
            storage.remove_folder(venv)
            return
        if replaced := fetch.find_replaced(venv, before / fetch.SETTINGS):
            raise EnvironmentFailed(
                f"setup: a command writes {replaced[0]} into the environment, by which its"
                " interpreter would start another way."
            )
        if (made := before.parent / "generated").is_dir():
            shutil.copytree(made, venv.parent / "generated")
        self.build_context.say("set-up alters the environment")
