"""A sandbox that stays open, as the service sees it: opened again when it is lost.

Whatever happens in it, the host has the change as it was last taken, and nothing else of it.
"""

from __future__ import annotations

import json
import posixpath
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import resources
from typing import Any, TypeVar

from agent.checks import check
from agent.environments import sandbox_requests, sandbox_services, uv_program
from agent.errors import EditFailed, SandboxLost
from agent.git import names, worktree
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.environment import Checkout, Environment, Opened, Prepared
from agent.models.sandbox import (
    SANDBOX_GATE,
    SANDBOX_HOME,
    SANDBOX_TOOLS,
    SANDBOX_TREE,
    Flag,
    Outlet,
    Ran,
    SandboxFile,
    SandboxRequest,
    Taken,
)
from agent.sandbox import change_collection, sandboxes
from agent.sandbox.running import Answer, RunningSandbox
from agent.settings import Settings

_GRACE_SECONDS = 10.0
"""The runner ends a command in time; this much later the host ends the sandbox."""
_FILE_SECONDS = 120.0
_PLAIN: dict[str, Any] = {"once": False, "collect": (), "returned_bytes": 0, "returned_files": 0}
"""A command of a session hands nothing back but what it prints."""

#: Opens the sandbox with the base laid out; the stack takes it down.
Open = Callable[[ExitStack], RunningSandbox]
_Read = TypeVar("_Read")


class Session:
    """See `agent.models.sandbox.SandboxSession`."""

    def __init__(
        self,
        opened: Open,
        base: WorkTree,
        checkout: Checkout,
        change: Change,
        *,
        laid: Mapping[str, bytes],
        stopped: Flag | None,
    ) -> None:
        """Open the sandbox and lay the change.

        Args:
            base: The work tree of the commit, which no sandbox can write to.
            laid: What else is put into the tree, by path; no part of a change as it is.
        """
        given = {file.path: file for file in change.files if file.after is not None}
        self._open = opened
        self._ground = change_collection.TreeBase(checkout, base, given, laid)
        self._last = change
        self._stopped = stopped
        self._stack = ExitStack()
        self.losses = 0
        self._start()

    def run(self, command: str, *, seconds: float) -> Ran:
        """Run `bash -c`; see the port."""
        began = time.monotonic()
        try:
            return self._run(command, seconds)
        except SandboxLost as problem:
            lost = problem.message
        self._restart()
        return Ran(
            output=f"[The sandbox was lost during this command: {lost}. It is open"
            " again, with the change as it was last taken.]",
            exit_code=None,
            timed_out=time.monotonic() - began >= seconds,
            restarted=True,
        )

    def read(self, path: str) -> bytes | None:
        if names.name_problem(path) is not None:
            return None
        with self._refuse_if_lost():
            problem, content = self._read([path])[0]
        if problem:
            raise EditFailed(f"`{path}` cannot be read: {problem}")
        return None if problem is None else content

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a file; see the port."""
        if problem := names.name_problem(path):
            shown = path.encode("unicode_escape").decode()[:200]
            raise EditFailed(f"`{shown}` cannot be written: {problem}")
        with self._refuse_if_lost():
            problem = self._edit("write", content, path=path, executable=None)
        if problem:
            raise EditFailed(f"`{path}` cannot be written: {problem}")

    def take(self, include: tuple[str, ...] = ()) -> Taken:
        """Return what differs from the base; see the port."""
        try:
            taken = self._take(include)
        except SandboxLost:
            self._restart()
            taken = self._take(include)
        self._last = taken.change
        return taken

    def close(self) -> None:
        self._stack.close()

    # --- what is asked of the runner -----------------------------------------------------------

    def _run(self, command: str, seconds: float) -> Ran:
        kills = self._sandbox.count_memory_kills()

        def judge(answer: Answer) -> Ran:
            limit, output = answer.facts["limit"], answer.output
            hit = limit
            if hit is None and self._sandbox.count_memory_kills() > kills:
                hit = "memory"
            if hit not in (None, "time"):
                output = f"{output.rstrip()}\n[The limit on {hit} was reached.]"
            code = answer.facts["exit_code"]
            return Ran(output=output, exit_code=code, timed_out=limit == "time")

        late = seconds + _GRACE_SECONDS
        return self._ask(
            judge,
            "run",
            patience=late,
            arguments=(command,),
            seconds=seconds,
            **_PLAIN,
        )

    def _read(self, paths: list[str]) -> list[tuple[str | None, bytes]]:
        """Read files, each with its problem: None where there is no such file, "" for none."""

        def pair(answer: Answer) -> list[tuple[str | None, bytes]]:
            return list(zip(answer.facts["problems"], answer.contents, strict=True))

        return self._ask(pair, "read", paths=paths, most_bytes=change_collection.MOST_FILE_BYTES)

    def _edit(self, operation: str, content: bytes = b"", **fields: Any) -> str:
        return self._ask(lambda answer: str(answer.facts["problem"]), operation, content, **fields)

    def _take(self, include: tuple[str, ...]) -> Taken:
        entries, is_cut = self._ask(_read_entries, "look")
        return change_collection.collect_change(
            entries, self._fetch, self._ground, include=include, is_cut=is_cut
        )

    def _fetch(self, entries: Sequence[change_collection.Entry]) -> dict[str, bytes | None]:
        paths = [entry.path for entry in entries]
        found = self._read(paths) if paths else []
        return {
            path: content if problem == "" else None
            for path, (problem, content) in zip(paths, found, strict=True)
        }

    def _ask(
        self,
        read: Callable[[Answer], _Read],
        operation: str,
        content: bytes = b"",
        *,
        patience: float = _FILE_SECONDS,
        **fields: Any,
    ) -> _Read:
        """Send a request and read its answer; one of the wrong form means a lost sandbox."""
        answer = self._sandbox.ask(
            operation, content, patience=patience, stopped=self._stopped, **fields
        )
        try:
            return read(answer)
        except (LookupError, RecursionError, TypeError, ValueError) as problem:
            raise SandboxLost("its answer cannot be read") from problem

    # --- the sandbox ---------------------------------------------------------------------------

    @contextmanager
    def _refuse_if_lost(self) -> Iterator[None]:
        """Refuse what cannot be done because the sandbox is lost: earlier edits went with it."""
        try:
            yield
        except SandboxLost as problem:
            self._restart()
            raise EditFailed(
                f"the sandbox was lost: {problem.message}. It is open again, with the change as it"
                " was last taken"
            ) from problem

    def _restart(self) -> None:
        self._stack.close()
        self.losses += 1
        self._start()

    def _start(self) -> None:
        with ExitStack() as stack:
            self._sandbox = self._open(stack)
            # Deletions first: a file may stand where a folder is.
            for file in sorted(self._last.files, key=lambda file: file.after is not None):
                if file.after is None:
                    problem = self._edit("delete", path=file.path)
                else:
                    mode = {"path": file.path, "executable": file.executable}
                    problem = self._edit("write", file.after, **mode)
                if problem:
                    raise EditFailed(f"`{file.path}` cannot be laid into the sandbox: {problem}")
            # Only what is whole stays open.
            self._stack = stack.pop_all()


def _read_entries(answer: Answer) -> tuple[list[change_collection.Entry], bool]:
    entries = [
        change_collection.Entry(str(path), change_collection.Kind(kind), int(size), bool(mode))
        for path, kind, size, mode in json.loads(answer.contents[0])
    ]
    return entries, bool(answer.facts["is_cut"])


# --- opening ---------------------------------------------------------------------------------

_FIRST_ON_PATH = f"{SANDBOX_HOME}/.local/bin"
_LENT = f"{SANDBOX_HOME}/.local/lent"
_OWN = f"{SANDBOX_HOME}/venv"
_RIPGREP = f"{SANDBOX_HOME}/.config/ripgrep"
#: Long lines fill an answer with what nobody reads; .github and its kin are part of the code.
_RIPGREP_LINES = b"--max-columns=400\n--max-columns-preview\n--hidden\n--glob=!.git\n"


class SessionFactory:
    """Opens a sandbox for each session; which kind that is, is found out with the first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sandbox = sandboxes.ChosenSandbox(settings)

    def open(self, opened: Opened, change: Change, stopped: Flag | None = None) -> Session:
        """Lay out base and change; see the port."""
        folder = self._settings.home / "trees" / opened.run.run_id
        base = worktree.open_tree(opened.checkout, folder / "base")
        order = (
            self._order(opened, base) if isinstance(opened, Prepared) else self._order_bare(base)
        )
        return self.start(order, opened.checkout, base, change, stopped)

    def open_set_up(
        self,
        prepared: Prepared,
        outlet: Outlet,
        environ: dict[str, str],
        stopped: Flag | None = None,
    ) -> Session:
        """Lay out the base with an environment that can be installed into; see the port."""
        folder = self._settings.home / "trees" / prepared.run.run_id
        base = worktree.open_tree(prepared.checkout, folder / "base")
        empty = Change(base_commit=prepared.checkout.commit, files=())
        order = self._order(prepared, base)
        given = {**order.environ, **environ, "VIRTUAL_ENV": _OWN, "UV_PROJECT_ENVIRONMENT": _OWN}
        python = prepared.environment.interpreter
        given["PATH"] = (
            f"{_OWN}/bin:{uv_program.FOLDER}:{sandbox_requests.SYSTEM_PATH}:{posixpath.dirname(python)}"
        )
        given.pop("PYTHONPATH", None)
        order = order.model_copy(update={"environ": given, "outlet": outlet})
        session = self.start(order, prepared.checkout, base, empty, stopped)
        session.run(f"uv venv --quiet --seed --python {shlex.quote(python)} {_OWN}", seconds=120)
        return session

    def start(
        self,
        order: SandboxRequest,
        checkout: Checkout,
        base: WorkTree,
        change: Change,
        stopped: Flag | None = None,
    ) -> Session:
        def opened(stack: ExitStack) -> RunningSandbox:
            return self._sandbox.open_session(order, checkout, stack, stopped)

        inside = f"{SANDBOX_TREE}/"
        laid = {
            file.path.removeprefix(inside): file.content
            for file in order.files
            if file.path.startswith(inside)
        }
        return Session(opened, base, checkout, change, laid=laid, stopped=stopped)

    def _order_bare(self, base: WorkTree) -> SandboxRequest:
        """Show the tree and git on it, before there is an environment."""
        order = SandboxRequest(
            argv=("bash", "-c"),
            environ={"PATH": sandbox_requests.SYSTEM_PATH},
            tree=str(base.folder),
            limits=check.get_granted_limits(self._settings),
        )
        return sandbox_requests.add_git(order, base.folder)

    def _order(self, prepared: Prepared, base: WorkTree) -> SandboxRequest:
        """Say what the sandbox shows: the environment, and git on one commit."""
        environment, config = prepared.environment, prepared.contract.config
        programs = _stand_in(environment)
        environ = {**sandbox_services.variables(environment.services), **config.env}
        first = environ.get("PYTHONPATH")
        environ |= {
            "RIPGREP_CONFIG_PATH": _RIPGREP,
            "PYTHONPATH": f"{_LENT}:{first}" if first else _LENT,
        }
        if config.django.settings:
            environ["DJANGO_SETTINGS_MODULE"] = config.django.settings
        order = sandbox_requests.make_request(
            environment,
            base.folder,
            ("bash", "-c"),
            environ=environ,
            limits=check.get_granted_limits(self._settings),
            files=programs,
        )
        if "PATH" not in config.env:
            path = f"{_FIRST_ON_PATH}:{order.environ['PATH']}"
            order = order.model_copy(update={"environ": {**order.environ, "PATH": path}})
        order = sandbox_requests.add_uv(order, environment.interpreter, self._settings)
        return sandbox_services.add_services(order, environment.services)


def _stand_in(environment: Environment) -> tuple[SandboxFile, ...]:
    """Have the tools that the gate runs called, not those that the PATH would lead to."""
    programs = {tool: f"{SANDBOX_TOOLS}/{tool}/bin/{tool}" for tool, _ in environment.tools}
    if "mypy" in environment.versions:
        programs.pop("mypy", None)
    else:
        program = programs.get("mypy", f"{SANDBOX_GATE}/bin/mypy")
        programs["mypy"] = f"{program} --python-executable {sandbox_requests.PYTHON}"
    if "pip" not in environment.versions:
        # That of the system speaks of the system's packages.
        programs |= dict.fromkeys(("pip", "pip3"), f"{uv_program.PATH} --offline --no-config pip")
    files = {
        f"{_FIRST_ON_PATH}/{tool}": f'#!/bin/sh\nexec {program} "$@"\n'.encode()
        for tool, program in sorted(programs.items())
    }
    lending = resources.files("agent.sandbox").joinpath("sandbox_scripts", "lend_tools.py")
    files |= {_RIPGREP: _RIPGREP_LINES, f"{_LENT}/sitecustomize.py": lending.read_bytes()}
    return tuple(SandboxFile(path=path, content=content) for path, content in files.items())
