"""The threads of a pull request of ours: read with few requests, answered once, resolved.

A thread is what people say about one thing: on lines, as the text of a review, or one comment of
the conversation. Which of them are answered, and with what, is left to others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import structlog

from agent.github import comments, live_issue
from agent.github.answers import Refused, passing
from agent.github.session import Raw, Scope, Session
from agent.models.pulls import PullNow, Thread, ThreadComment
from agent.text import cleaning

_log = structlog.get_logger()

_NEEDS = "pull_requests: write"
#: Of each connection, newest first; what is older than that is left out.
_MOST_PAGES = 10
_QUOTED = 140
#: What we put around the words of an answer.
_FRAME = 1_000
_AUTHOR = "author { __typename login ... on User { databaseId } ... on Bot { databaseId } }"
# Numbers of comments have outgrown what GraphQL calls Int.
_SAID = f"fullDatabaseId body createdAt url {_AUTHOR}"
_ON_LINES = f"nodes {{ {_SAID} diffHunk pullRequestReview {{ state }} }}"
_PULL = "number url state isDraft title body headRefName headRefOid baseRefName mergeable"
#: Read backwards, so that the newest are there whatever the bound.
_CONNECTIONS = {
    "reviewThreads": f"""reviewThreads(last: 50, before: $reviewThreads) {{
      pageInfo {{ hasPreviousPage startCursor }}
      nodes {{
        id isResolved isOutdated path line startLine diffSide subjectType
        comments(first: 100) {{ {_ON_LINES} }}
      }}
    }}""",
    "reviews": f"""reviews(last: 100, before: $reviews) {{
      pageInfo {{ hasPreviousPage startCursor }}
      nodes {{ fullDatabaseId body state submittedAt url {_AUTHOR} }}
    }}""",
    "comments": f"""comments(last: 100, before: $comments) {{
      pageInfo {{ hasPreviousPage startCursor }}
      nodes {{ {_SAID} }}
    }}""",
}
_END_OF_THREAD = f"""query End($id: ID!) {{
  node(id: $id) {{
    ... on PullRequestReviewThread {{ comments(last: 100) {{ nodes {{ {_SAID} }} }} }}
  }}
}}"""
_RESOLVE = """mutation Resolve($input: ResolveReviewThreadInput!) {
  resolveReviewThread(input: $input) { thread { isResolved } }
}"""
_STATES = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_CONFLICTS = {"MERGEABLE": False, "CONFLICTING": True}


def read(session: Session, number: int) -> PullNow | None:
    """Read a pull request with all its threads; None: it is not there any more.

    Raises:
        AccessLost: The repository is out of our reach.
    """
    first: Raw | None = None
    found: dict[str, list[Raw]] = {name: [] for name in _CONNECTIONS}
    cursors: dict[str, str | None] = dict.fromkeys(_CONNECTIONS)
    with passing(404):
        for _ in range(_MOST_PAGES):
            page = _ask(session, number, cursors)
            first = first or page
            for name in cursors:
                found[name] += _nodes(page[name])
            infos = {name: page[name]["pageInfo"] for name in cursors}
            cursors = {
                name: info["startCursor"] for name, info in infos.items() if info["hasPreviousPage"]
            }
            if not cursors:
                break
        else:
            _log.warning("the oldest of a pull request is not read", pull=number)
    if first is None:
        # Where the repository itself is out of reach, this says so.
        live_issue.repository_facts(session)
        return None
    own = session.access.number(session)
    threads = [
        *(_on_lines(raw, own) for raw in found["reviewThreads"]),
        *(_of_review(raw, own) for raw in found["reviews"]),
        *(_of_conversation(raw, own) for raw in found["comments"]),
    ]
    kept = (one for one in threads if one is not None)
    return PullNow.model_validate(
        {
            "number": first["number"],
            "url": first["url"],
            "state": _STATES[first["state"]],
            "draft": first["isDraft"],
            "title": first["title"],
            "body": first["body"],
            "branch": first["headRefName"],
            "head": first["headRefOid"],
            "base_branch": first["baseRefName"],
            "conflicts": _CONFLICTS.get(first["mergeable"]),
            "threads": tuple(
                sorted(kept, key=lambda one: (one.comments[0].at, one.comments[0].comment_id))
            ),
        }
    )


def _ask(session: Session, number: int, cursors: Mapping[str, str | None]) -> Raw:
    taken = "".join(f", ${name}: String" for name in cursors)
    wanted = "\n".join(_CONNECTIONS[name] for name in cursors)
    query = f"""query Pull($owner: String!, $name: String!, $number: Int!{taken}) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{ {_PULL}\n{wanted} }}
  }}
}}"""

    owner, _, name = session.name.partition("/")
    return session.query(
        query,
        {"owner": owner, "name": name, "number": number, **cursors},
        lambda data: dict(data["repository"]["pullRequest"]),
        doing=f"read pull request #{number}",
        needs=_NEEDS,
    )


def _nodes(connection: Raw | None) -> list[Raw]:
    return [one for one in (connection or {}).get("nodes") or () if one is not None]


# --- threads -----------------------------------------------------------------------------------


def _on_lines(raw: Raw, own: int) -> Thread | None:
    """Make a record of a thread on lines; None: all that was said in it is deleted."""
    said = _nodes(raw["comments"])
    if not said:
        return None
    # A line of the file as it was before, or of no line at all, is no line of the file.
    shown = raw["diffSide"] == "RIGHT" and raw["subjectType"] == "LINE"
    line = raw["line"] if shown else None
    return Thread(
        thread_id=raw["id"],
        place="inline",
        path=raw["path"],
        line=line,
        first_line=raw["startLine"] if line is not None else None,
        hunk=said[0]["diffHunk"],
        resolved=raw["isResolved"],
        outdated=raw["isOutdated"],
        asks_changes=any(
            (one["pullRequestReview"] or {}).get("state") == "CHANGES_REQUESTED" for one in said
        ),
        comments=tuple(_comment(one, own) for one in said),
    )


def _of_review(raw: Raw, own: int) -> Thread | None:
    """Make a record of a review's text; None: it has none, or nobody has submitted it yet."""
    if not raw["body"].strip() or raw["state"] == "PENDING":
        return None
    said = _comment({**raw, "createdAt": raw["submittedAt"]}, own)
    return Thread(
        thread_id=f"review:{said.comment_id}",
        place="review",
        asks_changes=raw["state"] == "CHANGES_REQUESTED",
        comments=(said,),
    )


def _of_conversation(raw: Raw, own: int) -> Thread:
    said = _comment(raw, own)
    return Thread(thread_id=f"issue:{said.comment_id}", place="issue", comments=(said,))


def _comment(raw: Raw, own: int) -> ThreadComment:
    author = raw["author"] or {"__typename": "User", "login": "ghost"}
    number = author.get("databaseId") or 0
    is_bot = author["__typename"] == "Bot"
    login = str(author["login"])
    return ThreadComment(
        comment_id=int(raw["fullDatabaseId"]),
        # GraphQL leaves out what REST and webhooks put behind the name of an App.
        author=f"{login}[bot]" if is_bot and not login.endswith("[bot]") else login,
        author_id=number,
        is_bot=is_bot,
        ours=number == own,
        body=str(raw["body"]).replace("\r\n", "\n"),
        at=str(raw["createdAt"]),
        url=str(raw["url"]),
    )


# --- answers -----------------------------------------------------------------------------------


def reply(
    session: Session, number: int, thread: Thread, words: str, *, key: str, where: str
) -> str:
    """Answer a thread once for each key; return the answer's page.

    On lines the answer stands in the thread, as long as that is there; else in the conversation,
    with what it answers.

    Args:
        thread: As it was read in this attempt: an earlier answer of ours is in it.
        words: Markdown of ours.
        where: Where the whole text is to be found, if it is too long.
    """
    mark = _mark("reply", key)
    words = cleaning.cut_markdown(words, cleaning.TEXT_LIMIT - _FRAME, where=where)
    if thread.place == "inline":
        with passing(404):
            return _in_thread(session, number, thread, mark, words)
        _log.info("a thread to be answered is gone", pull=number, thread=thread.thread_id)
    text, asked = f"{_answered(thread)}\n\n{words}", thread.comments[0].at
    return comments.leave(session, mark, text, on=number, since=asked).url


def say(
    session: Session, number: int, words: str, *, key: str, since: str | None, where: str
) -> None:
    """Comment once for each key in the conversation.

    Args:
        words: Markdown of ours.
        since: ISO 8601, UTC: it was not said before.
        where: Where the whole text is to be found, if it is too long.
    """
    words = cleaning.cut_markdown(words, cleaning.TEXT_LIMIT - _FRAME, where=where)
    comments.leave(session, _mark("said", key), words, on=number, since=since)


def _mark(kind: str, key: str) -> str:
    return comments.marker(kind, f"key={hashlib.sha256(key.encode()).hexdigest()[:32]}")


def rewrite(session: Session, number: int, body: str) -> None:
    """Give the pull request another text."""
    text = session.access.hide(body)

    doing = f"bring #{number} up to date"
    session.call("PATCH", f"pulls/{number}", body={"body": text}, doing=doing, needs=_NEEDS)


def _in_thread(session: Session, number: int, thread: Thread, mark: str, words: str) -> str:
    own = session.access.number(session)

    def found() -> str | None:
        for raw in session.query(
            _END_OF_THREAD,
            {"id": thread.thread_id},
            lambda data: _nodes(data["node"]["comments"]),
            doing="read a review thread",
            needs=_NEEDS,
        ):
            if (raw["author"] or {}).get("databaseId") == own and raw["body"].startswith(mark):
                return str(raw["url"])
        return None

    # The thread is as it was read just now; what an earlier attempt has said is in it.
    said = next((one.url for one in thread.comments if one.ours and one.body.startswith(mark)), "")
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


def _answered(thread: Thread) -> str:
    """Say what an answer in the conversation answers: its first words, and whose they are."""
    asked = thread.comments[-1]
    visible, _ = cleaning.incoming(asked.body)
    flat = " ".join(visible.split())
    short = flat if len(flat) <= _QUOTED else f"{flat[:_QUOTED].rstrip()} ..."
    whose = cleaning.code(asked.author)
    who = f"[{whose}]({asked.url})" if asked.url else whose
    return f"> {cleaning.words(short) or '(no text)'}\n\nTo {who}:"


def resolve(session: Session, thread: Thread) -> bool:
    """Mark a thread as resolved; return False where it is none, is gone, or we may not."""
    if thread.place != "inline":
        return False
    try:
        return session.query(
            _RESOLVE,
            {"input": {"threadId": thread.thread_id}},
            lambda data: bool(data["resolveReviewThread"]["thread"]["isResolved"]),
            scope=Scope.PUSH,
            doing="resolve a review thread",
            needs=f"contents: write, {_NEEDS}",
        )
    except Refused as problem:
        if problem.status not in (403, 404, 422):
            raise
        _log.warning("review thread not resolved", thread=thread.thread_id, reason=problem.words)
        return False
