"""Merged pull requests; the issues that each has closed, as they were when it was opened."""

from collections.abc import Iterator

from agent.errors import RequestRefused
from agent.github.access import Access, Raw, RepositorySession
from agent.github.api_errors import RefusedRequest
from agent.github.repositories import read_remote
from agent.github.tokens import TokenScope
from agent.models.code_host import Remote
from agent.models.pulls import ClosedIssue, MergedPull

#: Under `diff`, GitHub has the whole text after each edit; the first text counts as an edit, too.
_MERGED = """query Merged($owner: String!, $name: String!, $cursor: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: MERGED, first: 25, after: $cursor,
                 orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { more: hasNextPage cursor: endCursor }
      nodes {
        number createdAt baseRefOid
        closingIssuesReferences(first: 5) {
          nodes {
            number title body createdAt
            userContentEdits(first: 100) { nodes { editedAt diff } }
            timelineItems(itemTypes: RENAMED_TITLE_EVENT, first: 100) {
              nodes { ... on RenamedTitleEvent { createdAt previousTitle } }
            }
          }
        }
      }
    }
  }
}"""


def open_repository(access: Access, name: str) -> tuple[Remote, str, Iterator[MergedPull]]:
    """Return a repository's remote, a token to read it, and its merged pulls. Raises AccessLost."""
    session = access.open_named_session(name, "backtest")
    token = access.ask(lambda: session.token(TokenScope.TALK), doing="get a token for git")
    return read_remote(session), token, _list_merged(session)


def _list_merged(session: RepositorySession) -> Iterator[MergedPull]:
    """Yield the newest 500 merged pull requests; RequestRefused: GitHub does not list them."""
    nodes = session.query_pages(
        _MERGED,
        {},
        lambda data: dict(data["repository"]["pullRequests"]),
        most=20,
        doing="list merged pull requests",
    )
    try:
        yield from map(_read_pull, nodes)
    except RefusedRequest as problem:
        raise RequestRefused(
            f"GitHub does not list the merged pull requests of {session.name}:"
            f" {problem.full_message}"
        ) from problem


def _read_pull(raw: Raw) -> MergedPull:
    opened = str(raw["createdAt"])
    closed = filter(None, raw["closingIssuesReferences"]["nodes"])
    return MergedPull(
        number=raw["number"],
        base_tip=raw["baseRefOid"],
        issues=tuple(_read_issue(issue, opened) for issue in closed),
    )


def _read_issue(raw: Raw, moment: str) -> ClosedIssue:
    """Read the text of an issue at a moment; GitHub's times sort as text."""
    edits = sorted(
        filter(None, raw["userContentEdits"]["nodes"]), key=lambda edit: edit["editedAt"]
    )
    texts = [edit["diff"] for edit in edits if edit["editedAt"] <= moment]
    if not edits:
        texts = [raw["body"]] if raw["createdAt"] <= moment else []
    renamings = sorted(
        (event for event in raw["timelineItems"]["nodes"] if event and event["createdAt"] > moment),
        key=lambda event: event["createdAt"],
    )
    return ClosedIssue(
        number=raw["number"],
        title=renamings[0]["previousTitle"] if renamings else raw["title"],
        body=texts[-1] if texts else None,
    )
