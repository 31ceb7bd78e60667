"""What becomes of our pull requests.

What a delivery says is only the occasion: the pull request's state is requested.
"""

from agent.conversation.events import ConversationEvent
from agent.github.intake_api import GithubIntakeApi
from agent.models.outcome import StoredRun
from agent.models.run import Reason
from agent.service.intake import CommentHandled, DecisionPostponed, IgnoredRequest, IntakeDecision
from agent.store.sql_requests import FollowUpRequest
from agent.store.sql_run_store import SqlRunStore


def handle_event(
    event: ConversationEvent,
    intake_api: GithubIntakeApi,
    store: SqlRunStore,
    *,
    now: float,
    quiet: float,
) -> IntakeDecision:
    """Note the state of a pull request of ours, or have its checks fixed; may be done twice.

    Args:
        quiet: Seconds in which nothing else may happen before red checks are seen to.
    """
    if event.commit:
        return _handle_checks(event, store, now, quiet)
    if event.number is None:
        return IgnoredRequest(reason="it names neither a commit nor a pull request", routine=True)
    found = store.find_run_of_pull(event.repository_id, event.number)
    if found is None and store.is_publishing(event.repository_id):
        return DecisionPostponed(
            reason="a run of this repository is about to report its pull request"
        )
    if found is None or found.run.snapshot is None:
        return IgnoredRequest(reason="no pull request of ours", routine=True)
    # In the repository as it is called by now.
    here = {"repository": event.repository, "number": event.number, "issue_id": 0}
    pull = intake_api.read_pull(found.run.snapshot.issue.model_copy(update=here))
    if pull is None:
        return IgnoredRequest(reason="the pull request no longer exists")
    first = found.run.first
    if pull.state != "open":
        _stop_follow_up(found, pull.state, store)
    if not store.note_pull(first, None if pull.state == "open" else pull):
        return IgnoredRequest(
            reason=f"the pull request is already known to be {pull.state}", routine=True
        )
    return CommentHandled(reason=f"the pull request of run {first} is {pull.state}")


def _stop_follow_up(found: StoredRun, became: str, store: SqlRunStore) -> None:
    about = found.run.follow_up
    if about is not None and found.active:
        words = f"Pull request #{about.pull} was {became}, so its follow-up was stopped."
        store.request_stop(found.run.run_id, words, Reason.SUPERSEDED)


def _handle_checks(
    event: ConversationEvent, store: SqlRunStore, now: float, quiet: float
) -> IntakeDecision:
    """Have red checks seen to, where they are of the commit that we have pushed last."""
    wish = FollowUpRequest(kind="ci", quiet=quiet)
    found = store.find_run_of_head(event.repository_id, event.commit)
    if found is None and store.is_publishing(event.repository_id, of_follow_up=True):
        return DecisionPostponed(reason="a run of this repository is about to report its commit")
    if found is None:
        return IgnoredRequest(
            reason="not the last commit of one of our pull requests", routine=True
        )
    following = store.queue_follow_up(found.run.first, wish, now)
    if following in ("over", "full"):
        return IgnoredRequest(reason=f"no follow-up for these checks ({following})")
    return CommentHandled(reason=f"checks of run {found.run.run_id}'s commit ({following})")
