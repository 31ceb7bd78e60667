"""The task of a run: a ticket, or requests on our pull request."""

from agent.models.change import Change, Plan
from agent.models.code_host import Remote
from agent.models.outcome import ThreadOutcome, ThreadResult
from agent.models.pulls import BranchState, ProjectCheck, PullSnapshot, Thread
from agent.models.record import Record, replace
from agent.models.run import FollowUp
from agent.models.ticket import Ticket


class FollowUpItem(Record):
    """One item of a follow-up: a thread, a failed check or a conflict."""

    number: int
    """Number in its round, 1-based."""
    about: str
    """Place and first words, on one line; foreign text."""
    text: str
    """The whole text for the editor; foreign text."""
    thread: Thread | None = None
    check: ProjectCheck | None = None
    conflict: str = ""
    """Path that conflicts between the branch and its base; "": it is no conflict."""
    is_fork: bool = False
    """Whether git merges the branches, but their migrations have two ends."""
    settled: str = ""
    """Why a person has to handle it, if that is known from the beginning; else empty."""


class ItemAnswer(Record):
    item: int
    end: ThreadResult
    text: str
    by_model: bool = False


class PullContext(Record):
    about: FollowUp
    pull: PullSnapshot
    remote: Remote
    threads: tuple[Thread, ...] = ()
    """Threads that wait for our answer, by age; at most those of one round."""
    threads_left: int = 0
    checks: tuple[ProjectCheck, ...] = ()
    plan: Plan
    thread_outcomes: tuple[ThreadOutcome, ...] = ()
    """Newest outcome of each thread of earlier rounds."""
    text_digest: str | None = None
    """Digest of our last text of the pull request; None: not known."""
    was_draft: bool = False
    """Whether we left it as a draft before; then people decide when it is ready."""
    earlier_rounds: int = 0

    @property
    def asks_anything(self) -> bool:
        """Whether there may be something to do; the branch shows whether its base has moved."""
        return self.about.kind == "update" or bool(self.threads or self.checks)


class Task(Record):
    ticket: Ticket
    recipe: str
    """Recipe of the ticket; "": a model plans and edits."""
    start: BranchState
    """Start of the change: the base commit, or the branch of the pull request."""
    pull: PullContext | None = None
    """None: there is no pull request yet."""
    items: tuple[FollowUpItem, ...] = ()
    parameters: str = ""
    """Parameters of the recipe; empty: no recipe carries out the task."""

    @property
    def human_changes(self) -> Change | None:
        """The branch's change if it has commits of people, without files with conflict markers."""
        change, conflicts = self.start.change, self.start.conflicts
        if not self.start.foreign_commits:
            return None
        files = tuple(file for file in change.files if file.path not in conflicts)
        return replace(change, files=files)

    def brings_news(self, change: Change, answers: tuple[ItemAnswer, ...]) -> bool:
        """Whether a change is pushed to the branch; a merge alone only if it was asked for.

        If one conflict is left to people, so is the whole merge.
        """
        solved = {answer.item for answer in answers if answer.end == "commit"}
        if any(item.conflict and item.number not in solved for item in self.items):
            return False
        is_update = self.pull is not None and self.pull.about.kind == "update"
        merges = is_update and self.start.base_has_moved
        return merges or change.digest != self.start.change.digest
