"""A pull request of ours on GitHub after it was opened: implements `Pulls`.

How threads are read and answered is left to `review_threads`, what the project's own checks say to
`project_checks`, how a commit is made so that GitHub signs it to `signed_commit`.
"""

from __future__ import annotations

from agent.errors import RequestRefused
from agent.github import gatekeeper, project_checks, review_threads, signed_commit
from agent.github.access import Access
from agent.github.session import Session, all_in_our_words
from agent.models.change import Change
from agent.models.pulls import ProjectCheck, PullNow, Thread
from agent.models.run import Run
from agent.settings import Settings

_MAY_WRITE = frozenset({"write", "maintain", "admin"})


@all_in_our_words
class GithubPulls:
    """Reads and answers pull requests with the tokens of a run."""

    def __init__(self, access: Access, settings: Settings) -> None:
        """Take the way to GitHub and the operator's settings; asks nothing yet."""
        self._access = access
        self._public_url = settings.public_url
        self._writers: dict[tuple[str, str, int], bool] = {}

    def read(self, run: Run, number: int) -> PullNow | None:
        """Read the pull request with all its threads; None: it is not there any more."""
        return review_threads.read(self._session(run), number)

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        """Whether whoever has the login is that account and may write; asked once in a run."""
        known = (run.run_id, login.lower(), account_id)
        if account_id and known not in self._writers:
            found = gatekeeper.permission_of(self._session(run), login)
            self._writers[known] = found.account_id == account_id and found.level in _MAY_WRITE
        return self._writers.get(known, False)

    def reply(self, run: Run, number: int, thread: Thread, words: str, *, key: str) -> str:
        """Answer a thread once for each key: in it, or in the conversation; return its page."""
        session, where = self._session(run), self._log(run)
        return review_threads.reply(session, number, thread, words, key=key, where=where)

    def say(self, run: Run, number: int, words: str, *, key: str) -> None:
        """Comment once for each key in the conversation."""
        since = run.snapshot.approved_at if run.snapshot else None
        session, where = self._session(run), self._log(run)
        review_threads.say(session, number, words, key=key, since=since, where=where)

    def rewrite(self, run: Run, number: int, body: str) -> None:
        """Give the pull request another text."""
        review_threads.rewrite(self._session(run), number, body)

    def resolve(self, run: Run, thread: Thread) -> bool:
        """Mark a thread as resolved; return False where GitHub does not let us."""
        return review_threads.resolve(self._session(run), thread)

    def checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        """List the project's own checks of a commit, without those that we have reported."""
        return project_checks.of_commit(self._session(run), commit)

    def log(self, run: Run, check: ProjectCheck) -> str:
        """Read the end of the log of a check, at most 200,000 characters; empty: it has none."""
        return "" if check.job is None else project_checks.log(self._session(run), check.job)

    def commit(self, run: Run, branch: str, message: str, change: Change) -> str:
        """Add a commit to a branch through the API, which signs it; return its object id.

        Raises:
            BranchTaken: Somebody has put another commit on the branch.
        """
        return signed_commit.add(self._session(run), branch, message, change)

    def _log(self, run: Run) -> str:
        return f"{self._public_url}/runs/{run.run_id}" if self._public_url else "the log of the run"

    def _session(self, run: Run) -> Session:
        if run.snapshot is None:
            raise RequestRefused("This run names no issue; only a run of an issue goes to GitHub.")
        return self._access.session(run.snapshot.issue, run.run_id)
