"""The issue and the repository as they stand now."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from github.Repository import Repository

from agent.errors import AccessLost
from agent.github import api_errors
from agent.github.api_errors import LostReply, ignore_statuses
from agent.github.session import Raw, Session
from agent.models.code_host import BranchRules, Remote
from agent.models.intake import LiveIssue
from agent.models.ticket import IssueRef

#: Elsewhere, in words of PyGithub's and of HTTP's, or deleted.
GONE = (301, 308, 404, 410)
_TEXT = """query Text($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) { title body lastEditedAt }
  }
}"""
_BYPASSED = frozenset({"always", "exempt"})
_PER_PAGE, _EVENT_PAGES = 100, 5


def read_issue(session: Session) -> LiveIssue | None:
    """Read the issue; None: it was deleted, transferred, or another one has its number."""
    number = session.issue.number
    with ignore_statuses(*GONE):
        return session.call(
            "GET",
            f"issues/{number}",
            lambda raw: _make_live_issue(session.issue, raw),
            doing=f"read issue #{number}",
            needs="issues: read",
        )
    return None


def _make_live_issue(wanted: IssueRef, raw: Raw) -> LiveIssue | None:
    """Make our record of the answer; None: it is another issue than the one wanted."""
    if not isinstance(raw["id"], int):
        raise LostReply("its answer names no issue")
    if wanted.issue_id and raw["id"] != wanted.issue_id:
        return None
    return LiveIssue(
        issue=wanted.model_copy(update={"issue_id": raw["id"]}),
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


def read_text(session: Session, number: int) -> Raw | None:
    """Read `title`, `body` and when the body was last edited (`lastEditedAt`), all at once.

    None: the issue is gone.
    """
    owner, _, name = session.name.partition("/")
    with ignore_statuses(404):
        return session.query(
            _TEXT,
            {"owner": owner, "name": name, "number": number},
            lambda data: dict(data["repository"]["issue"]),
            doing=f"read when issue #{number} was last edited",
            needs="issues: read",
        )
    return None


def newest_events(session: Session, number: int) -> Iterator[Raw]:
    """Go through the events of an issue, the newest first; very old ones are left out."""

    def ask(page: int) -> tuple[int, list[Raw]]:
        def work(repository: Repository) -> tuple[int, list[Raw]]:
            headers, raw = repository.requester.requestJsonAndCheck(
                "GET",
                f"{repository.url}/issues/{number}/events",
                parameters={"per_page": _PER_PAGE, "page": page},
            )
            return int(api_errors.read_next_link(headers, "last").get("page", 1)), list(raw)

        return session.ask(work, doing=f"read the events of issue #{number}", needs="issues: read")

    last, first = ask(1)
    for page in range(last, max(0, last - _EVENT_PAGES), -1):
        yield from reversed(first if page == 1 else ask(page)[1])


def repository_facts(session: Session) -> Raw:
    """Read the repository.

    Raises:
        AccessLost: It is gone, out of our reach, or another one has its name.
    """
    number = session.issue.repository_id
    with ignore_statuses(*GONE):
        facts = session.ask(
            lambda repository: _validate_answer(repository.complete().raw_data),
            doing="read the repository",
            needs="metadata: read",
        )
        if not number or facts["id"] == number:
            return facts
    raise AccessLost(
        f"{session.name} is not there for us any more: it was deleted, renamed or made private, or"
        " our App was removed from it."
    )


def _validate_answer(raw: Raw) -> Raw:
    """Hold the answer against what we use of it."""
    wanted = {"id": int, "full_name": str, "archived": bool, "clone_url": str}
    if missing := [name for name, kind in wanted.items() if not isinstance(raw.get(name), kind)]:
        raise LostReply(f"its answer has no {missing[0]}")
    return raw


def read_remote(session: Session) -> Remote:
    """Say where git finds the repository.

    Raises:
        AccessLost: It is gone, archived, disabled or out of our reach.
    """
    facts = repository_facts(session)
    name = str(facts["full_name"])
    if facts["archived"]:
        raise AccessLost(
            f"{name} is archived on GitHub, so nothing can be pushed to it. Unarchive it,"
            " then take the label off and set it again."
        )
    if facts.get("disabled"):
        raise AccessLost(f"GitHub has disabled {name}; its owner has to ask GitHub why.")
    return Remote(
        name=name,
        url=_clone_address(session, str(facts["clone_url"])),
        default_branch=str(facts["default_branch"]),
        author=session.access.login(),
        email=session.access.address(session),
    )


def read_rules(session: Session, branch: str) -> BranchRules:
    """Ask for the rulesets that cover a branch name, as far as they are about its commits.

    What else stands in the way of such a branch, GitHub says itself when it refuses the push.
    """
    rules: list[Raw] = []
    # Not there: an older Enterprise server, or a plan without rulesets.
    with ignore_statuses(404):
        rules = session.call(
            "GET",
            f"rules/branches/{quote(branch, safe='')}",
            lambda found: [{**rule, "type": str(rule["type"])} for rule in found],
            doing="read the branch rules",
            needs="metadata: read",
        )
    return BranchRules(
        signed=any(rule["type"] == "required_signatures" for rule in rules),
        forward_only=any(
            rule["type"] == "non_fast_forward" and not _is_bypassed(session, rule) for rule in rules
        ),
    )


def _is_bypassed(session: Session, rule: Raw) -> bool:
    """Whether the ruleset of a rule lets us through."""
    with ignore_statuses(401, 403, 404, 410, 422):
        return session.call(
            "GET",
            f"rulesets/{rule['ruleset_id']}",
            lambda found: found.get("current_user_can_bypass") in _BYPASSED,
            doing="read a ruleset",
        )
    return False


def _clone_address(session: Session, named: str) -> str:
    """Take the address for git only where it is on the server that we talk to."""
    api, git = urlsplit(session.access.base_url.lower()), urlsplit(named)
    if (git.scheme, git.netloc.lower()) != (api.scheme, api.netloc.removeprefix("api.")):
        # Without what may stand before the host.
        place = git.netloc.rpartition("@")[2]
        raise AccessLost(
            f"GitHub names {git.scheme}://{place} as the place to clone from, which is not"
            f" the server {api.scheme}://{api.netloc} of MERGEWRIGHT_GITHUB_URL; no token is sent"
            " there."
        )
    return named
