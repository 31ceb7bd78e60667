"""Pull requests of ours after they were opened: the second half of `CodeHost`.

Review threads are read and resolved by GraphQL. The project's own checks are read in
`project_checks`.
"""

import hashlib
from collections.abc import Iterable, Iterator

import structlog

from agent.github import comments, issues, project_checks, repositories
from agent.github.access import Access, Raw, RepositorySession
from agent.github.api_errors import ignore_statuses
from agent.github.connection import translating_errors
from agent.github.tokens import TokenScope
from agent.models.pulls import ProjectCheck, PullSnapshot, Thread, ThreadComment
from agent.models.run import Run
from agent.settings import Settings
from agent.text import sanitise

_log = structlog.get_logger()

#: States of reviews whose text requests nothing.
_ASKS_NOTHING = frozenset({"APPROVED", "DISMISSED"})
_QUOTED = 140
#: Number of characters reserved for what surrounds the words of an answer.
_FRAME = 1_000
#: Pages of review threads, newest first.
_MOST_PAGES = 10
#: Requests the first comment of each thread, to which answers refer, and the newest ones.
_THREADS = """query Threads($owner: String!, $name: String!, $number: Int!, $cursor: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(last: 50, before: $cursor) {
        pageInfo { more: hasPreviousPage cursor: startCursor }
        nodes {
          id isResolved path line diffSide
          first: comments(first: 1) { nodes { diffHunk ...Words } }
          newest: comments(last: 50) { nodes { ...Words } }
        }
      }
    }
  }
}
fragment Words on PullRequestReviewComment {
  fullDatabaseId body createdAt url
  author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
}"""
_RESOLVE = """mutation Resolve($input: ResolveReviewThreadInput!) {
  resolveReviewThread(input: $input) { thread { isResolved } }
}"""


@translating_errors
class GithubPulls:
    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._dashboard_url = settings.dashboard_url

    def read_pull(self, run: Run, number: int) -> PullSnapshot | None:
        """Read the pull request with all its threads; None: it is gone. Raises AccessLost."""
        session = self._access.open_run_session(run)
        raw: Raw | None = None
        with ignore_statuses(*repositories.GONE):
            raw = session.call("GET", f"pulls/{number}", dict, doing=f"read pull request #{number}")
        if raw is None:
            # If the repository itself is not accessible, this raises AccessLost.
            repositories.read_facts(session)
            return None
        threads = sorted(
            _list_threads(session, number),
            key=lambda thread: (thread.comments[0].at, thread.comments[0].comment_id),
        )
        return PullSnapshot(
            number=raw["number"],
            url=raw["html_url"],
            state="merged" if raw["merged"] else raw["state"],
            draft=bool(raw.get("draft")),
            title=raw["title"],
            body=raw["body"] or "",
            branch=raw["head"]["ref"],
            head=raw["head"]["sha"],
            base_branch=raw["base"]["ref"],
            threads=tuple(threads),
        )

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        if not account_id:
            return False
        permission = repositories.read_permission(self._access.open_run_session(run), login)
        return permission.account_id == account_id and permission.may_write

    def reply_in_thread(
        self, run: Run, number: int, thread: Thread, words: str, *, key: str
    ) -> str:
        """Answer a thread once for each key; return the answer's page.

        An answer to a thread on lines is posted in it; to other threads, or if it is gone, in the
        conversation, with a quotation. `thread` was read in this attempt, so an earlier answer of
        ours is in it; `words` are Markdown of ours.
        """
        session, mark = self._access.open_run_session(run), _make_mark("reply", key)
        words = self._shorten_text(run, words)
        if thread.place == "inline":
            with ignore_statuses(404):
                return _reply_on_lines(session, number, thread, mark, words)
            _log.info(
                "a review thread to answer no longer exists", pull=number, thread=thread.thread_id
            )
        text = f"{_quote_thread(thread)}\n\n{words}"
        return comments.leave_comment(session, mark, text, on=number).url

    def add_comment(self, run: Run, number: int, words: str, *, key: str) -> None:
        mark, words = _make_mark("said", key), self._shorten_text(run, words)
        session = self._access.open_run_session(run)
        comments.leave_comment(session, mark, words, on=number)

    def rewrite_text(self, run: Run, number: int, body: str) -> None:
        session, doing = self._access.open_run_session(run), f"bring #{number} up to date"
        text = session.hide(body)
        session.call("PATCH", f"pulls/{number}", body={"body": text}, doing=doing)

    def close_pull(self, run: Run, number: int) -> None:
        session = self._access.open_run_session(run)
        session.call("PATCH", f"pulls/{number}", body={"state": "closed"}, doing=f"close #{number}")

    def resolve_thread(self, run: Run, thread: Thread) -> bool:
        if thread.place != "inline":
            return False
        with ignore_statuses(403, 404, 422):
            return self._access.open_run_session(run).query(
                _RESOLVE,
                {"input": {"threadId": thread.thread_id}},
                lambda data: bool(data["resolveReviewThread"]["thread"]["isResolved"]),
                scope=TokenScope.PUSH,
                doing="resolve a review thread",
            )
        _log.warning("review thread not resolved", thread=thread.thread_id)
        return False

    def list_checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        return project_checks.list_checks(self._access.open_run_session(run), commit)

    def read_log(self, run: Run, check: ProjectCheck) -> str:
        if check.job is None:
            return ""
        return project_checks.read_log(self._access.open_run_session(run), check.job)

    def _page(self, run: Run) -> str | None:
        return f"{self._dashboard_url}/runs/{run.run_id}" if self._dashboard_url else None

    def _shorten_text(self, run: Run, words: str) -> str:
        where = self._page(run) or "the log of the run"
        return sanitise.cut_markdown(words, sanitise.TEXT_LIMIT - _FRAME, where=where)


# --- reading -----------------------------------------------------------------------------------


def _list_threads(session: RepositorySession, number: int) -> Iterator[Thread]:
    """List the threads of a pull request: in the conversation, in reviews, and on lines."""
    for raw in issues.list_comments(session, number):
        comment = _make_comment(session, raw, raw["created_at"])
        yield Thread(thread_id=f"issue:{comment.comment_id}", place="issue", comments=(comment,))
    for raw in issues.list_reviews(session, number):
        if (raw["body"] or "").strip():
            comment = _make_comment(session, raw, raw["submitted_at"])
            yield Thread(
                thread_id=f"review:{comment.comment_id}",
                place="review",
                approves=raw["state"] in _ASKS_NOTHING,
                comments=(comment,),
            )
    yield from _list_line_threads(session, number)


def _list_line_threads(session: RepositorySession, number: int) -> Iterator[Thread]:
    nodes = session.query_pages(
        _THREADS,
        {"number": number},
        lambda data: dict(data["repository"]["pullRequest"]["reviewThreads"]),
        most=_MOST_PAGES,
        doing=f"read the review threads of #{number}",
    )
    for node in nodes:
        written = [*filter(None, (*node["first"]["nodes"], *node["newest"]["nodes"]))]
        comments_by_id = {raw["fullDatabaseId"]: raw for raw in written}
        if not written:
            continue
        yield Thread(
            thread_id=node["id"],
            place="inline",
            path=node["path"],
            # A line of the file as it was before the change may not be in the file now.
            line=node["line"] if node["diffSide"] == "RIGHT" else None,
            # A comment that is hidden from us is null; without the first one there is no hunk.
            hunk=written[0].get("diffHunk", ""),
            resolved=node["isResolved"],
            comments=tuple(_make_line_comment(session, raw) for raw in comments_by_id.values()),
        )


def _make_comment(session: RepositorySession, raw: Raw, at: str) -> ThreadComment:
    author, login = raw["user"] or {}, issues.name_author(raw)
    return ThreadComment(
        comment_id=raw["id"],
        author=login,
        author_id=author.get("id") or 0,
        is_bot=author.get("type") == "Bot",
        is_ours=session.access.is_own(login),
        body=str(raw["body"] or "").replace("\r\n", "\n"),
        at=str(at),
        url=str(raw["html_url"]),
    )


def _make_line_comment(session: RepositorySession, raw: Raw) -> ThreadComment:
    """Convert a comment of GraphQL, where logins of bots lack the suffix that REST has."""
    user = None
    if author := raw["author"]:
        kind, login = author["__typename"], author["login"]
        login = f"{login}[bot]" if kind == "Bot" else login
        user = {"id": author.get("databaseId"), "login": login, "type": kind}
    as_rest = {"id": int(raw["fullDatabaseId"]), "user": user, "html_url": raw["url"]}
    return _make_comment(session, {**as_rest, "body": raw["body"]}, raw["createdAt"])


# --- answering ---------------------------------------------------------------------------------


def _make_mark(kind: str, key: str) -> str:
    return comments.make_marker(kind, f"key={hashlib.sha256(key.encode()).hexdigest()[:32]}")


def _reply_on_lines(
    session: RepositorySession, number: int, thread: Thread, mark: str, words: str
) -> str:
    def find_answer(threads: Iterable[Thread]) -> str | None:
        for comment in (comment for thread in threads for comment in thread.comments):
            if comment.is_ours and comment.body.startswith(mark):
                return comment.url
        return None

    # Replies refer to the first comment of the thread.
    first = thread.comments[0].comment_id
    # The thread was read just now, so it contains the answer of an earlier attempt.
    return find_answer([thread]) or session.call(
        "POST",
        f"pulls/{number}/comments/{first}/replies",
        lambda made: str(made["html_url"]),
        body={"body": session.hide(f"{mark}\n{words}")},
        find_effect=lambda: find_answer(_list_line_threads(session, number)),
        doing="answer a review thread",
    )


def _quote_thread(thread: Thread) -> str:
    """Quote the first words of a thread, with their author, for an answer in the conversation."""
    asked = thread.comments[-1]
    visible, _ = sanitise.clean_ticket(asked.body)
    short = sanitise.shorten(visible, _QUOTED)
    whose = sanitise.format_code(asked.author)
    who = f"[{whose}]({asked.url})" if asked.url else whose
    return f"> {sanitise.format_words(short) or '(no text)'}\n\nTo {who}:"
