"""Records of our pull request that a follow-up reads: its state, threads, branch and checks."""

from typing import Literal, Self

from pydantic import ConfigDict

from agent.models.change import Change
from agent.models.environment import Checkout
from agent.models.outcome import Place, PullRequest
from agent.models.record import Record


class ThreadComment(Record):
    comment_id: int
    """Id in GitHub's REST interface; unique among comments of its kind."""
    author: str
    """Login; `ghost` if the account was deleted."""
    author_id: int
    is_bot: bool = False
    is_ours: bool = False
    body: str
    at: str
    url: str = ""


class Thread(Record):
    """A thread of comments, the oldest first."""

    thread_id: str
    """The code host's id of a thread on lines; else the place and the number of its comment."""
    place: Place
    path: str = ""
    line: int | None = None
    """1-based line of the pull request's file; None: the whole file, or lines that are gone."""
    hunk: str = ""
    resolved: bool = False
    approves: bool = False
    """Whether it is the text of an approving or dismissed review."""
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
    """All threads by age, comments that are commands included."""

    @property
    def reference(self) -> PullRequest:
        return PullRequest(
            number=self.number, url=self.url, draft=self.draft, base_branch=self.base_branch
        )


class BranchState(Record):
    """The branch of a pull request, with its base branch merged in."""

    checkout: Checkout
    """The commit that the change is compared with: the tip of the base branch if it merges without
    a conflict, else the merge base."""
    change: Change
    """Difference from that commit to the merged branch."""
    head: str
    tip: str
    tree: str
    """Object id of the tree that `change` leads to."""
    foreign_commits: tuple[str, ...] = ()
    """Commits of the branch by others, the oldest first; they are never rewritten."""
    base_has_moved: bool = False
    conflicts: tuple[str, ...] = ()
    """Paths that conflict. If the branches were merged, the files have conflict markers."""

    @classmethod
    def at_base(cls, checkout: Checkout) -> Self:
        commit = checkout.commit
        nothing = Change(base_commit=commit, files=())
        return cls(checkout=checkout, change=nothing, head=commit, tip=commit, tree="")

    @property
    def brought_up(self) -> bool:
        """Whether the base was merged in; the next commit then merges the base's tip."""
        return self.base_has_moved and self.checkout.commit == self.tip


class ProjectCheck(Record):
    # Waiting runs of earlier versions have more fields.
    model_config = ConfigDict(extra="ignore")

    name: str
    state: Literal["pending", "passed", "failed", "waiting"]
    job: int | None = None
    """Number of the job whose log can be read; None: it has none."""
    summary: str = ""


class ClosedIssue(Record):
    """An issue, as it was when the pull request that closed it was opened."""

    number: int
    title: str
    body: str | None
    """None: the text was written later, or that version is not available."""


class MergedPull(Record):
    number: int
    base_tip: str
    issues: tuple[ClosedIssue, ...]
