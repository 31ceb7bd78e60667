"""What our GitHub App asks for, each with its reason: the one place that says so. Pure.

The page on which an App is registered, `mergewright app show`, the tables of `deploy/README.md` and
`deploy/github_app.json` follow from here. Making tokens with less than this is left to `access`,
talking to GitHub about the App to `app_registration`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from agent.domain import Record
from agent.errors import SettingsInvalid

WEBHOOK_PATH = "/webhooks/github"
"""Where the listener takes deliveries, below its public address."""
LONGEST_NAME = 34
"""Characters of an App's name at GitHub."""
DESCRIPTION = (
    "Turns a labelled issue into a pull request that has already passed the project's own checks."
)
_LEVELS = ("read", "write", "admin")
_API = "/api/v3"


class Permission(Record):
    """One permission that the App asks for."""

    name: str
    level: Literal["read", "write"]
    reason: str


class Event(Record):
    """One kind of delivery that the App asks for."""

    name: str
    permission: str
    """Without it GitHub refuses the subscription."""
    reason: str


PERMISSIONS = (
    Permission(
        name="metadata",
        level="read",
        reason="GitHub demands it; who set a label or wrote a comment may write, and the rules for"
        " branches",
    ),
    Permission(
        name="contents",
        level="write",
        reason="to clone, and to push one branch per run, with a token for reading until then;"
        " GitHub asks it as well of whoever marks a review thread as resolved",
    ),
    Permission(
        name="issues",
        level="write",
        reason="to read the ticket and what people answer; the status comment, reactions and state"
        " labels",
    ),
    Permission(
        name="pull_requests",
        level="write",
        reason="to open the pull request, with labels and reviewers; to read reviews and answer"
        " their threads",
    ),
    Permission(
        name="checks",
        level="write",
        reason="the check run with our findings, without which a run goes on and says so; to watch"
        " the project's CI: the check suites and check runs of its commits",
    ),
    Permission(
        name="statuses",
        level="read",
        reason="to watch the project's CI where it reports commit statuses, as CI outside of GitHub"
        " does",
    ),
    Permission(
        name="actions",
        level="read",
        reason="to watch the project's CI: which workflow waits for approval, and the logs of jobs"
        " that failed. It can start, approve and cancel nothing",
    ),
)
EVENTS = (
    Event(name="issues", permission="issues", reason="the label that starts a run"),
    Event(
        name="issue_comment",
        permission="issues",
        reason="answers and commands on issues and pull requests",
    ),
    Event(
        name="pull_request",
        permission="pull_requests",
        reason="it was merged, closed, or given commits by people",
    ),
    Event(
        name="pull_request_review",
        permission="pull_requests",
        reason="a review was submitted: changes are asked for",
    ),
    Event(
        name="pull_request_review_comment",
        permission="pull_requests",
        reason="a remark on a line of the pull request",
    ),
    Event(
        name="pull_request_review_thread",
        permission="pull_requests",
        reason="somebody marked a thread as resolved: nothing is left to do there",
    ),
    Event(name="check_suite", permission="checks", reason="the project's CI is done with a commit"),
    Event(name="check_run", permission="checks", reason="one check of the project's CI is done"),
    Event(
        name="status", permission="statuses", reason="the same of CI that reports commit statuses"
    ),
    Event(
        name="workflow_run",
        permission="actions",
        reason="a workflow of GitHub Actions waits for approval, or is done",
    ),
)


def default_permissions() -> dict[str, str]:
    """The level of each permission, as a manifest has them."""
    return {one.name: one.level for one in PERMISSIONS}


def default_events() -> list[str]:
    """The names of the events, as a manifest has them."""
    return [one.name for one in EVENTS]


def manifest(public_url: str, name: str, redirect_url: str | None = None) -> dict[str, Any]:
    """Make the manifest from which GitHub registers the App.

    Args:
        public_url: Address under which GitHub reaches the listener, without slash at the end.
        name: Of the App, unique at GitHub; people can change it on GitHub's page.
        redirect_url: Where GitHub leads with the code, once the App is registered.
    """
    made: dict[str, Any] = {
        "name": name,
        "url": public_url,
        "description": DESCRIPTION,
        "public": False,
        "hook_attributes": {"url": public_url + WEBHOOK_PATH, "active": True},
        "default_permissions": default_permissions(),
        "default_events": default_events(),
    }
    return made if redirect_url is None else {**made, "redirect_url": redirect_url}


def website(api_url: str) -> str:
    """Name the address of GitHub's pages from that of its API.

    Raises:
        SettingsInvalid: It is the address of no API.
    """
    parts = urlsplit(api_url)
    if parts.path == _API:
        return api_url.removesuffix(_API)
    # github.com itself, and the subdomain of ghe.com that an enterprise has to itself.
    if parts.path in ("", "/") and parts.netloc.startswith("api."):
        return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
    raise SettingsInvalid(
        f"MERGEWRIGHT_GITHUB_URL: {api_url} is not the address of GitHub's API. Give"
        " https://api.github.com, or on an Enterprise server https://HOST/api/v3."
    )


def settings_page(web: str, organization: str | None) -> str:
    """Name the page that lists the Apps of an organization, or one's own."""
    owner = f"organizations/{quote(organization, safe='')}/" if organization else ""
    return f"{web}/{owner}settings/apps"


class Difference(Record):
    """How what an App has differs from what it needs; empty where nothing does."""

    missing_permissions: dict[str, str]
    missing_events: tuple[str, ...]
    excess_permissions: dict[str, str]
    """With the level that it has."""
    excess_events: tuple[str, ...]

    @property
    def missing(self) -> bool:
        """Whether something cannot be done."""
        return bool(self.missing_permissions or self.missing_events)

    @property
    def excess(self) -> bool:
        """Whether the App may do more than it has a use for."""
        return bool(self.excess_permissions or self.excess_events)


def difference(permissions: Mapping[str, str], events: Iterable[str]) -> Difference:
    """Hold what an App has against what it needs.

    Args:
        permissions: Levels by name, as `GET /app` tells them.
    """
    wanted, given = default_permissions(), set(events)
    return Difference(
        missing_permissions={
            name: level
            for name, level in wanted.items()
            if _rank(permissions.get(name)) < _rank(level)
        },
        missing_events=tuple(name for name in default_events() if name not in given),
        excess_permissions={
            name: level
            for name, level in permissions.items()
            if _rank(level) > _rank(wanted.get(name))
        },
        excess_events=tuple(sorted(given.difference(default_events()))),
    )


def _rank(level: str | None) -> int:
    """Order levels; one that is not known counts as the highest."""
    if level is None:
        return -1
    return _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)


def markdown() -> Iterator[str]:
    """Give both tables as `deploy/README.md` has them."""
    yield from ("| permission | level | why |", "|---|---|---|")
    yield from (f"| `{one.name}` | {one.level} | {one.reason} |" for one in PERMISSIONS)
    yield from ("", "| event | why |", "|---|---|")
    yield from (f"| `{one.name}` | {one.reason} |" for one in EVENTS)
