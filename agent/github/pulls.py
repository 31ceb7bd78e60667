"""A pull request of ours on GitHub after it was opened: implements `Pulls`.

How its threads are read is left to `review_threads`, what the project's own checks say to
`project_checks`, how a commit is made so that GitHub signs it to `signed_commit`.
"""

from __future__ import annotations

import hashlib

import structlog

from agent.github import comments, intake_api, project_checks, review_threads, signed_commit
from agent.github.access import Access
from agent.github.api_errors import ignore_statuses
from agent.github.session import Scope, Session, all_in_our_words
from agent.models.change import Change
from agent.models.pulls import ProjectCheck, PullSnapshot, Thread
from agent.models.run import Run
from agent.settings import Settings
from agent.text import sanitise

_log = structlog.get_logger()

_MAY_WRITE = frozenset({"write", "maintain", "admin"})
_NEEDS = "pull_requests: write"
_QUOTED = 140
#: What we put around the words of an answer.
_FRAME = 1_000
_END_OF_THREAD = f"""query End($id: ID!) {{
  node(id: $id) {{
    ... on PullRequestReviewThread {{
      comments(last: 100) {{ nodes {{ {review_threads.SAID} }} }}
    }}
  }}
}}"""
_RESOLVE = """mutation Resolve($input: ResolveReviewThreadInput!) {
  resolveReviewThread(input: $input) { thread { isResolved } }
}"""


@all_in_our_words
class GithubPulls:
    """Reads and answers pull requests with the tokens of a run."""

    def __init__(self, access: Access, settings: Settings) -> None:
        """Take the way to GitHub and the operator's settings; asks nothing yet."""
        self._access = access
        self._public_url = settings.public_url
        self._writers: dict[tuple[str, str, int], bool] = {}

    def read_pull(self, run: Run, number: int) -> PullSnapshot | None:
        """Read the pull request with all its threads; None: it is not there any more."""
        return review_threads.read_threads(self._access.open_run_session(run), number)

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        """Whether whoever has the login is that account and may write; asked once in a run."""
        known = (run.run_id, login.lower(), account_id)
        if account_id and known not in self._writers:
            found = intake_api.permission_of(self._access.open_run_session(run), login)
            self._writers[known] = found.account_id == account_id and found.level in _MAY_WRITE
        return self._writers.get(known, False)

    def reply_in_thread(
        self, run: Run, number: int, thread: Thread, words: str, *, key: str
    ) -> str:
        """Answer a thread once for each key; return the answer's page.

        On lines the answer stands in the thread, as long as that is there; else in the
        conversation, with what it answers.

        Args:
            thread: As it was read in this attempt: an earlier answer of ours is in it.
            words: Markdown of ours.
        """
        session, mark, words = (
            self._access.open_run_session(run),
            _make_mark("reply", key),
            self._shorten_text(run, words),
        )
        if thread.place == "inline":
            with ignore_statuses(404):
                return _in_thread(session, number, thread, mark, words)
            _log.info("a thread to be answered is gone", pull=number, thread=thread.thread_id)
        text, asked = f"{_format_answered(thread)}\n\n{words}", thread.comments[0].at
        return comments.leave_comment(session, mark, text, on=number, since=asked).url

    def add_comment(self, run: Run, number: int, words: str, *, key: str) -> None:
        """Comment once for each key in the conversation."""
        since = run.snapshot.approved_at if run.snapshot else None
        mark, words = _make_mark("said", key), self._shorten_text(run, words)
        comments.leave_comment(
            self._access.open_run_session(run), mark, words, on=number, since=since
        )

    def rewrite_text(self, run: Run, number: int, body: str) -> None:
        """Give the pull request another text."""
        session, doing = self._access.open_run_session(run), f"bring #{number} up to date"
        text = session.access.hide(body)
        session.call("PATCH", f"pulls/{number}", body={"body": text}, doing=doing, needs=_NEEDS)

    def resolve_thread(self, run: Run, thread: Thread) -> bool:
        """Mark a thread as resolved; return False where it is none, is gone, or we may not."""
        if thread.place != "inline":
            return False
        with ignore_statuses(403, 404, 422):
            return self._access.open_run_session(run).query(
                _RESOLVE,
                {"input": {"threadId": thread.thread_id}},
                lambda data: bool(data["resolveReviewThread"]["thread"]["isResolved"]),
                scope=Scope.PUSH,
                doing="resolve a review thread",
                needs=f"contents: write, {_NEEDS}",
            )
        _log.warning("review thread not resolved", thread=thread.thread_id)
        return False

    def list_checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        """List the project's own checks of a commit, without those that we have reported."""
        return project_checks.of_commit(self._access.open_run_session(run), commit)

    def read_log(self, run: Run, check: ProjectCheck) -> str:
        """Read the end of the log of a check, at most 200,000 characters; empty: it has none."""
        return (
            ""
            if check.job is None
            else project_checks.read_log(self._access.open_run_session(run), check.job)
        )

    def create_commit(self, run: Run, branch: str, message: str, change: Change) -> str:
        """Add a commit to a branch through the API, which signs it; return its object id.

        Raises:
            BranchTaken: Somebody has put another commit on the branch.
        """
        return signed_commit.make_signed_commit(
            self._access.open_run_session(run), branch, message, change, new=False
        )

    def _shorten_text(self, run: Run, words: str) -> str:
        page = f"{self._public_url}/runs/{run.run_id}" if self._public_url else "the log of the run"
        return sanitise.cut_markdown(words, sanitise.TEXT_LIMIT - _FRAME, where=page)


def _make_mark(kind: str, key: str) -> str:
    return comments.make_marker(kind, f"key={hashlib.sha256(key.encode()).hexdigest()[:32]}")


def _in_thread(session: Session, number: int, thread: Thread, mark: str, words: str) -> str:
    own = session.access.number(session)

    def found() -> str | None:
        for raw in session.query(
            _END_OF_THREAD,
            {"id": thread.thread_id},
            lambda data: review_threads.nodes(data["node"]["comments"]),
            doing="read a review thread",
            needs=_NEEDS,
        ):
            if (raw["author"] or {}).get("databaseId") == own and raw["body"].startswith(mark):
                return str(raw["url"])
        return None

    # The thread is as it was read just now; what an earlier attempt has said is in it.
    said = next(
        (one.url for one in thread.comments if one.is_ours and one.body.startswith(mark)), ""
    )
    # Answers are given to the comment that began the thread.
    first = thread.comments[0].comment_id
    return said or session.call(
        "POST",
        f"pulls/{number}/comments/{first}/replies",
        lambda made: str(made["html_url"]),
        body={"body": session.access.hide(f"{mark}\n{words}")},
        found=found,
        doing="answer a review thread",
        needs=_NEEDS,
    )


def _format_answered(thread: Thread) -> str:
    """Say what an answer in the conversation answers: its first words, and whose they are."""
    asked = thread.comments[-1]
    visible, _ = sanitise.clean_ticket(asked.body)
    flat = " ".join(visible.split())
    short = flat if len(flat) <= _QUOTED else f"{flat[:_QUOTED].rstrip()} ..."
    whose = sanitise.format_code(asked.author)
    who = f"[{whose}]({asked.url})" if asked.url else whose
    return f"> {sanitise.format_words(short) or '(no text)'}\n\nTo {who}:"
