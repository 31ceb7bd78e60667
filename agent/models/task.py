"""What a run is to bring about: a ticket, or what is asked of a pull request of ours."""

from agent.models.change import Change, Plan
from agent.models.code_host import Remote
from agent.models.outcome import ThreadOutcome, ThreadResult
from agent.models.pulls import BranchState, ProjectCheck, PullSnapshot, Thread
from agent.models.record import Record, replace
from agent.models.run import FollowUp
from agent.models.ticket import Ticket


class FollowUpItem(Record):
    """One thing that a follow-up has to see to: a thread, or a check that is red."""

    number: int
    """In its round, 1-based."""
    about: str
    """Place and first words, on one line; foreign words."""
    text: str
    """All that is said, for the editor; foreign words."""
    thread: Thread | None = None
    check: ProjectCheck | None = None
    conflict: str = ""
    """The path on which the branch and its base do not go together; "": it is about no such."""
    is_fork: bool = False
    """Whether the two go together for git, but not for what applies their migrations."""
    settled: str = ""
    """Why it is for a person, where that is known from the beginning."""


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
    """The threads that wait for an answer of ours, by age, as many as one round takes."""
    threads_left: int = 0
    checks: tuple[ProjectCheck, ...] = ()
    plan: Plan
    thread_outcomes: tuple[ThreadOutcome, ...] = ()
    """What became of the threads of earlier rounds; of each the newest."""
    text_digest: str | None = None
    """Digest of the text that we gave the pull request last; None: not known."""
    was_draft: bool = False
    """Whether we have left it as a draft before: then people say when it is ready."""
    earlier_rounds: int = 0

    @property
    def asks_anything(self) -> bool:
        """Whether there may be something to do; that a base has moved is seen in the branch."""
        return self.about.kind == "update" or bool(self.threads or self.checks)


class Task(Record):
    ticket: Ticket
    recipe: str
    """Recipe of the ticket; "": a model plans and edits."""
    start: BranchState
    """Where the change begins: the base commit, or the branch of the pull request."""
    pull: PullContext | None = None
    """None: there is no pull request yet."""
    items: tuple[FollowUpItem, ...] = ()
    parameters: str = ""
    """A recipe's parameters; empty: no recipe carries it out."""

    @property
    def human_changes(self) -> Change | None:
        """The branch's change, where people have committed to it besides our work.

        What a merge has put between marks nobody has written.
        """
        change, conflicts = self.start.change, self.start.conflicts
        if not self.start.foreign_commits:
            return None
        files = tuple(file for file in change.files if file.path not in conflicts)
        return replace(change, files=files)

    def brings_news(self, change: Change, answers: tuple[ItemAnswer, ...]) -> bool:
        """Whether a change is to go on the branch; a merge alone is only where it was asked for.

        Where one conflict is left to people, all of the merge is.
        """
        solved = {answer.item for answer in answers if answer.end == "commit"}
        if any(item.conflict and item.number not in solved for item in self.items):
            return False
        is_update = self.pull is not None and self.pull.about.kind == "update"
        merges = is_update and self.start.base_has_moved
        return merges or change.digest != self.start.change.digest
