"""Open sessions of the kind that the settings ask for."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING

from agent.checks import check
from agent.environments import sandbox_requests, sandbox_services
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.environment import Checkout, Environment, Prepared
from agent.models.sandbox import (
    SANDBOX_GATE,
    SANDBOX_TOOLS,
    SANDBOX_TREE,
    Flag,
    SandboxFile,
    SandboxRequest,
)
from agent.sandbox import sandboxes
from agent.sandbox.bubblewrap import session as bubblewrap
from agent.sandbox.runner_client import RunnerClient
from agent.sandbox.runtime import layout
from agent.sandbox.session import Session
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.sandbox.docker.engine import Engine

_FIRST_ON_PATH = f"{layout.HOME}/.local/bin"


class SessionFactory:
    """Opens a sandbox for each session; which kind that is, is found out with the first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._choosing = Lock()
        self._kind: sandboxes.Kind | None = None
        self._engine: Engine | None = None

    def open(self, prepared: Prepared, change: Change, stopped: Flag | None = None) -> Session:
        """Lay out base and change; see the port."""
        folder = self._settings.home / "trees" / prepared.run.run_id
        base = worktree.open_tree(prepared.checkout, folder / "base")
        return self.start(self._order(prepared, base), prepared.checkout, base, change, stopped)

    def start(
        self,
        order: SandboxRequest,
        checkout: Checkout,
        base: WorkTree,
        change: Change,
        stopped: Flag | None = None,
    ) -> Session:
        """Open what is ordered around a base."""
        self._choose()

        def opened(stack: ExitStack) -> RunnerClient:
            if self._engine is None:
                return bubblewrap.open_conversation(order, checkout, self._settings, stack, stopped)
            from agent.sandbox.docker import session as docker

            return docker.open_conversation(order, self._engine, self._settings, stack, stopped)

        inside = f"{SANDBOX_TREE}/"
        laid = {
            file.path.removeprefix(inside): file.content
            for file in order.files
            if file.path.startswith(inside)
        }
        return Session(opened, base, checkout, change, laid=laid, stopped=stopped)

    def _order(self, prepared: Prepared, base: WorkTree) -> SandboxRequest:
        """Say what the sandbox shows: the environment, and git on one commit."""
        environment, config = prepared.environment, prepared.contract.config
        programs = _stand_in(environment)
        environ = {**sandbox_services.variables(environment.services), **config.env}
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
        if programs and "PATH" not in config.env:
            path = f"{_FIRST_ON_PATH}:{order.environ['PATH']}"
            order = order.model_copy(update={"environ": {**order.environ, "PATH": path}})
        return sandbox_services.add_services(order, environment.services, environment.interpreter)

    def _choose(self) -> None:
        """Find out the kind once, and remove what killed processes left of it."""
        with self._choosing:
            if self._kind is not None:
                return
            kind = sandboxes.choose_kind(self._settings)
            sandboxes.remove_strays(self._settings)
            if kind == "docker":
                from agent.sandbox.docker import engine

                self._engine = engine.connect_to_engine(self._settings)
            self._kind = kind


def _stand_in(environment: Environment) -> tuple[SandboxFile, ...]:
    """Call the tools that the gate runs in place of those that the PATH would lead to."""
    programs = {tool: f"{SANDBOX_TOOLS}/{tool}/bin/{tool}" for tool, _ in environment.tools}
    if any(package.startswith("mypy==") for package in environment.packages):
        programs.pop("mypy", None)
    else:
        program = programs.get("mypy", f"{SANDBOX_GATE}/bin/mypy")
        programs["mypy"] = f"{program} --python-executable {sandbox_requests.PYTHON}"
    return tuple(
        SandboxFile(
            path=f"{_FIRST_ON_PATH}/{tool}", content=f'#!/bin/sh\nexec {program} "$@"\n'.encode()
        )
        for tool, program in sorted(programs.items())
    )
