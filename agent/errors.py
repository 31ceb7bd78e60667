"""Errors of the agent, drawn as a tree; raise a leaf, catch a branch.

- `RunStopped`: an expected end of a run; carries the reason code and the words for people.
- `TransientError`: the step can be tried again later.
- `PermanentError`: an operator must act; a retry will not help.
- `InternalError`: Mergewright itself failed; the log has the trace.

`RunStopped` becomes an Outcome in one place, `agent.runs.executor`. Failing checks are data
(`AnyComparison`), not errors. Every class can be kept in a record and be raised
again from it, with its attributes.
"""

from agent.models.change import Finding, Severity
from agent.models.record import Record
from agent.models.run import Reason, Run


class AgentError(Exception):
    """Something the agent could not do."""

    reason: Reason = Reason.UNAVAILABLE
    branch: str | None = None
    """The change that the run had made before."""
    commit: str | None = None
    details: str = ""
    """More for the operator, and for no issue: a provider's message, a requested address. On one
    line, without secrets and terminal codes."""
    is_recorded: bool = False
    """Whether it was read from the record of a step."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())

    def __init_subclass__(cls, reason: Reason | None = None) -> None:
        cls.reason = reason or cls.reason

    def name_branch(self, branch: str, commit: str | None) -> None:
        """Add to the message that a branch was made before the failure: people need to know it."""
        self.branch, self.commit = branch, commit
        self.args = (f"{self.message} The branch `{branch}` was created before.", *self.args[1:])

    @property
    def message(self) -> str:
        """The sentence for people, with the next step to take if there is one."""
        return str(self.args[0])


class ProcessEnding(BaseException):
    """The process is about to end: the run stops there, and continues with another process.

    No stage may catch it, and the current step leaves no record.
    """


class RunStopped(AgentError, reason=Reason.UNFIT):
    """The run ends here, for a reason people can act on."""

    def __init__(self, message: str | None = None, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.reason


class TicketUnclear(RunStopped, reason=Reason.UNCLEAR):
    """Facts are missing from the ticket, or contradict each other.

    Args:
        answer: A form with which the ticket would be clear, to be copied.
    """

    def __init__(self, questions: tuple[str, ...], answer: str = "") -> None:
        listed = "\n".join(f"- {question}" for question in questions)
        super().__init__("\n".join(filter(None, (f"Questions:\n{listed}", answer))))


class RequestRefused(RunStopped, reason=Reason.REFUSED):
    """The request is not allowed."""


class RepositoryUnfit(RunStopped, reason=Reason.UNFIT):
    """The repository cannot be worked on as it is."""


class ConfigInvalid(RepositoryUnfit, reason=Reason.CONFIG_INVALID):
    """The repository's configuration file has an error."""


class EnvironmentFailed(RunStopped, reason=Reason.ENVIRONMENT):
    """The repository's environment could not be built."""


class CheckUnfinished(RunStopped, reason=Reason.CHECK_UNFINISHED):
    """A limit ended the tests of the base commit."""


class EditFailed(RunStopped, reason=Reason.EDIT_FAILED):
    """The edit could not be made as asked."""


class UnaskedOperations(EditFailed, reason=Reason.UNASKED_OPERATIONS):
    """What was produced goes beyond what was asked for."""


class PolicyRefused(RunStopped, reason=Reason.POLICY):
    """A rule forbids the change."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        blocking = [finding for finding in findings if finding.severity is Severity.BLOCK]
        listed = "\n".join(
            f"- {finding.rule}:{f' {finding.place}' if finding.path else ''} {finding.message}"
            f" {finding.fix}"
            for finding in blocking
        )
        super().__init__(f"Rules block the change:\n{listed}")
        self.findings = findings


class TimeSpent(RunStopped, reason=Reason.TIME_SPENT):
    """The run has used the minutes it was given."""


class BudgetSpent(RunStopped, reason=Reason.BUDGET_SPENT):
    """What the run may use of models is spent, or its next request could go beyond it."""


class ModelRefused(RunStopped, reason=Reason.MODEL_REFUSED):
    """The model will not answer this."""


class ModelRequestRejected(ModelRefused, reason=Reason.MODEL_REQUEST_REJECTED):
    """The provider does not accept the request as it is made, or the model has no space for it."""


ASKING_ENDS = (BudgetSpent, TimeSpent, ModelRefused)
"""After these no model is asked any more; a change that has passed is published all the same."""


class Superseded(RunStopped, reason=Reason.SUPERSEDED):
    """The issue is no longer what was approved: closed, transferred, locked or unlabelled."""


class AccessLost(RunStopped, reason=Reason.ACCESS_LOST):
    """The code host no longer lets us do what this run needs; the message names the permission."""


class Cancelled(RunStopped, reason=Reason.CANCELLED):
    """Somebody stopped the run; the message says who or what."""


class VersionUnknown(RunStopped, reason=Reason.VERSION_UNKNOWN):
    """The run was begun by another version of Mergewright, which this one cannot follow."""


class Interrupted(AgentError, reason=Reason.INTERRUPTED):
    """The command was interrupted; the message says how to go on."""


class ActiveRun(AgentError):
    """The issue has a run that is not over: `run`."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"run {run.run_id} of this issue has not finished")
        self.run = run


class TransientError(AgentError):
    """Try again later."""


class CacheGone(TransientError):
    """What the step `made_by` has made on this machine is not there any more."""

    def __init__(self, message: str, made_by: str) -> None:
        super().__init__(message)
        self.made_by = made_by


class BranchMoved(TransientError):
    """Somebody has pushed to the branch since the step `look_again` looked at it."""

    def __init__(self, message: str, look_again: str) -> None:
        super().__init__(message)
        self.look_again = look_again


class ApprovalAwaited(TransientError, reason=Reason.UNANSWERED):
    """A person with write permission has to approve the plan of this number."""

    def __init__(self, message: str, plan: str) -> None:
        super().__init__(message)
        self.plan = plan


class SandboxLost(TransientError):
    """The sandbox ended without proof that the command in it ever started."""


class IndexUnavailable(TransientError):
    """The package index did not answer."""


class CodeHostUnavailable(TransientError):
    """The code host did not answer, or not with anything that makes sense."""


class CodeHostLimited(CodeHostUnavailable):
    """The code host asks us to wait, `until` seconds since the epoch."""

    def __init__(self, message: str, until: float) -> None:
        super().__init__(message)
        self.until = until


class ModelUnavailable(TransientError):
    """No model answered."""

    until: float | None
    """When to retry, in seconds since the epoch, if the provider named a time."""

    def __init__(self, message: str, until: float | None = None) -> None:
        super().__init__(message)
        self.until = until


class BudgetReached(ModelUnavailable):
    """A budget of the operator's is used up."""


class StoreUnavailable(TransientError):
    """A database of ours cannot be used just now."""


class PermanentError(AgentError):
    """An operator must act before this can work."""


class SandboxMissing(PermanentError, reason=Reason.NO_SANDBOX):
    """No sandbox can be opened on this machine, and nothing runs outside one."""


class SettingsInvalid(PermanentError, reason=Reason.SETTINGS_INVALID):
    """An operator's setting is wrong."""


class ModelUnusable(SettingsInvalid, reason=Reason.MODEL_UNUSABLE):
    """A model's key, name or address is wrong."""


RUN_ENDS = (Superseded, AccessLost, Cancelled, VersionUnknown)
"""These end the run, whatever it has done."""
ROUND_ENDS = (RunStopped, ModelUnavailable, ModelUnusable)
"""All others of these end only a round after a change has passed: that one is published."""


class StorageFull(PermanentError, reason=Reason.STORAGE_FULL):
    """The disk with Mergewright's own data is full."""


FREE_SOME_SPACE = (
    "Free some space; in the data folder environments/, mirrors/ and baselines/ are caches."
)


class StoreUnusable(PermanentError):
    """A database of ours is damaged, replaced, or of another version."""


class EngineLocked(PermanentError):
    """Another process works on the same data folder."""


class LogUnusable(PermanentError):
    """There is no signed log of a run, or it cannot be read."""


class InternalError(AgentError, reason=Reason.INTERNAL):
    """Mergewright itself failed."""


# --- kept errors ------------------------------------------------------------------------------


class ErrorRecord(Record):
    kind: str
    reason: Reason
    message: str
    attributes: dict[str, str | float | Run | tuple[Finding, ...] | None]


def make_failure(problem: AgentError) -> ErrorRecord:
    """Make a record of an error, from which `restore_error` makes it again."""
    # A private subclass is stored as its nearest class of this module, with its message.
    kind = next(base for base in type(problem).__mro__ if _KINDS.get(base.__name__) is base)
    attributes = {
        name: value
        for name, value in vars(problem).items()
        if name != "reason" and (kind is type(problem) or isinstance(value, str | None))
    }
    return ErrorRecord(
        kind=kind.__name__, reason=problem.reason, message=problem.message, attributes=attributes
    )


def restore_error(failure: ErrorRecord) -> AgentError:
    """Restore an error from its record. Raises ValueError for an unknown class."""
    kind = _KINDS.get(failure.kind)
    if kind is None:
        raise ValueError(f"unknown error type {failure.kind}")
    problem = kind.__new__(kind, failure.message)
    vars(problem).update(failure.attributes, reason=failure.reason, is_recorded=True)
    return problem


_KINDS: dict[str, type[AgentError]] = {
    name: kind
    for name, kind in globals().items()
    if isinstance(kind, type) and issubclass(kind, AgentError)
}
