"""The clients a stage may be given, and the folders of one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.environments import build as environments
from agent.environments import distributions, storage
from agent.environments.assembly import PROJECT
from agent.errors import RequestRefused
from agent.git import worktree
from agent.models.chat_model import ChatModel
from agent.models.environment import Environment, Prepared
from agent.models.forge import Forge, Pulls
from agent.models.outcome import StoredRun
from agent.models.package_index import PackageIndex
from agent.models.polling import OtherRun
from agent.models.run import Run
from agent.models.sandbox import Flag, Sandbox, Sessions
from agent.models.ticket import Guidance
from agent.settings import Settings
from agent.text.redaction import Redactor

#: Why a run on this machine does not get there.
ELSEWHERE = "Only the service on GitHub goes on with pull requests."


@dataclass(frozen=True)
class Services:
    """What stages work with; put together in `agent.wiring`."""

    settings: Settings
    forge: Forge
    sandbox: Sandbox
    index: PackageIndex
    say: Callable[[str], None]
    """Tells whoever watches one line of progress, or one that a check prints; any thread."""
    redactor: Redactor = field(default_factory=Redactor)
    """Takes secrets out of every text that leaves."""
    stopped: Flag = field(default_factory=threading.Event)
    """Set once the run is to stop; whatever takes more than a second looks at it."""
    sessions: Sessions | None = None
    """Opens what a model works in; None where no model does."""
    models: ChatModel | None = None
    """None: no model is configured."""
    bound: Callable[[float], None] = lambda usd: None
    """Told the dollars that the run may spend once the repository's own limit is known: requests
    that get no reply count against them too."""
    grants: int = 1
    """So often somebody let the run begin or go on; each time it may spend as much on models."""
    record: Callable[[str, Mapping[str, object]], None] = lambda kind, facts: None
    """Writes kind and facts of what models and their tools did into the run's ledger; redacted by
    whoever calls."""
    others: Callable[[Run], tuple[OtherRun, ...]] = lambda run: ()
    """Lists the runs of other issues of the run's repository that are not over or have opened a
    pull request, newest first; nothing where nobody keeps them."""
    hear: Callable[[str], None] | None = None
    """Told what a model writes and calls, as it comes: foreign words, any thread."""
    pulls: Pulls | None = None
    """Pull requests of ours after they were opened; None: there is no forge."""
    history: Callable[[Run], tuple[StoredRun, ...]] = lambda run: ()
    """Of a follow-up: the run that opened the pull request, then its earlier follow-ups."""
    earlier: Callable[[Run], int | None] = lambda run: None
    """Number of the pull request of the run's issue that was opened before and is not known to be
    merged, the newest; None: there is none, or nobody keeps them."""
    guidance: Callable[[Run], tuple[Guidance, ...]] = lambda run: ()
    """What people have said to the run since its text was approved."""
    runs: Path | None = None
    """Folder of the runs' folders; None: `runs` below the data folder."""
    set_ups: Path | None = None
    """Folder in which what set base's tests up is kept for the next run; None: the data folder."""
    log_told: str = ""
    """Where people are told that the log is, of a run that is done again; empty: where it is."""

    def environment(self, prepared: Prepared) -> Environment:
        """Give the run's environment, also where another process had it built.

        Raises:
            CacheGone: It cannot be had as it was; the run goes on with the step that makes it.
        """
        known, stored = prepared.environment, storage.ready(self.settings, "")
        wants_more = prepared.contract.project.uses_pyright and not known.type_checker_path
        parts = (known.key, *(Path(layer.folder).name for layer in known.layers))
        held = all(storage.is_held(self.settings, key) for key in parts) and not wants_more
        if held or not Path(known.path).is_relative_to(stored):
            return known
        tree = self.base_folder(prepared.run)
        worktree.open_tree(prepared.checkout, tree)
        request = self._request(prepared, tree)
        return environments.again(request, known, self.sandbox, self.index, self.settings, self.say)

    def environment_of_change(self, prepared: Prepared, declared: tuple[str, ...]) -> Environment:
        """Give the environment that the files of the change declare, laid out as head.

        What base has stays as it is where the change allows it, the test tools among the rest.

        Args:
            declared: Requirements that are not those of base. A lock that does not meet them is not
                installed as it is.

        Raises:
            EnvironmentFailed: It cannot be built; the resolver's or builder's own words are in it.
        """

        def ensure(**more: object) -> Environment:
            request = self._request_of_change(prepared).model_copy(
                update={"known": prepared.environment.packages, **more}
            )
            return environments.ensure(request, self.sandbox, self.index, self.settings, self.say)

        built = ensure()
        if not (unmet := distributions.find_unmet(declared, built)):
            return built
        # What no environment has is of an extra or a group that is not installed.
        without = ensure(behind=", ".join(unmet))
        lacking = set(unmet) - {*distributions.find_unmet(declared, without)}
        refusal = ", ".join(one for one in unmet if one in lacking)
        return without.model_copy(update={"refusal": refusal}) if lacking else built

    def environment_set_up(self, prepared: Prepared) -> Environment:
        """Give the environment with what set-up makes of the change, laid out as head.

        Raises:
            EnvironmentFailed: A command fails, or reaches a limit.
        """
        request = self._request_of_change(prepared)
        return environments.set_up(request, self.sandbox, self.index, self.settings, self.say)

    def updated_lock(self, prepared: Prepared) -> dict[str, bytes]:
        """Have uv bring the uv.lock of the change up to date, laid out as head; by its path.

        Raises:
            EnvironmentFailed: It cannot; uv's own words are in it.
        """
        request = self._request(prepared, self.head_folder(prepared.run))
        return environments.update_lock(request, self.sandbox, self.index, self.settings, self.say)

    def _request_of_change(self, prepared: Prepared) -> environments.EnvironmentRequest:
        request = self._request(prepared, self.head_folder(prepared.run))
        base = self.environment(prepared)
        setup = request.setup.model_copy(update={"base": base})
        needs = not any(one.startswith(f"{PROJECT}: ") for one in base.left_out)
        return request.model_copy(update={"setup": setup, "needs_project": needs})

    def _request(self, prepared: Prepared, tree: Path) -> environments.EnvironmentRequest:
        request = environments.EnvironmentRequest.of(prepared.contract, prepared.checkout, tree)
        return request.model_copy(update={"python": prepared.environment.section})

    def run_folder(self, run: Run) -> Path:
        """Folder that keeps the run's text, log and ledger."""
        return (self.runs or self.settings.home / "runs") / run.run_id

    def log_place(self, run: Run) -> str:
        """Where people find the full log: an address if there is one, else the file."""
        if self.log_told:
            return self.log_told
        if self.settings.public_url and run.snapshot:
            return f"{self.settings.public_url}/runs/{run.run_id}/log"
        return str(self.run_folder(run) / "run.log")

    def base_folder(self, run: Run) -> Path:
        """Work tree of the base commit: a cache, gone after the run, never written to."""
        return self.settings.home / "trees" / run.run_id / "base"

    def head_folder(self, run: Run) -> Path:
        """Work tree that holds the change: a cache as well, rebuilt from commit and Change."""
        return self.settings.home / "trees" / run.run_id / "head"


def pulls_of(svc: Services) -> Pulls:
    """Return the way to pull requests that are open.

    Raises:
        RequestRefused: There is none here.
    """
    if svc.pulls is None:
        raise RequestRefused(ELSEWHERE)
    return svc.pulls
