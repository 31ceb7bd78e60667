"""What commands do to runs, from comments and the dashboard; who may is decided before."""

from __future__ import annotations

from agent.conversation.events import Comment
from agent.errors import ActiveRun
from agent.models.outcome import StoredRun
from agent.models.run import CAPS_REACHED, Kind, Run, RunState
from agent.models.ticket import Guidance
from agent.store.sql_follow_ups import MOST_ROUNDS, Following, FollowUpRequest
from agent.store.sql_guidance import MOST_ROUNDS as MOST_ANSWERED
from agent.store.sql_guidance import MOST_WORDS, QUIET_SECONDS
from agent.store.sql_store import SqlStore
from agent.text import sanitise

FULL = (
    f"This run has heard {MOST_WORDS} answers and wishes, or has gone on by them {MOST_ANSWERED}"
    " times, which is the most. Put what is wanted into the text of the issue, then write"
    " `/mergewright retry` when this run is over."
)
NO_ROUND: dict[Following, str] = {
    "over": "No pull request of ours is open here, so there is nothing to go on with.",
    "full": f"This pull request has had its {MOST_ROUNDS} rounds; a person has to go on with it.",
}
#: Times that people may allow a run its money and time.
MOST_GRANTS = 5


class CannotNow(Exception):
    """A command that is not possible now; the words say why."""


def stop_run(said: Comment, run: StoredRun | None, store: SqlStore) -> None:
    words, note = f"{said.author} has stopped this run.", make_guidance(said, "command", "stop")
    if run is None or not run.active or not store.request_stop(run.run.run_id, words, said=note):
        raise CannotNow(
            f"No run of this {describe_place(said)} is under way, so there is nothing to stop."
        )


def approve_plan(
    said: Comment, run: StoredRun | None, words: str, store: SqlStore, now: float
) -> None:
    number = words.split(maxsplit=1)[0].strip("`.,:;!()<>*_\"'").lower() if words else ""
    if run is None or not has_plan(run):
        raise CannotNow(f"No plan of this {describe_place(said)} waits for approval.")
    if number != run.plan_asked:
        which = f", not {sanitise.format_code(number[:40])}" if number else ""
        raise CannotNow(
            f"The plan that waits is `{run.plan_asked}`{which}. Write `/mergewright approve"
            f" {run.plan_asked}` once you have read it."
        )
    _require_heard(run, make_guidance(said, "approval", number), store, now)


def change_plan(
    said: Comment, run: StoredRun | None, words: str, store: SqlStore, now: float, quiet: float
) -> None:
    """Have the plan that waits made anew with these words."""
    if run is None or not has_plan(run):
        raise CannotNow(
            f"No plan of this {describe_place(said)} waits, so there is none to change."
            " `/mergewright plan` alone has one made."
        )
    if not words:
        raise CannotNow(
            f"The plan `{run.plan_asked}` waits already: it is in the status comment. Write"
            " `change the plan: …` with what is to be different."
        )
    _require_heard(run, make_guidance(said, "change", words), store, now, quiet)


def _require_heard(
    run: StoredRun, words: Guidance, store: SqlStore, now: float, quiet: float = QUIET_SECONDS
) -> None:
    hearing = store.add_guidance(run.run.run_id, words, now, quiet)
    if hearing == "full":
        raise CannotNow(FULL)
    if hearing == "late":
        raise CannotNow(
            f"Run {run.run.run_id} has gone on meanwhile: its plan was approved, or is made anew."
            " `/mergewright stop` ends it; `/mergewright explain` says where it stands."
        )


def follow_up_by_command(
    said: Comment, run: StoredRun | None, kind: Kind, store: SqlStore, now: float
) -> None:
    if run is None:
        raise CannotNow(f"No pull request of ours belongs to this {describe_place(said)}.")
    _follow_up_again(run, kind, store, make_guidance(said, "command", kind), now)


def may_retry(run: StoredRun) -> bool:
    """Whether people may let a run go on by a word, without another one being begun."""
    return may_go_on(run) or find_ended_kind(run) is not None


def retry_run(run: StoredRun, store: SqlStore, note: Guidance, now: float) -> None:
    """Let a run go on that a cap has ended, or have its follow-up done again.

    Raises:
        CannotNow: It has had all that people may grant, or another run is in the way.
    """
    if not may_go_on(run):
        _follow_up_again(run, find_ended_kind(run) or "review", store, note, now)
        return
    if run.budget_multiplier >= MOST_GRANTS:
        raise CannotNow(
            f"This run was allowed its money and time {run.budget_multiplier} times. Whoever runs"
            " the service can let it go on (`mergewright runs retry`); else make the issue smaller."
        )
    begin_with = run.outcome.stopped_at if run.outcome else None
    try:
        store.retry_run(run.run.run_id, begin_with or "", now, said=note)
    except ActiveRun as other:
        raise CannotNow(f"{other.message}.") from None


def _follow_up_again(
    run: StoredRun, kind: Kind, store: SqlStore, note: Guidance, now: float
) -> None:
    wish = FollowUpRequest(kind=kind, by=note.by)
    following = store.queue_follow_up(run.run.first, wish, now, said=note)
    if following in ("over", "full"):
        raise CannotNow(NO_ROUND[following])


def has_plan(run: StoredRun | None) -> bool:
    """Whether the run has shown a plan, and nothing was edited after it so far."""
    return (
        run is not None
        and run.active
        and run.plan_asked is not None
        and run.state in (RunState.AWAITING_APPROVAL, RunState.RECEIVED)
    )


def is_awaiting_approval(run: StoredRun | None) -> bool:
    """Whether the run waits for the approval of its plan."""
    waiting = run if has_plan(run) else None
    return (
        waiting is not None and not waiting.stop_request and waiting.state is not RunState.RECEIVED
    )


def may_go_on(run: StoredRun | None) -> bool:
    """Whether a limit has ended the run, which can be allowed as much again."""
    return (
        run is not None
        and is_public(run.run)
        and run.outcome is not None
        and run.outcome.reason in CAPS_REACHED
    )


def find_ended_kind(run: StoredRun | None) -> Kind | None:
    """Tell what a follow-up was about that has ended without a result."""
    about = run.run.follow_up if run is not None and not run.active else None
    return about.kind if about and run and run.state is not RunState.OPEN else None


def is_public(run: Run) -> bool:
    """Whether people have asked for the run on the issue, and see there what becomes of it."""
    return run.snapshot is not None and run.snapshot.by_label and not run.dry_run


def name_comment(said: Comment) -> str:
    return f"{said.place}:{said.comment_id}"


def make_guidance(said: Comment, kind: str, words: str) -> Guidance:
    return Guidance.model_validate(
        {
            "kind": kind,
            "words": words,
            "by": said.author,
            "at": said.at,
            "comment": name_comment(said),
        }
    )


def describe_place(said: Comment) -> str:
    return "pull request" if said.on_pull else "issue"


def explain_state(run: StoredRun | None) -> str:
    if run is None:
        return (
            "There is no run of this issue yet. One begins when somebody with write permission sets"
            " the label, or writes `/mergewright plan`."
        )
    named = f"Run {run.run.run_id} (attempt {run.run.attempt})"
    if run.outcome is not None:
        where = sanitise.format_words(run.outcome.sentence)
        # People may have merged or closed what it has opened.
        state = run.state.value.replace("_", " ")
        return f"{named} is over: {state}. {where}"
    state = run.state.value.replace("_", " ")
    if is_awaiting_approval(run):
        return (
            f"{named} waits for `/mergewright approve {run.plan_asked}`, or for `change the plan:"
            " …`; its plan is in the status comment."
        )
    if run.stop_request:
        return f"{named} is being stopped: {sanitise.format_words(run.stop_request)}"
    return f"{named} is under way: {state}. `/mergewright stop` ends it."
