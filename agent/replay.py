"""Do a run again from its ledger: the same words of models, everything else for real.

Each request to a model is answered from the ledger if it is the very same, tools and checks run
anew, and what comes out has to be the same patch and the same text. No key is needed and nobody
is asked; a run of an issue meets a simulated GitHub. What is measured anew each time, durations
and addresses in memory, is left out of every comparison and taken from the record.

Nothing is written but below `replays` in the data folder, and its caches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from agent import measured, recorded, telemetry, worker, worktree
from agent.adapters.recorded_chat import Differs, RecordedModels, RecordEnds, difference, told
from agent.chat import Asked, ToolResult
from agent.domain import Change, Checkout, Outcome, Reason, Record, Run, Ticket
from agent.editing.asking import Turn
from agent.editing.called import Called, Opening
from agent.errors import LedgerUnusable, TimeSpent
from agent.ledger import Ledger
from agent.proposing import Decided
from agent.publishing import commits
from agent.recorded import Recording
from agent.redaction import Redactor
from agent.repository import folders
from agent.services import Services
from agent.settings import Settings
from agent.steps import Steps, Watcher

T = TypeVar("T")
Say = Callable[[str], None]

FOLDER = "replays"
"""Below the data folder."""
_UNBOUNDED = 10**9
#: Texts name a commit by so many digits, or by all.
_SHORT = 12


class Side(Record):
    """One thing, as it was recorded and as it is now."""

    recorded: str | None
    now: str | None
    measured: int = 0
    """Values in it that are measured anew each time and differ."""

    @property
    def same(self) -> bool:
        """Whether both are there and equal."""
        return self.now is not None and self.now == self.recorded


class Report(Record):
    """What became of a replay."""

    run_id: str
    ended: Literal["whole", "differs", "record ends"]
    sentence: str
    where: str = ""
    """Where it stopped, in words."""
    turns: int
    """Replies that were given again."""
    patch: Side
    """Digests of the change."""
    text: Side
    """sha256 of what was handed over with it, without what is measured."""
    problems: tuple[str, ...]
    """Where the ledger is not as it was written."""
    notes: tuple[str, ...] = ()
    """What the ledger cannot show, though nothing is wrong with it."""
    folder: str
    """What the replay has left."""
    next: str = ""
    """What to do about it."""

    @property
    def same(self) -> bool:
        """Whether everything came out as it did, by a ledger that is whole."""
        return self.ended == "whole" and not self.problems


class _Again(Steps):
    """Steps that are held against the record, each where it happens."""

    def __init__(
        self,
        ledger: Ledger,
        log: telemetry.RunLog,
        watcher: Watcher,
        *,
        max_minutes: int,
        recording: Recording,
        models: RecordedModels,
        given: dict[str, object],
        redactor: Redactor,
    ) -> None:
        # How long it took then, and who let it go on, says nothing of this machine.
        super().__init__(ledger, log, watcher, max_minutes=max_minutes, grants=_UNBOUNDED)
        self._recording, self._models = recording, models
        self._given = given
        self._redactor = redactor

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Do the work as any step does, and hold it against what it did then."""

        @wraps(work)
        def again(*args: Any) -> T:
            if name in self._given:
                return cast(T, self._given[name])
            if name == "triage" and (problem := self._recording.failure(name)) is not None:
                # It goes by which models and keys were set then.
                raise problem
            if isinstance(problem := self._recording.failure(name), TimeSpent):
                # This machine is not asked for as many minutes.
                raise problem
            turn = next((one for one in args if isinstance(one, Turn)), None)
            if turn is not None and name.endswith(" reply"):
                self._models.expect(turn.conversation, turn.number)
            if (made := next((one for one in args if isinstance(one, Decided)), None)) is not None:
                _have_branches(self._recording, made.cleared.change, self.checkout)
            result = work(*args)
            if isinstance(result, Called) and turn is not None:
                before = next(one for one in args if isinstance(one, Change))
                return cast(T, self._held(result, before, turn))
            if isinstance(result, Opening):
                return cast(T, self._opened(result, name.removesuffix(" opening")))
            return result

        return super().__call__(name, again, *args)

    def changed(self, name: str) -> bool:
        """Go the way that the run went: by the steps that its record has."""
        step = {"onboarding": "onboard"}.get(name, name)
        return step in self._recording.digests or step in self._recording.failures

    def _held(self, called: Called, before: Change, turn: Turn) -> Called:
        """Hold the results of calls against those of then, and give those of then."""
        where = told(turn.conversation, turn.number)
        then = self._recording.turn(turn.conversation, turn.number)
        if then is None or then.work is None:
            raise RecordEnds(f"the calls of {where}")
        if len(then.work.results) != len(called.results):
            raise Differs(where, "another number of calls was answered")
        pairs = zip(called.results, then.work.results, strict=True)
        results = tuple(self._result(now, was, where) for now, was in pairs)
        if (called.change or before).digest != then.work.change_digest:
            raise Differs(where, "the files are others after its calls")
        if then.work.altered:
            # What is measured anew is not compared, so a byte of that is seen by the chain alone.
            raise Differs(where, "its line in the ledger is not the one that was written")
        # What was objected is said to the model as a result.
        words = {now.content: one.content for now, one in zip(called.results, results, strict=True)}
        objections = tuple(
            one.model_copy(update={"text": words.get(one.text, one.text)})
            for one in called.objections
        )
        return called.model_copy(update={"results": results, "objections": objections})

    def _result(self, now: ToolResult, was: ToolResult, where: str) -> ToolResult:
        if (now.call_id, now.name, now.failed) != (was.call_id, was.name, was.failed):
            raise Differs(where, f"its call {was.call_id} of {was.name} was answered otherwise")
        words = self._same(now.content, was.content, where, f"the result of {was.name}")
        return now.model_copy(update={"content": words})

    def _opened(self, now: Opening, conversation: str) -> Opening:
        then = self._recording.turn(conversation, 1)
        if then is None or then.question is None:
            return now
        first = next((one for one in then.question.messages if isinstance(one, Asked)), None)
        if first is None:
            return now
        where = told(conversation, 1)
        return Opening(text=self._same(now.text, first.text, where, "what is said to the model"))

    def _same(self, now: str, was: str, where: str, what: str) -> str:
        """Return a text with what was measured then.

        Raises:
            Differs: It says something else.
        """
        kept = self._redactor(now)
        if measured.masked(kept) != measured.masked(was):
            raise Differs(where, f"{what} differs{difference(was, measured.as_before(kept, was))}")
        return measured.as_before(now, was)


def run_again(
    recording: Recording,
    settings: Settings,
    make: Callable[[Settings, Run, Say], Services],
    watcher: Watcher,
    say: Say,
    *,
    repository: str | None = None,
    foreign: bool = False,
) -> Report:
    """Do a run again.

    Args:
        make: Makes the services of the run, without models.
        repository: Folder of a clone that has the base commit; None: where it was then.
        foreign: The ledger lies outside of the data folder, so the places it names are not used.

    Raises:
        LedgerUnusable: The run is a follow-up, the ledger does not tell enough, or the code is
            nowhere to be had.
        SettingsInvalid: The operator's settings are wrong.
        KeyboardInterrupt: It was interrupted, so nothing can be said.
    """
    run = recording.run
    if run.follow_up is not None:
        raise LedgerUnusable(
            f"{run.run_id} is a follow-up of pull request #{run.follow_up.pull}; only runs that"
            " begin with a ticket can be replayed so far. The run that opened the pull request is"
            f" {run.follow_up.of}."
        )
    folder = settings.home / FOLDER / run.run_id
    folders.delete(folder)
    # Tickets, diffs and logs are nobody else's business.
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    folder.mkdir(mode=0o700)
    bounded = {"model_usd": _UNBOUNDED, "model_tokens": None, "model_calls": _UNBOUNDED}
    roles = ("model", "model_planner", "model_editor", "model_reviewer", "model_judge")
    nobody = dict.fromkeys((*roles, "model_routes", "model_allow"), ())
    free = settings.model_copy(update={**bounded, **nobody, "public_url": None})
    base = _code(recording, free, folder, repository, foreign=foreign)
    given: dict[str, object] = {"checkout": base} if base else {}
    for name in ("read ticket", "earlier"):
        if (ticket := recorded.result(recording, name, Ticket)) is not None:
            given[name] = ticket
    for name in ("onboard", "approval"):
        # What people have answered then.
        if name in recording.results:
            given[name] = recording.results[name]
    with _forge(recording, free, folder, base) as (again, led):
        services = make(led, again, say)
        models = RecordedModels(recording, services.redactor)
        services = replace(
            services,
            models=models,
            grants=_UNBOUNDED,
            runs=folder.parent,
            log_told=recording.log,
        )
        log = telemetry.RunLog(folder / "run.log", services.redactor)
        ledger = Ledger(folder / "ledger.jsonl", run.run_id)
        services = replace(services, record=ledger.notes("model", within=True))
        step = _Again(
            ledger,
            log,
            watcher,
            max_minutes=led.max_minutes,
            recording=recording,
            models=models,
            given=given,
            redactor=services.redactor,
        )
        try:
            outcome = worker.carry(again, step, services, ledger, log)
        except Differs as problem:
            return _stopped(recording, folder, models, "differs", str(problem), problem.where)
        except RecordEnds as problem:
            return _stopped(recording, folder, models, "record ends", *_over(recording, problem))
        if outcome.reason is Reason.INTERRUPTED:
            # The run's own interruption is where its record ends, so this one is of now.
            raise KeyboardInterrupt
        return _compared(recording, outcome, folder, models)


def _code(
    recording: Recording,
    settings: Settings,
    folder: Path,
    repository: str | None,
    *,
    foreign: bool,
) -> Checkout | None:
    """Have the base commit in a mirror, and a repository of its own for what comes out.

    None: the run did not come to its checkout.
    """
    then = recorded.result(recording, "checkout", Checkout)
    if then is None:
        return None
    if foreign and repository is None:
        raise LedgerUnusable(
            "The ledger lies outside of the data folder, and places on this machine are not taken"
            f" from such a file. Name a clone that has commit {then.commit} with --repo DIR."
        )
    mirror = then.mirror
    if repository is not None or not worktree.has(mirror, then.commit):
        local = recording.run.snapshot is None and Path(then.repository).is_dir()
        source = repository or (then.repository if local else None)
        if source is None:
            raise LedgerUnusable(
                f"The code of the run is not on this machine: commit {then.commit} of"
                f" {then.repository}. Name a clone that has it with --repo DIR."
            )
        mirror = worktree.prepare(source, then.commit, settings.home / "mirrors").mirror
    base = then.model_copy(update={"mirror": mirror, "repository": str(folder / "code.git")})
    worktree.copy(base, folder / "code.git", base.base_branch or "main")
    return base


def _have_branches(recording: Recording, change: Change, base: Checkout | None) -> None:
    """Have the branches that were in the repository when the run came to make its own.

    They are told by the one that it ended with: those whose names are tried before it were taken,
    and it may have held the change already.
    """
    then = recording.outcome
    if recording.run.snapshot is not None or base is None or then is None or then.branch is None:
        return
    for name in worktree.tried_before(then.branch):
        worktree.deliver(base, base.commit, name)
    if commits.held_already(then.branch) in then.sentence:
        made = worktree.commit(base, change, "As an earlier run made it", date=0)
        worktree.deliver(base, made, then.branch)


@contextmanager
def _forge(
    recording: Recording, settings: Settings, folder: Path, base: Checkout | None
) -> Iterator[tuple[Run, Settings]]:
    """Stand in for GitHub where the run was of an issue."""
    run = recording.run
    if run.snapshot is None:
        yield run, settings
        return
    if base is None:
        raise LedgerUnusable("The run of an issue that had no code yet has nothing to be replayed.")
    if recording.redacted:
        raise LedgerUnusable(
            "A secret was taken out of the issue's text when the run was recorded, and is kept"
            " nowhere, so the run cannot be replayed."
        )
    from agent.demo.stand_in import standing_in

    config = (recording.results.get("read config") or {}).get("config") or {}
    labels = dict.fromkeys((*run.snapshot.labels, config.get("label") or settings.label))
    where = folder / "github"
    with standing_in(run, tuple(labels), Path(base.repository), settings, where) as stand_in:
        yield stand_in


def _over(recording: Recording, problem: RecordEnds) -> tuple[str, str]:
    ended = recording.outcome
    if ended is None:
        why = "the ledger has no end: its process was killed there"
    else:
        why = f"the run ended there ({ended.reason.value}): {ended.sentence}"
    return f"The record ends before {problem.where}; up to there all is the same. {why}", (
        problem.where
    )


def _stopped(
    recording: Recording,
    folder: Path,
    models: RecordedModels,
    ended: Literal["differs", "record ends"],
    sentence: str,
    where: str,
) -> Report:
    outcome = recording.outcome
    return Report(
        run_id=recording.run.run_id,
        ended=ended,
        sentence=sentence,
        where=where,
        turns=models.answered,
        patch=Side(recorded=_patch(outcome, recording) if outcome else None, now=None),
        text=Side(recorded=_digest(recording.text), now=None),
        problems=recording.problems,
        notes=_notes(recording),
        folder=str(folder),
        next=_next(recording, folder, ended),
    )


def _of_the_commit_then(text: str, now: Outcome, then: Outcome | None) -> str:
    """Name the commit of then: here it is the stand-in's account that commits the same patch."""
    if then is None or now.commit is None or then.commit is None:
        return text
    for length in (len(now.commit), _SHORT):
        text = text.replace(now.commit[:length], then.commit[:length])
    return text


def _compared(
    recording: Recording, outcome: Outcome, folder: Path, models: RecordedModels
) -> Report:
    """Hold the end of the replay against that of the run."""
    then, text = recording.outcome, outcome.pull_request_text
    if text is not None and recording.run.snapshot is not None:
        text = _of_the_commit_then(text, outcome, then)
    both = text is not None and recording.text is not None
    parts = Side(
        recorded=_digest(recording.text),
        now=_digest(text),
        measured=measured.count(text or "", recording.text or "") if both else 0,
    )
    patch = Side(recorded=_patch(then, recording) if then else None, now=_patch(outcome, recording))
    differs = "the ledger has no end to hold this one against"
    if then is not None:
        differs = _difference(then, outcome, recording)
    if not differs and patch.now != patch.recorded:
        differs = "the patch is another one"
    if not differs and not parts.same:
        shown = measured.as_before(text or "", recording.text or "")
        differs = f"the text differs{difference(recording.text or '', shown)}"
    ended: Literal["whole", "differs"] = "differs" if differs else "whole"
    return Report(
        run_id=recording.run.run_id,
        ended=ended,
        sentence=f"At the end {differs}." if differs else _same(outcome, patch, recording),
        where="the end" if differs else "",
        turns=models.answered,
        patch=patch,
        text=parts,
        problems=recording.problems,
        notes=_notes(recording),
        folder=str(folder),
        next=_next(recording, folder, ended),
    )


def _difference(then: Outcome, now: Outcome, recording: Recording) -> str:
    """Say in what, beside patch and text, the run ended otherwise than then; empty: in nothing."""
    if (now.reason, now.sentence) != (then.reason, then.sentence):
        return (
            f"it ended as {then.reason.value} ({then.sentence}) then, and as {now.reason.value}"
            f" ({now.sentence}) now"
        )
    if now.cost_usd != then.cost_usd:
        return f"its cost was ${then.cost_usd} then, and the replies come to ${now.cost_usd}"
    there = then.branch is not None and commits.held_already(then.branch) in then.sentence
    # On a forge it has another author; one that was there already is not made again.
    local = recording.run.snapshot is None and not there
    if local and (now.branch, now.commit) != (then.branch, then.commit):
        return (
            f"it left the branch {then.branch} at {then.commit} then, and {now.branch} at"
            f" {now.commit} now"
        )
    return ""


def _same(outcome: Outcome, patch: Side, recording: Recording) -> str:
    what = f"the same end ({outcome.reason.value})"
    what += ", the same patch and the same text" if patch.same else " and the same text"
    if recording.problems:
        return f"The ledger is not as it was written. What it has left leads to {what}."
    return f"{what[0].upper()}{what[1:]}."


def _patch(outcome: Outcome, recording: Recording) -> str | None:
    """Digest of the change that the run ended with; None: it changed nothing."""
    then = recorded.result(recording, "checkout", Checkout)
    nothing = Change(base_commit=then.commit, files=()).digest if then else None
    return None if outcome.change_digest == nothing else outcome.change_digest


def _notes(recording: Recording) -> tuple[str, ...]:
    if recording.outcome is None or recording.closes:
        return ()
    words = (
        "written by a version of Mergewright without a closing line, so a change of its last line,"
        " the end, shows only in what is compared here"
    )
    return (words,)


def _next(recording: Recording, folder: Path, ended: str) -> str:
    """Say what to do about it; empty: nothing."""
    if recording.problems and recording.outcome is not None:
        return (
            "Do not rely on this ledger: it was changed or cut after it was written. Replay the one"
            " of a backup (`mergewright backup`), if there is one."
        )
    if ended == "record ends" or recording.outcome is None:
        return (
            ""
            if recording.outcome
            else f"Where its steps are kept, `mergewright run --resume {recording.run.run_id}` goes"
            " on with the run."
        )
    if ended == "differs":
        version = metadata.version("mergewright")
        return (
            f"Compare {folder / 'run.log'} with {recording.log}. The run was of Mergewright"
            f" {recording.version}, and this is {version}; other tools, rules or programs of this"
            " machine make a difference too."
        )
    return ""


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(measured.masked(text).encode()).hexdigest()
