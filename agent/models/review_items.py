"""What a follow-up sees to: what it finds, the matters of a round, and the answers to them."""

from __future__ import annotations

from agent.models.change import Plan
from agent.models.code_host import Remote
from agent.models.outcome import ThreadOutcome, ThreadResult
from agent.models.pulls import BranchState, ProjectCheck, PullSnapshot, Thread
from agent.models.record import Record


class ReviewItem(Record):
    """One thing that a follow-up has to see to: a thread, or a check that is red."""

    number: int
    """In its round, 1-based."""
    about: str
    """Place and first words, on one line; foreign words."""
    text: str
    """All that is said, for whoever sees to it; foreign words."""
    thread: Thread | None = None
    check: ProjectCheck | None = None
    settled: str = ""
    """Why it is for a person, where that is known from the beginning."""


class ItemAnswer(Record):
    """What becomes of a matter, before anything of it has left the machine."""

    item: int
    end: ThreadResult
    text: str
    by_model: bool = False
    is_beyond_ticket: bool = False
    """Whether it asks for more than the ticket, which can be an issue of its own."""


class FollowUpContext(Record):
    pull: PullSnapshot
    remote: Remote
    threads: tuple[Thread, ...] = ()
    """The threads that wait for an answer of ours, by age, as many as one round takes."""
    threads_left: int = 0
    checks: tuple[ProjectCheck, ...] = ()
    """Those of the project's own that are red, or wait for somebody to allow them."""
    plan: Plan
    """Of the change as we have left it."""
    thread_outcomes: tuple[ThreadOutcome, ...] = ()
    """What became of the threads of earlier rounds; of each the newest."""
    text_digest: str | None = None
    """Of the text that we gave the pull request last; None: not known."""
    earlier_rounds: int = 0
    """How many rounds of this kind there were before."""


class FollowUpTask(Record):
    context: FollowUpContext
    branch_state: BranchState
    items: tuple[ReviewItem, ...]
