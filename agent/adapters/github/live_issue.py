"""The issue and the repository as they stand now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from github.Repository import Repository

from agent.adapters.github import answers
from agent.adapters.github.answers import Refused, Unsure
from agent.adapters.github.connection import Watched
from agent.adapters.github.session import Scope, Session
from agent.domain import IssueRef
from agent.errors import AccessLost, RepositoryUnfit
from agent.ports import LiveIssue, Remote

_GONE = (404, 410)
_TEXT = """query Text($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) { title body lastEditedAt }
  }
}"""
_PER_PAGE, _EVENT_PAGES = 100, 5


def read(session: Session, scope: Scope) -> LiveIssue | None:
    """Read the issue; None: it was deleted, transferred, or another one has its number."""
    found = _read(session, scope)
    if found is None and _renamed(session, scope):
        found = _read(session, scope)
    if found is not None and session.issue.issue_id:
        # It is the issue with that number, so the repository is the right one.
        session.rename(session.name)
    return found


def _read(session: Session, scope: Scope) -> LiveIssue | None:
    number = session.issue.number
    try:
        return session.ask(
            scope,
            lambda repository: _live(
                session.issue, repository.get_issue(number).complete().raw_data
            ),
            doing=f"read issue #{number}",
            needs="issues: read",
        )
    except Refused as problem:
        if problem.status not in _GONE:
            raise
        return None


def _live(wanted: IssueRef, raw: Mapping[str, Any]) -> LiveIssue | None:
    """Make our record of the answer; None: it is another issue than the one wanted."""
    if not isinstance(raw["id"], int):
        raise Unsure("its answer names no issue")
    if wanted.issue_id and raw["id"] != wanted.issue_id:
        return None
    name = "/".join(str(raw["repository_url"]).split("/")[-2:])
    return LiveIssue(
        issue=wanted.model_copy(update={"repository": name, "issue_id": raw["id"]}),
        state=raw["state"],
        locked=raw["locked"],
        labels=tuple(str(label["name"]) for label in raw["labels"]),
        title=raw["title"],
        body=raw["body"] or "",
        # The account may have been deleted.
        author=raw["user"]["login"] if raw["user"] else "ghost",
        updated_at=raw["updated_at"],
        url=raw["html_url"],
        is_pull_request=raw.get("pull_request") is not None,
    )


def text(session: Session, number: int) -> Mapping[str, Any] | None:
    """Read `title`, `body` and when the body was last edited (`lastEditedAt`), all at once.

    None: the issue is gone.
    """

    def work(repository: Repository) -> Mapping[str, Any]:
        requester = repository.requester
        assert isinstance(requester, Watched)  # noqa: S101 - every one of ours is
        owner, _, name = session.name.partition("/")
        wanted = {"owner": owner, "name": name, "number": number}
        return dict(requester.query(_TEXT, wanted)["repository"]["issue"])

    try:
        return session.ask(
            Scope.READ,
            work,
            doing=f"read when issue #{number} was last edited",
            needs="issues: read",
        )
    except Refused as problem:
        if problem.status != 404:
            raise
        return None


def newest_events(session: Session, number: int) -> Iterator[Mapping[str, Any]]:
    """Go through the events of an issue, the newest first; very old ones are left out."""

    def ask(page: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        def work(repository: Repository) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            headers, raw = repository.requester.requestJsonAndCheck(
                "GET",
                f"{repository.url}/issues/{number}/events",
                parameters={"per_page": _PER_PAGE, "page": page},
            )
            return headers, [dict(one) for one in raw]

        return session.ask(
            Scope.READ, work, doing=f"read the events of issue #{number}", needs="issues: read"
        )

    headers, first = ask(1)
    last = answers.last_page(str(headers.get("link") or ""))
    for page in range(last, max(0, last - _EVENT_PAGES), -1):
        yield from reversed(first if page == 1 else ask(page)[1])


def renamed_at(session: Session, number: int) -> str | None:
    """Say when the issue last got another title; None: never, or too long ago to be told."""
    events = newest_events(session, number)
    return next((str(one["created_at"]) for one in events if one["event"] == "renamed"), None)


def _renamed(session: Session, scope: Scope) -> bool:
    """Whether the repository has another name than we thought; from here on we use that."""
    before = session.name
    try:
        repository_facts(session, scope)
    except AccessLost:
        return False
    return session.name != before


def repository_facts(session: Session, scope: Scope) -> Mapping[str, Any]:
    """Read the repository under its present name.

    Raises:
        AccessLost: It is gone, or out of our reach.
    """

    def by_name(repository: Repository) -> dict[str, Any]:
        repository.complete()
        return _whole(repository.raw_data)

    def by_number(repository: Repository) -> dict[str, Any]:
        _, data = repository.requester.requestJsonAndCheck(
            "GET", f"/repositories/{session.issue.repository_id}"
        )
        return _whole(data)

    number = session.issue.repository_id
    try:
        facts = session.ask(scope, by_name, doing="read the repository", needs="metadata: read")
    except Refused as problem:
        if problem.status not in _GONE:
            raise
        facts = {"id": None}
    if number and facts["id"] != number:
        # Another repository may have taken the name of ours.
        try:
            facts = session.ask(scope, by_number, doing="read the repository")
        except Refused as problem:
            if problem.status not in _GONE:
                raise
            facts = {"id": None}
    if facts["id"] is None:
        raise AccessLost(
            f"{session.issue.repository} is not there for us any more: it was deleted or made"
            " private, or our App was removed from it."
        )
    session.rename(facts["full_name"])
    return facts


def _whole(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Hold the answer against what we use of it."""
    wanted = {"id": int, "full_name": str, "archived": bool, "clone_url": str}
    for name, kind in wanted.items():
        if not isinstance(raw.get(name), kind):
            raise Unsure(f"its answer has no {name}")
    return dict(raw)


def remote(session: Session, *, branch: bool = True) -> Remote:
    """Say where git finds the repository.

    Args:
        branch: Whether its default branch has to be there.

    Raises:
        AccessLost: It is gone, archived, disabled or out of our reach.
        RepositoryUnfit: It has no commits, or its default branch is gone.
    """
    facts = repository_facts(session, Scope.READ)
    name = str(facts["full_name"])
    if facts["archived"]:
        raise AccessLost(
            f"{name} is archived on GitHub, so nothing can be pushed to it. Unarchive it,"
            " then take the label off and set it again."
        )
    if facts.get("disabled"):
        raise AccessLost(f"GitHub has disabled {name}; its owner has to ask GitHub why.")
    default = str(facts["default_branch"])
    if branch and default not in session.branches:
        _see_branch(session, name, default)
    return Remote(
        name=name,
        url=_clone_address(session, str(facts["clone_url"])),
        default_branch=default,
        author=session.access.login(),
        email=session.access.address(session),
    )


def _see_branch(session: Session, name: str, branch: str) -> None:
    try:
        session.ask(
            Scope.READ,
            lambda repository: repository.get_branch(branch).name,
            doing=f"read the branch {branch}",
            needs="contents: read",
        )
    except Refused as problem:
        if problem.status not in _GONE:
            raise
        raise RepositoryUnfit(
            f"The default branch {branch} of {name} does not exist; choose one in the repository's"
            " settings, or push a first commit."
        ) from problem
    session.branches.add(branch)


def _clone_address(session: Session, named: str) -> str:
    """Take the address for git only where it is on the server that we talk to."""
    api, git = urlsplit(session.access.base_url), urlsplit(named)
    known = (api.scheme, (api.hostname or "").removeprefix("api."), _port(api))
    if (git.scheme, git.hostname or "", _port(git)) != known or "@" in git.netloc:
        # Without what may stand before the host.
        place = git.netloc.rpartition("@")[2]
        raise AccessLost(
            f"GitHub names {git.scheme}://{place} as the place to clone from, which is not"
            f" the server {api.scheme}://{api.netloc} of MERGEWRIGHT_GITHUB_URL; no token is sent"
            " there."
        )
    return named


def _port(parts: SplitResult) -> int | None:
    """The port that an address leads to, written out or not; None: it is none."""
    try:
        given = parts.port
    except ValueError:
        return None
    return given if given is not None else {"https": 443, "http": 80}.get(parts.scheme)
