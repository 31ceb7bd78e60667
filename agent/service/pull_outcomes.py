"""Outcomes of our pull requests, red checks on them, and pushes to their base branches.

A delivery is only a reason to look: the pull request's current state is requested.
"""

from agent.conversation.events import ConversationEvent
from agent.github.intake_api import GithubIntakeApi
from agent.models.outcome import PullEnd
from agent.models.record import replace
from agent.models.run import Reason, RunState
from agent.models.ticket import IssueRef
from agent.publishing import status
from agent.service.intake import Decision
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import FollowUpRequest, RunRow
from agent.text.check_summary import format_count

#: Open pull requests of a repository that are looked at when their base branch has moved.
_MOST_PULLS = 20
#: Age up to which a push waits for GitHub to find conflicts: usually a minute, sometimes for ever.
_MOST_SECONDS = 600.0
#: Age up to which a push waits for a run: one that takes longer has waited, or lost its worker.
_LONGEST_RUN = 2 * 3600.0


def handle_event(
    event: ConversationEvent,
    intake_api: GithubIntakeApi,
    store: SqlRunStore,
    *,
    now: float,
    received_at: float,
    quiet: float,
) -> Decision:
    """Note the state of a pull request of ours, or have its checks fixed or its base merged.

    May be called twice.

    Args:
        quiet: Seconds in which nothing else may happen before a follow-up begins.
    """
    if event.branch:
        return _handle_push(event, intake_api, store, now, quiet, age=now - received_at)
    if event.commit:
        if event.app_id is not None and event.app_id == intake_api.app_id:
            return Decision("ignored", "a check of our own", is_routine=True)
        return _handle_checks(event, store, now, quiet)
    if event.number is None:
        return Decision("ignored", "it names neither a commit nor a pull request", is_routine=True)
    run = store.find_run_of_pull(event.repository_id, event.number)
    if run is None and store.is_publishing(event.repository_id):
        return Decision("postponed", "a run of this repository is about to report its pull request")
    if run is None or run.run.snapshot is None:
        return Decision("ignored", "no pull request of ours", is_routine=True)
    pull = _read_pull(event, run.run.snapshot.issue, event.number, intake_api)
    if pull is None:
        return Decision("ignored", "the pull request no longer exists")
    first = run.run.first
    newest = store.find_newest_run(event.repository_id, run.run.snapshot.issue.number)
    if newest and newest.active and newest.state is RunState.PUBLISHING:
        # If that run is killed while it replaces this one, it must find this one recorded as open.
        return Decision("postponed", f"run {newest.run_id} may just be replacing it")
    if pull.state != "open" and run.active and (about := run.run.follow_up):
        words = f"Pull request #{about.pull} was {pull.state}, so its follow-up was stopped."
        store.request_stop(run.run_id, words, Reason.SUPERSEDED)
    if not store.note_pull(first, None if pull.state == "open" else pull):
        return Decision(
            "ignored", f"the pull request is already known to be {pull.state}", is_routine=True
        )
    if newest is None or newest.run.first == first:
        intake_api.show_last_status(run.run, status.render_pull_end(pull))
    return Decision("heard", f"the pull request of run {first} is {pull.state}")


def _read_pull(
    event: ConversationEvent, issue: IssueRef, number: int, intake_api: GithubIntakeApi
) -> PullEnd | None:
    # The event has the repository's present name.
    pull = replace(issue, repository=event.repository, number=number, issue_id=0)
    return intake_api.read_pull(pull)


def _handle_checks(
    event: ConversationEvent, store: SqlRunStore, now: float, quiet: float
) -> Decision:
    """Queue a follow-up for red checks on the commit that we pushed last."""
    request = FollowUpRequest(kind="ci", quiet=quiet)
    run = store.find_run_of_head(event.repository_id, event.commit)
    if run is None and store.is_publishing(event.repository_id, of_follow_up=True):
        return Decision("postponed", "a run of this repository is about to report its commit")
    if run is None:
        return Decision(
            "ignored", "not the last commit of one of our pull requests", is_routine=True
        )
    update = _find_last_update(run, store)
    if update and update.active:
        return Decision("postponed", f"run {update.run_id} merges the base branch")
    following = store.queue_follow_up(run.run.first, request, now)
    if following in ("over", "full"):
        return Decision("ignored", f"no follow-up for these checks ({following})")
    return Decision("heard", f"checks of run {run.run_id}'s commit ({following})")


def _handle_push(
    event: ConversationEvent,
    intake_api: GithubIntakeApi,
    store: SqlRunStore,
    now: float,
    quiet: float,
    *,
    age: float,
) -> Decision:
    """Queue follow-ups that merge the base branch into our pull requests that conflict with it.

    The conflict is in git, or both sides add migrations to a folder, which then fork. An active run
    may still open a pull request that conflicts: then the push is decided again after it.

    Args:
        age: Seconds since the push was received.
    """
    request, queued, unknown = FollowUpRequest(kind="update", quiet=quiet), 0, 0
    for opened in store.list_open(event.repository_id, _MOST_PULLS):
        about = opened.outcome and opened.outcome.pull_request
        if opened.run.snapshot is None or not about or about.base_branch != event.branch:
            continue
        update = _find_last_update(opened, store)
        if _is_left_to_people(update):
            continue
        if update and update.active and update.queued_at >= now - age:
            # This push was decided before, and has queued this follow-up, which will merge it.
            queued += 1
            continue
        pull = _read_pull(event, opened.run.snapshot.issue, about.number, intake_api)
        if pull is None or pull.state != "open":
            continue
        unknown += pull.conflicts is None
        if pull.conflicts or _lacks_migrations(event, opened, intake_api):
            following = store.queue_follow_up(opened.run_id, request, now)
            queued += following not in ("over", "full")
    if age < _LONGEST_RUN and (working := store.find_run_at_work(event.repository_id)):
        return Decision("postponed", f"run {working} has read the base before this push")
    if unknown and age < _MOST_SECONDS:
        return Decision("postponed", "GitHub does not know yet whether pull requests conflict")
    if not queued:
        return Decision("ignored", "no pull request of ours conflicts with it", is_routine=True)
    count = format_count(queued, "follow-up")
    return Decision("heard", f"{count} to merge {event.branch}, which conflicts")


def _lacks_migrations(
    event: ConversationEvent, opened: RunRow, intake_api: GithubIntakeApi
) -> bool:
    """Whether the base has files that our branch lacks, in folders to which it adds migrations."""
    outcome, snapshot = opened.outcome, opened.run.snapshot
    if outcome is None or not outcome.branch or snapshot is None:
        return False
    issue = replace(snapshot.issue, repository=event.repository)
    return any(
        intake_api.list_folder(issue, folder, event.branch)
        - intake_api.list_folder(issue, folder, outcome.branch)
        for folder in outcome.judged.migration_folders
    )


def _find_last_update(run: RunRow, store: SqlRunStore) -> RunRow | None:
    """Return the last follow-up of a pull request if it was to merge the base branch."""
    last = next(reversed(store.follow_ups(run.run.first)), None)
    return last if last and last.run.about.kind == "update" else None


def _is_left_to_people(update: RunRow | None) -> bool:
    """Whether the last conflict was not solved: then the next push of the base queues nothing."""
    if update is None or update.outcome is None:
        return False
    ends = (thread.kind for thread in update.outcome.review_state.threads)
    return not update.outcome.is_done or "human" in ends
