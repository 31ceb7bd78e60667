"""Carry out commands on runs, from comments and the dashboard; callers check permissions."""

from typing import NamedTuple

from agent.errors import ActiveRun
from agent.models.outcome import Outcome
from agent.models.run import CAPS_REACHED, Kind, Run, RunState
from agent.models.step import Step
from agent.models.ticket import Guidance
from agent.publishing import messages
from agent.store.sql_requests import (
    MOST_GUIDANCE,
    MOST_ROUNDS,
    QUIET_SECONDS,
    FollowUpResult,
)
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import FollowUpRequest, RunRow
from agent.text import sanitise

ANSWERS_EXHAUSTED = (
    f"This run has reached its limit of {MOST_GUIDANCE} answers and plan changes. Put your request"
    " in the issue's text, then comment `/mergewright retry` when this run has finished."
)
ROUND_REFUSALS: dict[FollowUpResult, str] = {
    "over": "No Mergewright pull request is open here, so there is nothing to continue.",
    "full": f"This pull request has had its {MOST_ROUNDS} rounds. A person has to continue.",
}
#: Maximum number of times that a run may get its money and time, the first time included.
MOST_GRANTS = 5


class CommandImpossible(Exception):
    """A command that is not possible now; the message says why."""


class CommandAuthor(NamedTuple):
    name: str
    at: str
    """ISO 8601, UTC."""
    comment: str
    """Identifies the comment; the same one counts once."""

    def make_guidance(self, kind: str, words: str) -> Guidance:
        source = {"by": self.name, "at": self.at, "comment": self.comment}
        return Guidance.model_validate({"kind": kind, "words": words, **source})


def stop_run(author: CommandAuthor, run: RunRow | None, store: SqlRunStore) -> None:
    words, note = f"{author.name} stopped this run.", author.make_guidance("command", "stop")
    if run is None or not run.active or not store.request_stop(run.run_id, words, guidance=note):
        raise CommandImpossible("No run is active here, so there is nothing to stop.")


def approve_plan(
    author: CommandAuthor, run: RunRow | None, words: str, store: SqlRunStore, now: float
) -> None:
    number = words.split(maxsplit=1)[0].strip("`.,:;!()<>*_\"'").lower() if words else ""
    if run is None or not has_plan(run):
        raise CommandImpossible("No plan is waiting for approval here.")
    if number != run.plan_asked:
        which = f", not {sanitise.format_code(number[:40])}" if number else ""
        raise CommandImpossible(
            f"The waiting plan is `{run.plan_asked}`{which}. Read it, then comment"
            f" `/mergewright approve {run.plan_asked}`."
        )
    _add_guidance(run, author.make_guidance("approval", number), store, now, QUIET_SECONDS)


def change_plan(
    author: CommandAuthor,
    run: RunRow | None,
    words: str,
    store: SqlRunStore,
    now: float,
    quiet: float,
) -> None:
    if run is None or not has_plan(run):
        raise CommandImpossible(
            "No plan is waiting here. `/mergewright plan` without text creates one."
        )
    if not words:
        raise CommandImpossible(
            f"Plan `{run.plan_asked}` is already waiting; see the status comment. To change it,"
            " comment `/mergewright plan …` followed by what to change."
        )
    _add_guidance(run, author.make_guidance("change", words), store, now, quiet)


def _add_guidance(
    run: RunRow, words: Guidance, store: SqlRunStore, now: float, quiet: float
) -> None:
    match store.add_guidance(run.run_id, words, now, quiet):
        case "full":
            raise CommandImpossible(ANSWERS_EXHAUSTED)
        case "late":
            raise CommandImpossible(
                f"Run {run.run_id} has moved on: its plan was approved or is being remade."
                " `/mergewright stop` ends it; `/mergewright explain` shows its state."
            )


def follow_up(
    author: CommandAuthor, run: RunRow | None, kind: Kind, store: SqlRunStore, now: float
) -> None:
    if run is None:
        raise CommandImpossible("There is no Mergewright pull request here.")
    request, note = FollowUpRequest(kind=kind, by=author.name), ("command", kind)
    following = store.queue_follow_up(
        run.run.first, request, now, guidance=author.make_guidance(*note)
    )
    if following in ("over", "full"):
        raise CommandImpossible(ROUND_REFUSALS[following])


def may_retry(run: RunRow) -> bool:
    """Whether people may continue a run by a command, without starting another one."""
    return may_go_on(run) or find_ended_kind(run) is not None


def retry_run(author: CommandAuthor, run: RunRow, store: SqlRunStore, now: float) -> None:
    """Continue a run that kept its work, or repeat its follow-up."""
    if not may_go_on(run):
        follow_up(author, run, find_ended_kind(run) or "review", store, now)
        return
    if run.grants >= MOST_GRANTS:
        raise CommandImpossible(
            f"This run was granted its budget {run.grants} times. The operator can continue it"
            " on the dashboard. Or make the issue smaller."
        )
    begin_with = run.outcome.stopped_at if run.outcome else None
    note = author.make_guidance("command", "retry")
    try:
        store.retry_run(run.run_id, begin_with or "", now, guidance=note)
    except ActiveRun as other:
        raise CommandImpossible(f"{other.message}.") from None


def has_plan(run: RunRow | None) -> bool:
    """Whether the run has shown a plan, and nothing was edited after it so far."""
    return (
        run is not None
        and run.active
        and run.plan_asked is not None
        and run.state in (RunState.AWAITING_APPROVAL, RunState.RECEIVED)
    )


def is_awaiting_approval(run: RunRow | None) -> bool:
    return (
        run is not None
        and has_plan(run)
        and not run.stop_request
        and run.state is not RunState.RECEIVED
    )


def may_go_on(run: RunRow | None) -> bool:
    """Whether the run has ended at a limit, or with a finished change that it could not publish."""
    outcome = run.outcome if run is not None and is_public(run.run) else None
    if outcome is None:
        return False
    is_made = outcome.stopped_at in (Step.BRING_UP, Step.PUBLISH)
    return (is_made and outcome.state is RunState.FAILED) or outcome.reason in CAPS_REACHED


def find_ended_kind(run: RunRow | None) -> Kind | None:
    """Return the kind of a follow-up that has ended without a result."""
    about = run.run.follow_up if run is not None and not run.active else None
    return about.kind if about and run and run.state is not RunState.OPEN else None


def is_public(run: Run) -> bool:
    """Whether people asked for the run on the issue, and see its result there."""
    return run.snapshot is not None and run.snapshot.by_label and not run.dry_run


def explain_state(run: RunRow | None, because: str = "") -> str:
    """Describe the state of a run.

    `because` is why it waits, as a sentence; empty: it only waits for its turn.
    """
    if run is None:
        return (
            "This issue has no run yet. One starts when someone with write permission sets the"
            " label or comments `/mergewright plan`."
        )
    named, state = f"Run {run.run_id} (attempt {run.run.attempt})", run.state.value
    state = state.replace("_", " ")
    if run.outcome is not None:
        return _explain_end(run, run.outcome)
    if is_awaiting_approval(run):
        return (
            f"{named} is waiting for `/mergewright approve {run.plan_asked}` or `/mergewright"
            " plan …`. Its plan is in the status comment."
        )
    if run.stop_request:
        return f"{named} is being stopped: {sanitise.format_words(run.stop_request)}"
    progress = "queued" if run.state is RunState.RECEIVED else f"running: {state}"
    return " ".join(
        filter(None, (f"{named} is {progress}.", because, "`/mergewright stop` ends it."))
    )


def _explain_end(run: RunRow, outcome: Outcome) -> str:
    pull = outcome.pull_request
    if pull is not None and run.state in (RunState.MERGED, RunState.CLOSED):
        # People may have merged or closed it since the run ended.
        return f"Pull request #{pull.number} is {run.state.value}. Nothing more to do."
    sentence = sanitise.format_words(outcome.sentence)
    way = messages.find_next_step(outcome, run.run)
    return " ".join(filter(None, (outcome.headline, sentence, way and f"Next: {way}")))
