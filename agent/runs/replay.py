"""Replay a run from its ledger: recorded model replies, everything else for real.

The ledger answers each request to a model; tools and checks run again. The change after each turn,
the patch and the text must be the same, except for durations and addresses in memory. No key is
needed. A run of an issue uses a simulated GitHub. Files are written only below `replays` in the
data folder and in its caches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from agent.errors import LedgerUnusable, TimeSpent
from agent.git import folders, worktree
from agent.models.chat import CallResults, ChatRequest, Reply, Role, Worst
from agent.models.environment import Checkout
from agent.models.outcome import Outcome
from agent.models.record import Record
from agent.models.run import Reason, Run
from agent.models.sandbox import Flag
from agent.runs import executor
from agent.services import Execution, Places, Services, make_redactor
from agent.settings import Settings
from agent.steps import Steps, Watcher, result_adapter
from agent.telemetry import run_log
from agent.telemetry.ledger import Ledger
from agent.telemetry.run_recording import Recording
from agent.text import measured
from agent.text.redaction import REMOVED

T = TypeVar("T")
Say = Callable[[str], None]

_UNBOUNDED = 10**9
#: What people, GitHub and the settings of then have said.
_GIVEN = frozenset({
    "read ticket", "triage", "earlier", "onboard", "propose configuration", "known set-up",
    "approval",
})  # fmt: skip
#: Texts name a commit by all of its digits, or by so many.
_LENGTHS = (64, 12)
_SAME = "It came to the same end, with the same patch and the same text."


class Report(Record):
    """What became of a replay."""

    run_id: str
    same: bool
    """Whether everything came out as it did, by a ledger that is whole."""
    sentence: str
    turns: int
    """Replies that were given again."""
    problems: tuple[str, ...]
    """Where the ledger is not as it was written."""
    folder: str
    """What the replay has left."""


class Differs(BaseException):
    """The run does not go as it went before. No stage may take it for an error of its own."""


class RecordedModels:
    """The models of one run that is carried out again; implements `ChatModel`."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.at = ""
        """The turn that is asked for next, as in `edit 1 2`."""
        self.answered = 0
        """Requests that were answered so far."""

    def list_chain(self, role: Role) -> tuple[str, ...]:
        for turn in self._recording.turns.values():
            if turn.role == role:
                return turn.model_chain
        terms = self._recording.results.get("terms") or {}
        triage = self._recording.results.get("triage") or {}
        roles = terms.get("roles") or (["editor"] if triage.get("recipe") == "" else [])
        return ("recorded",) if role in roles else ()

    def explain_missing(self, role: Role) -> str:
        return ""

    def estimate_worst(self, request: ChatRequest) -> Worst:
        return Worst(tokens=0, usd=0.0)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Callable[[str], None] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Answer as it was answered, at once: how much time was left then says nothing of now.

        Raises:
            Differs: There is no whole reply on record.
        """
        turn = self._recording.turns.get(self.at)
        if turn is None or turn.reply is None:
            raise Differs(f"the record ends before {self.at}")
        reply = turn.reply
        # What only the provider reads is sent to nobody here.
        words = (reply.text, *(call.arguments for call in reply.calls))
        if turn.redacted and any(REMOVED in text for text in words):
            raise Differs(f"the record ends at {self.at}: a secret was taken out of the reply")
        self.answered += 1
        return reply


class _ReplayedSteps(Steps):
    """Steps that take from the record what cannot be done anew, and compare what models have done.

    How long it took then, and who let it go on, says nothing of this machine.
    """

    def __init__(
        self,
        ledger: Ledger,
        log: run_log.RunLog,
        watcher: Watcher,
        *,
        max_minutes: int,
        recording: Recording,
        models: RecordedModels,
        base: Checkout,
    ) -> None:
        super().__init__(
            ledger, log, watcher, max_minutes=max_minutes, budget_multiplier=_UNBOUNDED
        )
        self._recording, self._models, self._base = recording, models, base

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Do the work as any step does, or give what it gave then."""

        @wraps(work)
        def again(*args: Any) -> T:
            if name == "checkout":
                return cast(T, self._base)
            given = name in _GIVEN
            problem = self._recording.failure(name)
            if problem and (given or name.endswith(" reply") or isinstance(problem, TimeSpent)):
                raise problem
            if given and name in self._recording.results:
                kept = json.dumps(self._recording.results[name])
                return result_adapter(work).validate_json(kept)
            self._models.at = name.rpartition(" ")[0]
            result = work(*args)
            if isinstance(result, CallResults) and result.change is not None:
                self._compare_change(result.change.digest)
            return result

        return super().__call__(name, again, *args)

    def _compare_change(self, digest: str) -> None:
        """What a shell prints may hang on anything; what it makes of the files may not."""
        turn = self._recording.turns.get(self._models.at)
        if turn is None or turn.change is None:
            raise Differs(f"the record ends before the calls of {self._models.at}")
        if turn.change != digest:
            raise Differs(f"the calls of {self._models.at} make another change")


def run_again(
    recording: Recording,
    settings: Settings,
    compose: Callable[[Settings, Run, RecordedModels, Execution], Services],
    watcher: Watcher,
    say: Say,
    *,
    repository: str | None = None,
) -> Report:
    """Carry a run out again.

    Args:
        compose: Makes the services of the run, with the models of then.
        repository: Folder of a clone that has the base commit; None: where it was then.

    Raises:
        LedgerUnusable: The run is a follow-up, had no code yet, or the code is nowhere to be had.
        SettingsInvalid: The operator's settings are wrong.
        KeyboardInterrupt: It was interrupted, so nothing can be said.
    """
    run = recording.run
    then = _require_replayable(recording)
    folder = settings.home / "replays" / run.run_id
    folders.delete_folder(folder)
    # Tickets, diffs and logs are nobody else's business.
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    folder.mkdir(mode=0o700)
    bounded = {"model_usd": _UNBOUNDED, "model_tokens": None}
    roles = ("model", "model_editor", "model_reviewer")
    nobody = dict.fromkeys((*roles, "model_allow"), ())
    free = settings.model_copy(update={**bounded, **nobody, "dashboard_url": None})
    base = _make_checkout(then, free, folder, repository, local=run.snapshot is None)
    with _make_recorded_code_host(recording, free, folder, base) as (again, led):
        redactor = make_redactor(led)
        models = RecordedModels(recording)
        log = run_log.RunLog(folder / "run.log", redactor)
        ledger = Ledger(folder / "ledger.jsonl", run.run_id)
        execution = Execution(
            say=say,
            redactor=redactor,
            record=ledger.make_appender("model", within=True),
            seal=lambda **facts: recording.seal,
            budget_multiplier=_UNBOUNDED,
            places=Places(runs=folder.parent, set_ups=folder, log=recording.log),
        )
        services = compose(led, again, models, execution)
        step = _ReplayedSteps(
            *(ledger, log, watcher),
            max_minutes=led.max_minutes,
            recording=recording,
            models=models,
            base=base,
        )
        try:
            outcome = executor.carry_out(again, step, services, ledger, log)
        except Differs as problem:
            difference = str(problem)
        else:
            if outcome.reason is Reason.INTERRUPTED:
                # The run's own interruption is where its record ends, so this one is of now.
                raise KeyboardInterrupt
            difference = _find_difference(recording, outcome)
    sentence = f"Not the same: {difference}." if difference else _SAME
    return Report(
        run_id=run.run_id,
        same=not difference and not recording.problems,
        sentence=sentence,
        turns=models.answered,
        problems=recording.problems,
        folder=str(folder),
    )


def _require_replayable(recording: Recording) -> Checkout:
    """Return the base commit of the run; refuse a run that cannot be carried out again."""
    run = recording.run
    if run.follow_up is not None:
        raise LedgerUnusable(
            f"{run.run_id} is a follow-up of pull request #{run.follow_up.pull}; only runs that"
            " begin with a ticket can be replayed so far. The run that opened the pull request is"
            f" {run.follow_up.of}."
        )
    if "checkout" not in recording.results:
        raise LedgerUnusable(f"{run.run_id} ended before it had code; there is nothing to replay.")
    if run.snapshot is not None and recording.redacted:
        raise LedgerUnusable(
            "The run cannot be replayed: a secret was removed from the issue's text before it was"
            " recorded."
        )
    return Checkout.model_validate(recording.results["checkout"])


def _make_checkout(
    then: Checkout, settings: Settings, folder: Path, repository: str | None, *, local: bool
) -> Checkout:
    """Have the base commit in a mirror, and a repository of its own for what comes out."""
    mirror = then.mirror
    if repository is not None or not worktree.has_commit(mirror, then.commit):
        source = repository or (then.repository if local else None)
        if source is None:
            raise LedgerUnusable(
                f"The code of the run is not on this machine: commit {then.commit} of"
                f" {then.repository}. Name a clone that has it with --repo DIR."
            )
        mirror = worktree.prepare_checkout(source, then.commit, settings.home / "mirrors").mirror
    base = then.model_copy(update={"mirror": mirror, "repository": str(folder / "code.git")})
    worktree.copy_repository(base, folder / "code.git", base.base_branch or "main")
    return base


@contextmanager
def _make_recorded_code_host(
    recording: Recording, settings: Settings, folder: Path, base: Checkout
) -> Iterator[tuple[Run, Settings]]:
    """Stand in for GitHub where the run was of an issue."""
    run = recording.run
    if run.snapshot is None:
        yield run, settings
        return
    from agent.demo.stand_in import standing_in

    config = (recording.results.get("read config") or {}).get("config") or {}
    labels = dict.fromkeys((*run.snapshot.labels, config.get("label") or settings.label))
    where = folder / "github"
    with standing_in(run, tuple(labels), Path(base.repository), settings, where) as stand_in:
        yield stand_in


def _find_difference(recording: Recording, now: Outcome) -> str:
    """Say in what the end of the replay differs from that of the run; empty: in nothing."""
    then = recording.outcome
    if then is None:
        return "the ledger has no end to compare with"
    if now.reason is not then.reason:
        return (
            f"it ended as {then.reason.value} ({then.sentence}) then, and as {now.reason.value}"
            f" ({now.sentence}) now"
        )
    if now.change_digest != then.change_digest:
        return "the patch is another one"
    text, before = now.pull_request_text or "", recording.text or ""
    if now.commit and then.commit:
        # Here another account commits the same patch.
        for length in _LENGTHS:
            text = text.replace(now.commit[:length], then.commit[:length])
    if measured.mask_measured(text) != measured.mask_measured(before):
        return "the text differs"
    return ""
