"""Keep one open pull request for an issue: a newer one replaces those of earlier runs.

May run twice: the comment has a key, and what is closed stays closed.
"""

from contextlib import suppress

from agent.desk import Desk
from agent.errors import RunStopped, Superseded
from agent.models.outcome import EarlierPull, PullRequest
from agent.models.record import replace
from agent.models.run import Run, RunState


def list_open(run: Run, desk: Desk) -> tuple[EarlierPull, ...]:
    """List the pull requests of earlier runs of the issue that are open by our records."""
    if run.follow_up is not None:
        return ()
    pulls = desk.memory.list_earlier_pulls(run)
    return tuple(pull for pull in pulls if pull.state is RunState.OPEN)


def close_replaced(pull: PullRequest, run: Run, desk: Desk) -> tuple[PullRequest, tuple[int, ...]]:
    """Close earlier pull requests of the issue, each with a comment that names the new one.

    Returns:
        The new pull request, with those that it replaces; and the numbers of those that stay open:
        people have pushed commits to them, or they could not be closed.
    """
    closed: list[int] = []
    still_open: list[int] = []
    for earlier in list_open(run, desk):
        # The new pull request is open, so an error here does not end the run.
        with suppress(RunStopped):
            now = desk.code_host.read_pull(run, earlier.number)
            if now and now.state != "merged" and now.head == earlier.commit:
                words = f"Replaced by #{pull.number}, which a newer run of issue {run.ticket} made."
                key = f"{run.run_id} replaced"
                desk.code_host.add_comment(run, earlier.number, words, key=key)
                # An earlier attempt of this step may have closed it already.
                desk.code_host.close_pull(run, earlier.number)
                closed.append(earlier.number)
                continue
            if now is None or now.state != "open":
                continue
        still_open.append(earlier.number)
    return replace(pull, replaces=tuple(closed)), tuple(still_open)


def require_unproposed(run: Run, branch: str, desk: Desk) -> None:
    """Refuse a second pull request for a branch of this run.

    A branch is named after its run: only a run that goes on from an old backup finds it taken.

    Raises:
        Superseded: The branch has a pull request, with newer commits of someone else.
    """
    if desk.code_host.has_pull_request(run, branch):
        raise Superseded(
            f"This run's branch {branch} already has a pull request with newer commits by"
            " someone else. It was left unchanged."
        )
