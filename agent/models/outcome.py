"""The verdict on a change, and how a run ended."""

from typing import Literal, Protocol, Self

from agent.models.base_report import BaseReport
from agent.models.change import Finding, Plan
from agent.models.checks import AnyComparison
from agent.models.model_use import ModelTotal, ModelUse
from agent.models.record import Record
from agent.models.review import ReviewNotes
from agent.models.run import Reason, Run, RunState
from agent.models.ticket import Category


class Verdict(Record):
    publish: bool
    reason: Reason
    sentence: str
    findings: tuple[Finding, ...] = ()
    review: tuple[str, ...] = ()
    """Places that a person has to look at first, as in `shop/models.py:3`: the pull request is a
    draft until then."""


Place = Literal["inline", "review", "issue"]
"""Place of a thread or comment: on lines, the text of a review, the conversation of an issue or
pull request."""


ThreadResult = Literal["commit", "reply", "human"]
"""How a thread ends: with a commit, with an answer, or with the note that a person is needed."""


class ThreadOutcome(Record):
    thread_id: str
    place: Place
    about: str
    url: str = ""
    kind: ThreadResult
    text: str
    by_model: bool = False
    commit: str = ""
    last_comment_id: int
    """Number of the last comment that was handled; 0: the round ended before."""
    resolved: bool = False


class PullRequest(Record):
    number: int
    url: str
    draft: bool = False
    base_branch: str = ""
    notes: tuple[str, ...] = ()
    """Sentences about what could not be set: draft, a reviewer, a label."""
    replaces: tuple[int, ...] = ()
    """Pull requests of earlier runs of the issue that were closed for it."""

    @property
    def title(self) -> str:
        """Its kind and number, for the beginning of a sentence."""
        return f"{'Draft pull' if self.draft else 'Pull'} request #{self.number}"


class RunFiles(Record):
    """Files in a run's folder about its end."""

    text: str | None = None
    """Text of the pull request, or why there is none; empty: there is no text."""
    text_path: str | None = None
    """File with this text."""
    patch_path: str | None = None
    """What a model had done when the run stopped, as a patch for `git apply`."""
    log: str | None = None
    """File or page with the log."""


class JudgedChange(Record):
    """The last change of a run, with the results that it has."""

    digest: str | None = None
    """Digest of the change."""
    plan: Plan | None = None
    """Plan of a published change."""
    checks: tuple[AnyComparison, ...] = ()
    """Each check, with its result before and after the change."""
    findings: tuple[Finding, ...] = ()
    """Findings of rules, with their places."""
    review: ReviewNotes | None = None
    """Result of the second model's review."""
    migration_folders: tuple[str, ...] = ()
    """Folders to which a published change adds migrations; later, the base may add some, too."""


class ReviewState(Record):
    text_digest: str | None = None
    """Digest of the pull request's text as written, without what a review adds to it."""
    threads: tuple[ThreadOutcome, ...] = ()
    waiting_threads: tuple[ThreadOutcome, ...] = ()


class RunFigures(Record):
    category: Category | None = None
    """Kind of work; None: there is no plan."""
    recipe: str | None = None
    """Recipe that handled the ticket; empty: a model did; None: the run ended before."""
    first_round: Reason | None = None
    """Result of the first change that was judged; `ready`: it passed; None: none was judged."""
    models: tuple[ModelUse, ...] = ()
    """Requests, tokens and dollars by model and role."""
    told_at: float | None = None
    """When publishing began, in seconds since the epoch; the run is over only later."""

    @property
    def total_usage(self) -> ModelTotal:
        return ModelTotal.from_uses(self.models)


class Outcome(Record):
    """How a run ended; `agent.cli` prints it and `--json` is built from it."""

    run_id: str
    """The run, for `runs show`."""
    state: RunState
    """State of the run; see Outcomes of a run."""
    reason: Reason
    """Why it ended; see Outcomes of a run."""
    sentence: str
    """The same for people."""
    branch: str | None = None
    """Branch with the change."""
    commit: str | None = None
    """Commit with the change."""
    pull_request: PullRequest | None = None
    """Its `number`, `url`, whether it is a `draft`, `notes`, and what it `replaces`."""
    still_open: tuple[int, ...] = ()
    """Pull requests of earlier runs of the issue that are open, too."""
    stopped_at: str | None = None
    """Step that `--resume` continues with; None: the first."""
    config_name: str | None = None
    """File of `--config`."""
    base: BaseReport | None = None
    """The base commit, of `mergewright check`."""
    files: RunFiles = RunFiles()
    judged: JudgedChange = JudgedChange()
    review_state: ReviewState = ReviewState()
    figures: RunFigures = RunFigures()

    @classmethod
    def for_stopped_run(cls, run_id: str, reason: Reason, sentence: str) -> Self:
        return cls(run_id=run_id, state=reason.state, reason=reason, sentence=sentence)

    @property
    def headline(self) -> str:
        """General description of the end; empty if the sentence alone is clearer."""
        return "" if self.reason is Reason.SUPERSEDED else self.reason.headline

    @property
    def is_done(self) -> bool:
        """Whether the ticket was carried out; a dry run is not."""
        return self.state is RunState.OPEN


class PullEnd(Record):
    """State of our pull request on the code host."""

    pull: int
    """Its number."""
    state: Literal["open", "merged", "closed"]
    at: str | None
    """ISO 8601, UTC: when people merged or closed it."""
    conflicts: bool | None = None
    """Whether it conflicts with its base branch; None: the code host does not know yet."""


class EarlierPull(Record):
    number: int
    state: RunState
    commit: str | None
    """Last commit that we pushed to its branch."""


class PastRun(Protocol):
    """A run in the store."""

    @property
    def run(self) -> Run: ...

    @property
    def outcome(self) -> Outcome | None:
        """Its end; None: it has not ended."""
