"""Give stages their clients, and the folders of one run."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import secret_values
from agent.errors import SettingsInvalid
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.llm.budget import Budget
from agent.models.change import Change
from agent.models.chat import ChatModel
from agent.models.checks import CheckReport
from agent.models.code_host import CodeHost
from agent.models.environment import Environment, OpenedRepository, Prepared
from agent.models.outcome import EarlierPull, PastRun
from agent.models.record import replace
from agent.models.run import Run
from agent.models.run_facts import RunFacts
from agent.models.sandbox import Flag, Outlet, Sandbox
from agent.models.ticket import Guidance
from agent.sandbox.session import Session
from agent.settings import Settings
from agent.setup import build as environments
from agent.setup import storage
from agent.setup.lock_update import UpdatedLocks
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from agent.telemetry import signature
from agent.telemetry.private_files import write_private_file
from agent.telemetry.run_events import RunEvents
from agent.telemetry.signature import Seal
from agent.text.redaction import Redactor
from repo_config.compiled_requirements import CompiledFile

_REDACTED = ("github_token", "github_private_key", "webhook_secret", "signing_key")


class Sessions(Protocol):
    """Opens sandboxes for models, as `agent.runs.sessions` does. Raises SandboxMissing."""

    def open(
        self, opened: OpenedRepository, change: Change, stopped: Flag | None = None
    ) -> Session: ...

    def open_set_up(
        self,
        prepared: Prepared,
        outlet: Outlet,
        environ: dict[str, str],
        stopped: Flag | None = None,
    ) -> Session: ...


OpenedT = TypeVar("OpenedT", bound=OpenedRepository)


class Memory:
    """Lists records of this run and of others. This class has none; that of the store has them."""

    def list_history(self, run: Run) -> tuple[PastRun, ...]:
        """For a follow-up: list the run that opened the pull request, then earlier follow-ups."""
        return ()

    def list_earlier_pulls(self, run: Run) -> tuple[EarlierPull, ...]:
        """List the pull requests that earlier runs of the issue opened, the newest first."""
        return ()

    def list_guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """List what people have said to a run since the text of its ticket was approved."""
        return ()


@dataclass(frozen=True)
class Desk:
    """The clients that stages use; made once for each execution of a run, in `agent.wiring`."""

    settings: Settings
    code_host: CodeHost
    sandbox: Sandbox
    index: PackageIndex
    say: Callable[[str], None]
    """Called with a line of progress, or of a check's output; from any thread."""
    sessions: Sessions | None = None
    """Opens sandboxes for models; None: no model is used."""
    models: ChatModel | None = None
    """None: no model is configured."""
    redactor: Redactor = field(default_factory=Redactor)
    stopped: Flag = field(default_factory=threading.Event)
    """Set when the run is to stop; work that takes more than a second checks it."""
    events: RunEvents = field(default_factory=RunEvents)
    signing_key: Ed25519PrivateKey | None = None
    """Signs the log of the run; None: there is no run."""
    grants: int = 1
    """How often the run has got its money and minutes: once, and again with each continuation."""
    facts: RunFacts = field(default_factory=RunFacts)
    memory: Memory = field(default_factory=Memory)

    @property
    def budget(self) -> Budget:
        return Budget(self.settings, self.grants)

    @property
    def has_editor(self) -> bool:
        return self.models is not None and bool(self.models.list_chain("editor"))

    def environment(self, prepared: Prepared) -> Environment:
        """Return the run's environment, also if another process built it.

        Raises CacheGone if it is gone and a new one would differ: then the run goes back to the
        step that builds it.
        """
        environment, stored = prepared.environment, storage.locate_environment(self.settings, "")
        wants_more = prepared.contract.project.node_tools - dict(environment.tools).keys()
        parts = (environment.key, *(Path(layer.folder).name for layer in environment.layers))
        if not Path(environment.path).is_relative_to(stored):
            return environment
        # Noting the use of each part keeps all of them from being removed during the run.
        if all(storage.note_use(self.settings, key) for key in parts) and not wants_more:
            return environment
        request = self._request(prepared, self.open_base(prepared).folder)
        return environments.reuse_environment(
            request, environment, self.sandbox, self.index, self.settings, self.say
        )

    def provide(self, opened: OpenedT) -> OpenedT:
        """Provide the environment of a prepared base on this machine; see `environment`."""
        if not isinstance(opened, Prepared):
            return opened
        return replace(opened, environment=self.environment(opened))

    def environment_of_change(
        self, prepared: Prepared, requirements: tuple[str, ...] = ()
    ) -> Environment:
        """Return the environment of the change in the head folder, built by base's set-up lines.

        `requirements` are those that the change adds or edits.
        """
        request = self._request(prepared, self.head_folder(prepared.run))
        request = replace(request, base=self.environment(prepared), newer=requirements)
        return environments.ensure_environment(
            request, self.sandbox, self.index, self.settings, self.say
        )

    def update_locks(self, prepared: Prepared, stale: Sequence[CompiledFile]) -> UpdatedLocks:
        """Update the locks of the head folder with their own tools.

        `stale`: requirements to compile. Raises EnvironmentFailed if the lock cannot be updated.
        """
        request = self._request(prepared, self.head_folder(prepared.run))
        return environments.update_locks(
            request, stale, self.sandbox, self.index, self.settings, self.say
        )

    def _request(self, prepared: Prepared, tree: Path) -> EnvironmentRequest:
        return EnvironmentRequest.from_tree(prepared.contract, prepared.checkout, tree)

    def open_base(self, base: OpenedRepository) -> WorkTree:
        """Open the work tree of the base commit; a continued run may have to create it again."""
        return worktree.open_tree(base.checkout, self.base_folder(base.run))

    def lay_out_head(self, base: OpenedRepository, change: Change | None = None) -> WorkTree:
        """Create the work tree of the base commit with a change, in place of an earlier one."""
        tree = worktree.lay_out(base.checkout, self.head_folder(base.run), self.stopped)
        if change is not None:
            tree.replay(change)
        return tree

    @property
    def mirrors(self) -> Path:
        return self.settings.home / "mirrors"

    def create_token(self, run: Run, *, write: bool) -> str:
        """Get a token for git, for the run's repository alone; redacted in every text."""
        token = self.code_host.create_credential(run, write=write)
        self.redactor.learn(token)
        return token

    def run_folder(self, run: Run) -> Path:
        return self.settings.home / "runs" / run.run_id

    def sign_log(self, run: Run) -> Seal | None:
        """Sign the log of the run as it is now. Raises StorageFull."""
        if self.signing_key is None:
            return None
        return signature.sign_run(self.run_folder(run), self.signing_key)

    def store_file(self, run: Run, name: str, text: str) -> Path:
        """Write a file into the run's folder. Raises StorageFull."""
        place = self.run_folder(run) / name
        write_private_file(place, text)
        return place

    def store_report(self, run: Run, report: CheckReport) -> Path:
        """Write `checks-base.json` or `checks-head.json`, without secrets; may run twice."""
        kept = self.redactor.redact_record(report)
        # In ASCII, since the text may contain any character, and people may print the file.
        text = kept.model_dump_json(indent=1, ensure_ascii=True)
        return self.store_file(run, f"checks-{report.side}.json", text)

    def page(self, run: Run) -> str | None:
        """Return the page of the run on the dashboard; None: there is none."""
        address = self.settings.dashboard_url
        return f"{address}/runs/{run.run_id}" if address else None

    def log_place(self, run: Run) -> str:
        """Return the place of the full log: its page if there is one, else the file."""
        page = self.page(run)
        if page and run.snapshot:
            return f"{page}/log"
        return str(self.run_folder(run) / "run.log")

    def base_folder(self, run: Run) -> Path:
        """Return the folder of the base commit: a cache, gone after the run, never written to."""
        return self.settings.home / "trees" / run.run_id / "base"

    def head_folder(self, run: Run) -> Path:
        """Return the folder of the change: a cache as well, rebuilt from the commit and Change."""
        return self.settings.home / "trees" / run.run_id / "head"


Compose = Callable[..., Desk]
"""Makes the desk of one execution of a run; keywords are the parts that differ by run."""


def make_redactor(settings: Settings) -> Redactor:
    """Make the redactor that knows the operator's secrets, and removes them from every text."""
    redactor = Redactor()
    for name in _REDACTED:
        # A file that cannot be read is reported where it is used.
        with suppress(SettingsInvalid):
            if (secret := secret_values.read_secret(settings, name)) is not None:
                redactor.learn(secret.get_secret_value())
    with suppress(SettingsInvalid):
        for address in secret_values.read_addresses(settings):
            redactor.learn(address)
    with suppress(SettingsInvalid):
        for key in secret_values.model_keys().values():
            redactor.learn(key)
    with suppress(SettingsInvalid):
        parts = secret_values.DATABASE_URL.fullmatch(secret_values.find_database(settings) or "")
        if parts and parts["password"]:
            redactor.learn(unquote(parts["password"]))
    return redactor
