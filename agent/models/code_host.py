"""Where tickets come from and results go."""

from typing import Protocol

from agent.models.change import Finding
from agent.models.outcome import Outcome, PullRequest
from agent.models.pulls import ProjectCheck, PullSnapshot, Thread
from agent.models.record import Record
from agent.models.run import Run
from agent.models.ticket import Ticket


class Remote(Record):
    name: str
    """`owner/name`, as the code host calls it now."""
    url: str
    default_branch: str
    author: str
    email: str


class NewPullRequest(Record):
    branch: str
    commit: str
    base_branch: str
    base_commit: str = ""
    """The commit that the checks were compared with; empty: not known."""
    title: str
    body: str
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    """Logins, or `org/team`."""
    labels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Shown at their lines, as far as the code host can."""
    summary: str = ""
    check_title: str = "The project's own checks passed"
    """Title of the check that is reported on the commit; empty: none is."""
    checked: bool = True
    """Whether anything was; else that check neither passed nor failed."""
    is_broken: bool = False
    begun: float | None = None
    """When the run began, in seconds since the epoch: that check took from then to now."""


_FOLDER = "A repository on this machine has no code host behind it."


class CodeHost(Protocol):
    """Where tickets come from and results go.

    Everything that writes may run twice: it looks for its own earlier effect first, by the run's
    id. What is written here is how a folder on this machine answers, which has neither remote nor
    pull requests; code hosts have their own, which raise CodeHostUnavailable, CodeHostLimited,
    AccessLost.
    """

    def read_ticket(self, run: Run) -> Ticket:
        """Read the ticket as data; Superseded: the issue is no longer to be worked on."""
        ...

    def announce_start(self, run: Run, text: str) -> None:
        """Let people see that the run has started: reaction and status comment."""
        return

    def update_status(self, run: Run, text: str, *, is_news: bool, is_last: bool = False) -> None:
        """Bring the status comment up to date; a failure is logged, never raised.

        Args:
            is_news: Shown at once; others now and then.
            is_last: Shown at once, and no other text of this attempt.
        """
        return

    def find_remote(self, run: Run) -> Remote | None:
        """Say where git finds the repository now; None: it is a folder on this machine."""
        return None

    def create_credential(self, run: Run, *, write: bool) -> str:
        """Hand out a token for git, for this repository alone; never to be stored or shown."""
        raise AssertionError(_FOLDER)

    def has_pull_request(self, run: Run, branch: str) -> bool:
        """Say whether there is or was a pull request of a branch, also of somebody else."""
        return False

    def has_open_pull_request(self, run: Run, branch: str) -> bool:
        """Say whether our pull request of a branch is open; AccessLost: somebody else's is."""
        return False

    def publish_pull_request(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Open the pull request, or bring the one of this branch up to date; report the check."""
        raise AssertionError(_FOLDER)

    def list_others(self, run: Run, branch: str) -> tuple[int, ...]:
        """List open pull requests of ours for the issue that no store may know, but that branch's.

        An App's are in the store of its service: none.
        """
        return ()

    def await_approval(self, run: Run, text: str, number: str) -> None:
        """Let people see on the issue what is planned; they are notified of each number once."""
        raise AssertionError(_FOLDER)

    def report_outcome(
        self, run: Run, outcome: Outcome, text: str, *, occasion: str = ""
    ) -> Outcome:
        """Show the last text of the status comment; return the outcome, with what failed at that.

        Args:
            occasion: Why a person has to act, in one word: they are notified of each once. Empty:
                nobody is notified.
        """
        return outcome

    # --- a pull request of ours after it was opened ---------------------------------------------

    def read_pull(self, run: Run, number: int) -> PullSnapshot | None:
        """Read the pull request with all its threads; None: it is not there any more."""
        raise AssertionError(_FOLDER)

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        raise AssertionError(_FOLDER)

    def reply_in_thread(
        self, run: Run, number: int, thread: Thread, words: str, *, key: str
    ) -> str:
        """Answer a thread once for each key: in it, or in the conversation; return its page.

        Args:
            thread: As it was read in this attempt; what an earlier one has said is in it.
        """
        raise AssertionError(_FOLDER)

    def add_comment(self, run: Run, number: int, words: str, *, key: str) -> None:
        raise AssertionError(_FOLDER)

    def rewrite_text(self, run: Run, number: int, body: str) -> None:
        raise AssertionError(_FOLDER)

    def report_broken(
        self, run: Run, number: int, title: str, summary: str, *, draft_note: str
    ) -> None:
        """Let the check of a pull request's last commit fail, and make it a draft, once for a run.

        Args:
            summary: Markdown of ours.
            draft_note: Added to it where the pull request is a draft then.
        """
        raise AssertionError(_FOLDER)

    def close_pull(self, run: Run, number: int) -> None:
        raise AssertionError(_FOLDER)

    def resolve_thread(self, run: Run, thread: Thread) -> bool:
        """Mark a thread as resolved; return False where the code host does not let us."""
        raise AssertionError(_FOLDER)

    def list_checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        raise AssertionError(_FOLDER)

    def read_log(self, run: Run, check: ProjectCheck) -> str:
        """Read the end of the log of a check, at most 200,000 characters; empty: it has none."""
        raise AssertionError(_FOLDER)
