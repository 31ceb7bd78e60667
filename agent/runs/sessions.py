"""The sandboxes for models: their content, and how they are opened."""

import posixpath
import shlex

from agent.checks import check
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.environment import OpenedRepository, Prepared
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_HOME,
    Flag,
    Outlet,
    SandboxFile,
    SandboxRequest,
)
from agent.sandbox.running import SandboxMaker
from agent.sandbox.session import Session
from agent.settings import Settings
from agent.setup import sandbox_requests, sandbox_services, uv_program

_OWN = f"{SANDBOX_HOME}/venv"
_RIPGREP = f"{SANDBOX_HOME}/.config/ripgrep"
#: Long lines fill a result with noise; .github and the like are part of the code.
_RIPGREP_LINES = b"--max-columns=400\n--max-columns-preview\n--hidden\n--glob=!.git\n"


class SessionFactory:
    def __init__(self, settings: Settings, sandbox: SandboxMaker) -> None:
        self._settings, self._sandbox = settings, sandbox

    def open(
        self, opened: OpenedRepository, change: Change, stopped: Flag | None = None
    ) -> Session:
        """Open a sandbox with the base commit, the change, and the environment if it is prepared.

        Args:
            stopped: Once it is set, commands in the session are ended within half a second.
        """
        folder = self._settings.home / "trees" / opened.run.run_id
        base = worktree.open_tree(opened.checkout, folder / "base")
        order = (
            self._order(opened, base) if isinstance(opened, Prepared) else self._order_bare(base)
        )
        order = replace(order, checkout=opened.checkout)
        return Session(self._sandbox, order, base, change, stopped)

    def open_set_up(
        self,
        prepared: Prepared,
        outlet: Outlet,
        environ: dict[str, str],
        stopped: Flag | None = None,
    ) -> Session:
        """Open a sandbox: base commit, empty environment, access to package indexes."""
        folder = self._settings.home / "trees" / prepared.run.run_id
        base = worktree.open_tree(prepared.checkout, folder / "base")
        empty = Change(base_commit=prepared.checkout.commit, files=())
        order = self._order(prepared, base)
        variables = {
            **order.environ,
            **environ,
            "VIRTUAL_ENV": _OWN,
            "UV_PROJECT_ENVIRONMENT": _OWN,
        }
        python = prepared.environment.interpreter.path
        variables["PATH"] = (
            f"{_OWN}/bin:{uv_program.FOLDER}:{sandbox_requests.SYSTEM_PATH}:{posixpath.dirname(python)}"
        )
        variables.pop("PYTHONPATH", None)
        order = replace(order, environ=variables, outlet=outlet, checkout=prepared.checkout)
        session = Session(self._sandbox, order, base, empty, stopped)
        session.run(f"uv venv --quiet --seed --python {shlex.quote(python)} {_OWN}", seconds=120)
        return session

    def _order_bare(self, base: WorkTree) -> SandboxRequest:
        order = SandboxRequest(
            argv=("bash", "-c"),
            environ={"PATH": sandbox_requests.SYSTEM_PATH},
            tree=str(base.folder),
            limits=check.get_granted_limits(self._settings),
        )
        return sandbox_requests.add_git(order, base.folder)

    def _order(self, prepared: Prepared, base: WorkTree) -> SandboxRequest:
        environment, config = prepared.environment, prepared.contract.config
        environ = {**sandbox_services.variables(environment.services), **config.variables}
        order = sandbox_requests.make_request(
            environment,
            base.folder,
            ("bash", "-c"),
            environ={**environ, "RIPGREP_CONFIG_PATH": _RIPGREP},
            limits=check.get_granted_limits(self._settings),
            files=(SandboxFile(path=_RIPGREP, content=_RIPGREP_LINES),),
        )
        order = sandbox_requests.share_tools(order, environment, config.env)
        order = sandbox_requests.add_uv(order, environment.interpreter.path, self._settings)
        return sandbox_services.add_services(order, environment.services)
