"""How a run reacts to an error: it ends with it, or waits and retries."""

from typing import NamedTuple

from agent.errors import (
    AgentError,
    ApprovalAwaited,
    BranchMoved,
    BudgetReached,
    CacheGone,
    CodeHostLimited,
    ModelUnavailable,
    PermanentError,
    SandboxLost,
    StoreUnavailable,
    StoreUnusable,
    TransientError,
)
from agent.models.clock import read_clock
from agent.models.run import Wait
from agent.models.step import AnyStep

#: Maximum number of waits of a run: about six hours.
MOST_WAITS = 32
#: A sandbox that is lost or does not start repeatedly has a cause that waiting does not remove.
_MOST_LOST = 3
_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 900.0
#: An approval wakes the run; without one it looks once a day, for two weeks.
_APPROVAL_SECONDS = 86_400.0
_MOST_APPROVAL_WAITS = 14


class PastWait(NamedTuple):
    step: str | None = None
    times: int = 0


class RunPostponed(Exception):
    """The run has to wait until a time, and then continues; nothing of it is lost."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.reason)
        self.wait = wait


def postpone_run(problem: AgentError, step_at: AnyStep | None, waited: PastWait | None) -> None:
    """Raise RunPostponed if the cause of an error lies outside the run.

    The run waits until a time that the code host names; also until one that a model names, but not
    without end. Silent services are retried a limited number of times, with increasing pauses.

    Raises:
        RunPostponed: The run has not reached its maximum of waits yet.
    """
    if waited is None or not isinstance(problem, TransientError | PermanentError):
        return
    at = problem.look_again if isinstance(problem, BranchMoved) else step_at
    times = waited.times if waited.step == at else 0
    believed = isinstance(problem, CodeHostLimited | BudgetReached) or times < MOST_WAITS
    if isinstance(problem, CodeHostLimited | ModelUnavailable) and problem.until and believed:
        until = problem.until
    elif isinstance(problem, ApprovalAwaited):
        if times >= _MOST_APPROVAL_WAITS:
            return
        until = read_clock() + _APPROVAL_SECONDS
    elif times < (_MOST_LOST if isinstance(problem, SandboxLost) else MOST_WAITS):
        until = read_clock() + min(_SHORTEST_WAIT * 2.0**times, _LONGEST_WAIT)
    else:
        return
    after: str | None = step_at
    if isinstance(problem, CacheGone):
        after = problem.made_by
    elif isinstance(problem, BranchMoved):
        after = problem.look_again
    elif isinstance(problem, StoreUnavailable | StoreUnusable) and not problem.is_recorded:
        # The records cannot be read or written: later, all of them are taken over. Not if the error
        # itself is recorded, since it would then occur again without end.
        after = None
    asked = problem.plan if isinstance(problem, ApprovalAwaited) else None
    wait = Wait(reason=problem.message, until=until, begin_with=after, plan_asked=asked)
    raise RunPostponed(wait) from problem


def write_sentence(problem: AgentError, waited: PastWait | None) -> str:
    """Return the message for readers of the issue, without details of the machine."""
    if isinstance(problem, ApprovalAwaited):
        return f"Plan {problem.plan} was not approved within two weeks, so nothing was edited."
    if waited is None or not isinstance(problem, PermanentError):
        return problem.message
    return (
        "Mergewright was unable to work for hours because of an internal problem; the operator"
        " can find it in the log."
    )
