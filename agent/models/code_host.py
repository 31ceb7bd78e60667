"""The code host: the source of tickets, and where results are published."""

from typing import Protocol

from agent.models.outcome import Outcome, PullRequest
from agent.models.pulls import ProjectCheck, PullSnapshot, Thread
from agent.models.record import Record
from agent.models.run import Run
from agent.models.ticket import Ticket


class Remote(Record):
    name: str
    """Current `owner/name` on the code host."""
    url: str
    default_branch: str
    author: str
    email: str


class NewPullRequest(Record):
    branch: str
    commit: str
    base_branch: str
    base_commit: str = ""
    """Commit that the checks were compared with; empty: not known."""
    title: str
    body: str
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    """Logins, or `org/team`."""
    labels: tuple[str, ...] = ()
    summary: str = ""
    check_title: str = "The project's own checks passed"
    """Title of the check that is reported on the commit; empty: no check is reported."""
    checked: bool = True
    """Whether any check ran; if not, the reported check is neutral."""


_FOLDER = "A repository on this machine has no code host behind it."


class CodeHost(Protocol):
    """Reads tickets and publishes results.

    Every write may run twice, so it looks for its earlier effect first, by the run's id. The bodies
    here are for a folder on this machine, which has neither remote nor pull requests. Real code
    hosts raise CodeHostUnavailable, CodeHostLimited and AccessLost.
    """

    def read_ticket(self, run: Run) -> Ticket:
        """Read the ticket. Raises Superseded if the issue is not to be worked on any more."""
        ...

    def announce_start(self, run: Run, text: str) -> None:
        """Show that the run has started, by a reaction and the status comment."""
        return

    def update_status(self, run: Run, text: str, *, is_news: bool, is_last: bool = False) -> None:
        """Update the status comment; a failure is logged and not raised.

        Args:
            is_news: Whether the text is shown at once; others are shown at intervals.
            is_last: Whether the text is shown at once, and is the last one of this attempt.
        """
        return

    def find_remote(self, run: Run) -> Remote | None:
        """Return the repository's current address; None: it is a folder on this machine."""
        return None

    def create_credential(self, run: Run, *, write: bool) -> str:
        """Create a token for git, valid for this repository alone; it is never stored or shown."""
        raise AssertionError(_FOLDER)

    def has_pull_request(self, run: Run, branch: str) -> bool:
        """Return whether a branch has or had a pull request, whoever opened it."""
        return False

    def has_open_pull_request(self, run: Run, branch: str) -> bool:
        """Return whether our pull request of a branch is open; AccessLost: another account's is."""
        return False

    def publish_pull_request(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Open the pull request of a branch or update it, and report the check."""
        raise AssertionError(_FOLDER)

    def await_approval(self, run: Run, text: str, number: str) -> None:
        """Show a plan on the issue; people are notified once for each number of a plan."""
        raise AssertionError(_FOLDER)

    def report_outcome(
        self, run: Run, outcome: Outcome, text: str, *, occasion: str = ""
    ) -> Outcome:
        """Write the last status comment; return the outcome, with what failed while writing.

        Args:
            occasion: Why a person has to act, in one word: people are notified once for each.
                Empty: no one is notified.
        """
        return outcome

    # --- a pull request of ours after it was opened ---------------------------------------------

    def read_pull(self, run: Run, number: int) -> PullSnapshot | None:
        """Read the pull request with all its threads; None: it does not exist any more."""
        raise AssertionError(_FOLDER)

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        raise AssertionError(_FOLDER)

    def reply_in_thread(
        self, run: Run, number: int, thread: Thread, words: str, *, key: str
    ) -> str:
        """Answer a thread, in it or in the conversation, once for each key; return its URL.

        Args:
            thread: As read in this attempt, with the answers of earlier attempts.
        """
        raise AssertionError(_FOLDER)

    def add_comment(self, run: Run, number: int, words: str, *, key: str) -> None:
        raise AssertionError(_FOLDER)

    def rewrite_text(self, run: Run, number: int, body: str) -> None:
        raise AssertionError(_FOLDER)

    def report_broken(
        self, run: Run, number: int, title: str, summary: str, *, draft_note: str
    ) -> None:
        """Report a failed check on a pull request's last commit, and make it a draft; once a run.

        Args:
            summary: Markdown of ours.
            draft_note: Added to the summary if the pull request is a draft afterwards.
        """
        raise AssertionError(_FOLDER)

    def close_pull(self, run: Run, number: int) -> None:
        raise AssertionError(_FOLDER)

    def resolve_thread(self, run: Run, thread: Thread) -> bool:
        """Mark a thread as resolved; return False if the code host does not allow it."""
        raise AssertionError(_FOLDER)

    def list_checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        raise AssertionError(_FOLDER)

    def read_log(self, run: Run, check: ProjectCheck) -> str:
        """Read the end of the log of a check, at most 200,000 characters; empty: it has none."""
        raise AssertionError(_FOLDER)
