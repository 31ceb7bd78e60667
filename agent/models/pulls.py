"""Records of a pull request of ours: its state, what people say in it, what its checks say.

Part of the vocabulary, as `agent.models` is; a follow-up is made of these.
"""

from typing import Literal, Self

from agent.models.change import Change
from agent.models.environment import Checkout
from agent.models.outcome import Place, PullRequest
from agent.models.record import Record


class ThreadComment(Record):
    comment_id: int
    """Id in GitHub's REST interface; unique among comments of its kind."""
    author: str
    """Login; `ghost` where the account is gone."""
    author_id: int
    is_bot: bool = False
    is_ours: bool = False
    body: str
    at: str
    url: str = ""


class Thread(Record):
    """What people say about one thing, oldest comment first."""

    thread_id: str
    """On lines, the code host's id of the thread; else the place and the number of its comment."""
    place: Place
    path: str = ""
    line: int | None = None
    """1-based, in the file as the pull request has it; None: of a whole file, or of lines that
    are there no longer."""
    hunk: str = ""
    resolved: bool = False
    approves: bool = False
    """Whether it is the text of a review that approves, or that was dismissed."""
    comments: tuple[ThreadComment, ...]


class PullSnapshot(Record):
    number: int
    url: str
    state: Literal["open", "closed", "merged"]
    draft: bool
    title: str
    body: str
    branch: str
    head: str
    base_branch: str
    threads: tuple[Thread, ...] = ()
    """All that are in it, by age; the comments that are commands are left in."""

    @property
    def reference(self) -> PullRequest:
        return PullRequest(
            number=self.number, url=self.url, draft=self.draft, base_branch=self.base_branch
        )


class BranchState(Record):
    """The branch of a pull request in git, brought up to date with its base."""

    checkout: Checkout
    """The commit that everything is compared with: the end of the base branch where that merges
    without a conflict, else the commit at which the branch left it."""
    change: Change
    """From there to the branch as it is, with the base merged in."""
    head: str
    tip: str
    tree: str
    """Object id of the tree that `change` leads to."""
    foreign_commits: tuple[str, ...] = ()
    """Commits of the branch that are not ours, oldest first: never rewritten."""
    base_has_moved: bool = False
    conflicts: tuple[str, ...] = ()
    """Paths on which the two do not go together; where they were merged, between marks."""

    @classmethod
    def at_base(cls, checkout: Checkout) -> Self:
        commit = checkout.commit
        nothing = Change(base_commit=commit, files=())
        return cls(checkout=checkout, change=nothing, head=commit, tip=commit, tree="")

    @property
    def brought_up(self) -> bool:
        """Whether the base was merged in, so that its end comes with the next commit."""
        return self.base_has_moved and self.checkout.commit == self.tip


class ProjectCheck(Record):
    name: str
    state: Literal["pending", "passed", "failed", "waiting"]
    url: str = ""
    job: int | None = None
    """Number of the job whose log can be read; None: it has none."""
    summary: str = ""


class ClosedIssue(Record):
    """An issue as it was when the pull request that closed it was opened."""

    number: int
    title: str
    body: str | None
    """None: it was written later, or its text of that time is not kept."""


class MergedPull(Record):
    number: int
    base_tip: str
    issues: tuple[ClosedIssue, ...]
