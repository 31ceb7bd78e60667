"""The threads of a pull request of ours, read with few requests.

A thread is what people say about one thing: on lines, as the text of a review, or one comment of
the conversation. Which of them are answered, and with what, is left to others.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from agent.github import live_issue
from agent.github.api_errors import ignore_statuses
from agent.github.session import Raw, Session
from agent.models.pulls import PullSnapshot, Thread, ThreadComment

_log = structlog.get_logger()

_NEEDS = "pull_requests: write"
#: Of each connection, newest first; what is older than that is left out.
_MOST_PAGES = 10
_AUTHOR = "author { __typename login ... on User { databaseId } ... on Bot { databaseId } }"
# Numbers of comments have outgrown what GraphQL calls Int.
SAID = f"fullDatabaseId body createdAt url {_AUTHOR}"
_ON_LINES = f"nodes {{ {SAID} diffHunk pullRequestReview {{ state }} }}"
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
      nodes {{ {SAID} }}
    }}""",
}
_STATES = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_CONFLICTS = {"MERGEABLE": False, "CONFLICTING": True}


def read_threads(session: Session, number: int) -> PullSnapshot | None:
    """Read a pull request with all its threads; None: it is not there any more.

    Raises:
        AccessLost: The repository is out of our reach.
    """
    first: Raw | None = None
    found: dict[str, list[Raw]] = {name: [] for name in _CONNECTIONS}
    cursors: dict[str, str | None] = dict.fromkeys(_CONNECTIONS)
    with ignore_statuses(404):
        for _ in range(_MOST_PAGES):
            page = _query_threads(session, number, cursors)
            first = first or page
            for name in cursors:
                found[name] += nodes(page[name])
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
    return PullSnapshot.model_validate(
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


def _query_threads(session: Session, number: int, cursors: Mapping[str, str | None]) -> Raw:
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


def nodes(connection: Raw | None) -> list[Raw]:
    """Give what a connection of GraphQL lists; deleted ones are left out."""
    return [one for one in (connection or {}).get("nodes") or () if one is not None]


# --- threads -----------------------------------------------------------------------------------


def _on_lines(raw: Raw, own: int) -> Thread | None:
    """Make a record of a thread on lines; None: all that was said in it is deleted."""
    said = nodes(raw["comments"])
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
        is_ours=number == own,
        body=str(raw["body"]).replace("\r\n", "\n"),
        at=str(raw["createdAt"]),
        url=str(raw["url"]),
    )
