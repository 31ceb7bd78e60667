"""Carry a run to its end: the one place where an error becomes an Outcome.

Owns the run's folders and what is done about an error: the run ends with it, or waits for whoever
holds it up. Its steps are `agent.steps`; which runs are carried, and when, is
`agent.service.dispatch`.
"""

from __future__ import annotations

import errno
import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, TextIO

import structlog

from agent import steps, workflow
from agent.checks import reports
from agent.errors import (
    AgentError,
    ApprovalAwaited,
    BranchMoved,
    CacheGone,
    ForgeLimited,
    ModelUnavailable,
    ModelUnusable,
    OwnerAwaited,
    PermanentError,
    PolicyRefused,
    RunStopped,
    SandboxMissing,
    SettingsInvalid,
    StorageFull,
    StoreUnavailable,
    StoreUnusable,
    TransientError,
    Unforeseen,
    VersionUnknown,
)
from agent.git import worktree
from agent.models.change import Change
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.publishing import text
from agent.services import Services
from agent.stages import answer
from agent.steps import Steps
from agent.telemetry import run_log
from agent.telemetry.ledger import Ledger
from agent.telemetry.run_log import RunLog

_log = structlog.get_logger()

#: What an operator has to act on, and how a run that does not wait for that ends.
_REASONS: dict[type[AgentError], Reason] = {
    SandboxMissing: Reason.NO_ROOM,
    StorageFull: Reason.STORAGE_FULL,
    ModelUnusable: Reason.MODEL_UNUSABLE,
    Unforeseen: Reason.INTERNAL,
    ApprovalAwaited: Reason.UNANSWERED,
}
#: What holds a run up is tried again so often: for about six hours.
MOST_WAITS = 32
#: And an end is told for about an hour.
_MOST_TELLINGS = 11
#: The step that tells people of an end; it has a wait of its own.
_TELL = "deliver"
_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 900.0
#: The word on a plan wakes the run; without one it looks once a day, for two weeks.
_APPROVAL_SECONDS = 86_400.0
_MOST_APPROVAL_WAITS = 14
#: An owner is waited for as long as it takes, and asked for at least so often.
_LONGEST_LOOK = 180.0
#: In a run's folder of work trees; locked as long as the run is at work.
_HELD = ".held"
_UNHELD_SECONDS = 3600.0
#: So long is waited for what a killed attempt at the same run has left running.
_LET_GO_SECONDS = 5.0
#: What runs and the commands that borrow their folders are called: it ends with a random part.
_RUN_ID = re.compile(r"(?:[a-z]+-)?[0-9]{8,}(?:-[0-9]{6})?-[0-9a-f]{6,}")


class Waited(NamedTuple):
    """What a run has waited for, and how often."""

    step: str | None = None
    times: int = 0


class Postponed(Exception):
    """The run cannot go on before a time, and goes on then; nothing of it is lost."""

    def __init__(
        self, message: str, until: float, after: str | None, plan_asked: str | None = None
    ) -> None:
        """Say when, and with what.

        Args:
            until: Seconds since the epoch.
            after: The step that is tried again then; None: the first that has no record.
            plan_asked: Number of the plan whose approval is waited for.
        """
        super().__init__(message)
        self.message = message
        self.until = until
        self.after = after
        self.plan_asked = plan_asked


def carry(
    run: Run,
    step: Steps,
    svc: Services,
    ledger: Ledger,
    log: RunLog,
    *,
    waited: Waited | None = None,
) -> Outcome:
    """Run the workflow and give every ending a reason, a sentence and a text.

    Args:
        waited: What the run has waited for before this; None: nobody takes it up again, so it
            waits for nothing.

    Raises:
        Postponed: Something holds the run up that is not its own: a forge that asks us to wait or
            is silent, a full disk, a machine without rooms, a setting.
        SettingsInvalid: The operator's settings are wrong, other than those of models, and the run
            waits for nothing.
        AgentError: A durable run did not come to its first step.
    """
    with structlog.contextvars.bound_contextvars(run=run.run_id):
        _record_beginning(run, svc, ledger)
        try:
            with _own_trees(svc.base_folder(run).parent):
                carried_out = workflow.answer_review if run.follow_up else workflow.resolve_ticket
                outcome = carried_out(run, step, svc)
            if not outcome.done:
                # It was the checks that told against it, so they are what may end otherwise.
                at = [name for name in step.seconds if name.startswith("checks ")][-1:]
                outcome = outcome.model_copy(update={"stopped_at": at[0] if at else None})
        except KeyboardInterrupt:
            outcome = _stopped(
                run,
                Reason.INTERRUPTED,
                "Interrupted; nothing was changed"
                + (", and what was done is kept." if step.kept else ". Run again to start anew."),
            )
        except Exception as error:  # a run never ends without a word
            problem = steps.foreseen(error)
            # By the time a model is asked, people were told that the run is at work.
            told = isinstance(problem, ModelUnusable)
            if waited is None and isinstance(problem, SettingsInvalid) and not told:
                raise
            if waited is not None and not step.at:
                # Before the first step is repeated, no other may be recorded.
                raise problem from error
            # That it is not waited for any longer was decided before the end was to be told.
            if waited is None or waited.step != _TELL:
                _postpone(problem, step, waited)
            sentence = _sentence(problem, waited)
            if run.snapshot is None and problem.details:
                sentence = f"{sentence} {problem.details}"
            outcome = _stopped(run, _reason(problem), sentence, problem)
            anew = isinstance(problem, VersionUnknown)
            outcome = outcome.model_copy(
                update={
                    "stopped_at": None if anew else step.at,
                    "patch_path": _keep(problem.change, run, step, svc),
                    "change_digest": problem.change.digest if problem.change else None,
                    "models": problem.models,
                }
            )
            if isinstance(problem, PolicyRefused):
                outcome = outcome.model_copy(update={"findings": problem.findings})
        if not outcome.done:
            # Those of a change that was published came with it.
            outcome = outcome.model_copy(update={"findings": outcome.findings or step.findings})
        outcome = outcome.model_copy(
            update={
                "checks": outcome.checks or step.compared,
                "similar": step.similar,
                "category": step.decision.category if step.decision else None,
                "recipe": step.decision.recipe if step.decision else None,
                "first_round": step.first_round,
                "cost_usd": round(step.cost_usd, 6),
                "config_name": run.config_name,
            }
        )
        outcome = _with_text(run, svc.redactor.inside(outcome), step, svc, waited)
    _close(outcome, ledger, log)
    return outcome


def _record_beginning(run: Run, svc: Services, ledger: Ledger) -> None:
    """Note what is carried out, so that the ledger alone tells how to do it again."""
    kept = svc.redactor.inside(run)
    redacted = {"redacted": True} if kept != run else {}
    facts = {"run_record": kept.model_dump(mode="json"), "log": svc.log_place(run), **redacted}
    try:
        ledger.begin(version=metadata.version("mergewright"), **facts)
    except OSError as problem:
        # The first step finds the same, and waits or ends with it.
        _log.warning("the ledger has no beginning", error=repr(problem))


@contextmanager
def _own_trees(folder: Path) -> Iterator[None]:
    """Hold the run's folder of work trees, and remove what killed runs left beside it."""
    trees = folder.parent
    trees.mkdir(exist_ok=True, mode=0o711)
    until = time.monotonic() + _LET_GO_SECONDS
    while (holder := _taken(folder)) is None:
        # A child of the killed process has its files until it has become another program.
        if time.monotonic() > until:
            raise TransientError(
                f"{folder} is still there, held by what an earlier attempt at the run has left."
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        # Behind the door as well: whoever looks for left-overs must not find half of it.
        try:
            with _door(trees):
                worktree.remove(folder)
        except (OSError, AgentError) as problem:
            _log.warning("a work tree is left over", folder=str(folder), error=repr(problem))
        holder.close()


def _taken(folder: Path) -> TextIO | None:
    """Make the folder and hold it; None: another attempt at the same run is not quite over."""
    with _door(folder.parent):
        _remove_left(folder.parent)
        if folder.exists() and not (folder / _HELD).exists():
            # Killed while it made or removed it; both is done behind the door, so nobody is at it.
            worktree.remove(folder)
        try:
            folder.mkdir(mode=0o711)
        except FileExistsError:
            return None
        holder = (folder / _HELD).open("w")
        fcntl.flock(holder, fcntl.LOCK_EX)
        return holder


def remove_left_trees(home: Path) -> int:
    """Remove the work trees of runs that were killed; return how many."""
    trees = home / "trees"
    if not trees.is_dir():
        return 0
    with _door(trees):
        return _remove_left(trees)


@contextmanager
def _door(trees: Path) -> Iterator[None]:
    """Let no run begin: behind the door a folder without a holder is a left-over."""
    with (trees / ".lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _remove_left(trees: Path) -> int:
    found = [place for place in trees.iterdir() if place.is_dir() and not place.is_symlink()]
    removed = 0
    for place in found:
        try:
            removed += _remove_unheld(place)
        except AgentError as problem:  # what stays of one run does not hold up the others
            _log.warning("a work tree is left over", folder=str(place), error=problem.message)
    return removed


def _remove_unheld(folder: Path) -> bool:
    """Remove a folder that a run of ours has made and holds no longer; say whether it was one."""
    try:
        with (folder / _HELD).open("r+") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        # A command that is no run holds none, and takes minutes; other names are not ours.
        young = True
        with suppress(FileNotFoundError):  # its owner has just removed it
            young = time.time() - folder.stat().st_mtime < _UNHELD_SECONDS
        if young or not _RUN_ID.fullmatch(folder.name):
            return False
    worktree.remove(folder)
    return True


def run_folder(home: Path, run: Run) -> Path:
    """Make the folder of a run; tickets, diffs and logs are nobody else's business.

    Raises:
        StorageFull: The disk is full.
        SettingsInvalid: It cannot be made there.
    """
    folder = home / "runs" / run.run_id
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It is there when a run begins anew.
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(full_disk(home)) from problem
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {folder} cannot be made ({problem.strerror}). Name a folder that"
            " you may write to."
        ) from problem
    return folder


def full_disk(home: Path) -> str:
    """Say what to do about a full disk."""
    return (
        f"The disk of {home} is full. Free space there: `mergewright env prune --all` removes"
        f" environments; {home / 'mirrors'} and {home / 'baselines'} are caches as well."
    )


def _stopped(run: Run, reason: Reason, sentence: str, problem: AgentError | None = None) -> Outcome:
    outcome = Outcome.stopped(run.run_id, reason, sentence)
    if problem is None:
        return outcome
    return outcome.model_copy(update={"branch": problem.branch, "commit": problem.commit})


def _keep(change: Change | None, run: Run, step: Steps, svc: Services) -> str | None:
    """Leave what a model has done until then as a patch in the run's folder; return its path."""
    if change is None or not change.files or step.checkout is None:
        return None
    place = svc.run_folder(run) / "change.patch"
    try:
        reports.write(place, worktree.diff(step.checkout, change))
    except AgentError as problem:
        _log.warning("what was done is not kept", error=problem.message)
        return None
    return str(place)


def _with_text(
    run: Run, outcome: Outcome, step: Steps, svc: Services, waited: Waited | None
) -> Outcome:
    """Give a run that stopped its text, and tell whoever waits for it."""
    if outcome.pull_request_text is not None:
        return outcome
    words = text.stopped(outcome, step.ticket, svc.log_place(run), run=run, redactor=svc.redactor)
    log = str(svc.run_folder(run) / "run.log")
    outcome = outcome.model_copy(update={"pull_request_text": words, "log": log})
    try:
        if outcome.reason is Reason.VERSION_UNKNOWN:
            # Where the records are not ours to follow, none can be added to them.
            return svc.forge.deliver(run, outcome)
        if run.follow_up:
            return step(_TELL, answer.deliver, step.asked, run, outcome, svc)
        return step(_TELL, _deliver, run, outcome, svc)
    except AgentError as problem:
        _postpone(problem, step, waited)
        # A full disk or a silent forge may have been the reason; the words reach the caller.
        svc.say(f"the text could not be delivered: {problem.message}")
        return outcome


def _deliver(run: Run, outcome: Outcome, svc: Services) -> Outcome:
    return svc.forge.deliver(run, outcome)


def _postpone(problem: AgentError, step: Steps, waited: Waited | None) -> None:
    """Wait for whoever holds the run up, where that is not the run itself.

    A forge that says when is believed; a model is as well, but not for ever. Who is silent is asked
    again ever less often, and not for ever.

    Raises:
        Postponed: The run has not waited for long enough yet.
    """
    if waited is None or not isinstance(problem, TransientError | PermanentError):
        return
    at = problem.look_again if isinstance(problem, BranchMoved) else step.at
    times = waited.times if waited.step == at else 0
    believed = isinstance(problem, ForgeLimited) or times < MOST_WAITS
    if isinstance(problem, ForgeLimited | ModelUnavailable) and problem.until and believed:
        until = problem.until
    elif isinstance(problem, ApprovalAwaited):
        if times >= _MOST_APPROVAL_WAITS:
            return
        until = time.time() + _APPROVAL_SECONDS
    elif isinstance(problem, OwnerAwaited):
        until = time.time() + min(_SHORTEST_WAIT * 1.5 ** min(times, 20), _LONGEST_LOOK)
    elif times < (_MOST_TELLINGS if step.at == _TELL else MOST_WAITS):
        until = time.time() + min(_SHORTEST_WAIT * 2.0**times, _LONGEST_WAIT)
    else:
        return
    after: str | None = step.at
    if isinstance(problem, CacheGone):
        after = problem.made_by
    elif isinstance(problem, BranchMoved):
        after = problem.look_again
    elif isinstance(problem, OwnerAwaited) and problem.again:
        until, after = time.time() + 1.0, problem.again
    elif isinstance(problem, StoreUnavailable | StoreUnusable):
        # It is the records that cannot be had, of which none is to be left out.
        after = None
    asked = problem.plan if isinstance(problem, ApprovalAwaited) else None
    raise Postponed(problem.message, until, after, asked) from problem


def _sentence(problem: AgentError, waited: Waited | None) -> str:
    """What is told; a machine's own affairs are not told to everybody who reads an issue."""
    if isinstance(problem, ApprovalAwaited):
        return (
            f"Nobody has approved the plan {problem.plan} within two weeks, so nothing was edited."
            " A person with write permission can write `/mergewright retry` to have it planned"
            " anew."
        )
    if waited is None or not isinstance(problem, PermanentError):
        return problem.message
    return (
        "Mergewright could not work for hours, for a reason on its own side that its operator"
        " finds in its log. Take the label off and set it again once that is mended."
    )


def _reason(problem: AgentError) -> Reason:
    if isinstance(problem, RunStopped):
        return problem.reason
    return next(
        (reason for kind, reason in _REASONS.items() if isinstance(problem, kind)),
        Reason.UNAVAILABLE,
    )


def _close(outcome: Outcome, ledger: Ledger, log: RunLog) -> None:
    """Write the end into log and ledger; a ledger without it was cut short."""
    for comparison in outcome.checks:
        log.line(run_log.tell_comparison(comparison))
    for finding in outcome.findings:
        log.line(run_log.tell_finding(finding))
    log.line(f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
    facts = outcome.model_dump(mode="json", exclude={"checks", "pull_request_text"})
    try:
        ledger.end(outcome=facts, text=outcome.pull_request_text)
    except OSError as problem:
        _log.warning("the ledger has no end", error=repr(problem))
