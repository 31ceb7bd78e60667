"""What our GitHub App asks for, each with its reason: the one place that says so. Pure.

The page on which an App is registered, `mergewright app show`, `deploy/github_app.json` and what
tokens may do follow from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from agent.errors import SettingsInvalid
from agent.models.record import Record

WEBHOOK_PATH = "/webhooks/github"
"""Where the listener takes deliveries, below its public address."""
LONGEST_NAME = 34
"""Characters of an App's name at GitHub."""
DESCRIPTION = (
    "Turns a labelled issue into a pull request that has already passed the project's own checks."
)
_LEVELS = ("read", "write", "admin")
_API = "/api/v3"


class Permission(NamedTuple):
    """One permission that the App asks for."""

    name: str
    level: Literal["read", "write"]
    reason: str


class Event(NamedTuple):
    """One kind of delivery that the App asks for; without the permission GitHub refuses that."""

    name: str
    permission: str
    reason: str


PERMISSIONS = (
    Permission("metadata", "read", "what people may do, the rules for branches; GitHub demands it"),
    Permission("contents", "write", "to clone, push one branch per run, and resolve threads"),
    Permission("issues", "write", "the ticket, answers, status comment, reactions, state labels"),
    Permission("pull_requests", "write", "to open the pull request; to read and answer reviews"),
    Permission(
        "checks", "write", "the check run with our findings; check runs of the project's CI"
    ),
    Permission("statuses", "read", "commit statuses of the project's CI"),
    Permission("actions", "read", "workflows that wait for approval, logs of jobs that failed"),
)
EVENTS = (
    Event("issues", "issues", "the label that starts a run"),
    Event("issue_comment", "issues", "answers and commands on issues and pull requests"),
    Event("pull_request", "pull_requests", "it was merged, closed or opened again"),
    Event("pull_request_review", "pull_requests", "a review was submitted"),
    Event("pull_request_review_comment", "pull_requests", "a remark on a line"),
    Event("check_suite", "checks", "the project's CI is done with a commit"),
    Event("check_run", "checks", "one check of the project's CI is done"),
    Event("status", "statuses", "the same of CI that reports commit statuses"),
    Event("workflow_run", "actions", "a workflow waits for approval, or is done"),
)


def default_permissions() -> dict[str, str]:
    """The level of each permission, as a manifest has them."""
    return {one.name: one.level for one in PERMISSIONS}


def default_events() -> list[str]:
    """The names of the events, as a manifest has them."""
    return [one.name for one in EVENTS]


def make_manifest(public_url: str, name: str, redirect_url: str | None = None) -> dict[str, Any]:
    """Make the manifest from which GitHub registers the App.

    Args:
        public_url: Of the listener, without slash at the end.
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


def find_website(api_url: str) -> str:
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
    def is_lacking(self) -> bool:
        """Whether something cannot be done."""
        return bool(self.missing_permissions or self.missing_events)


def compare_permissions(permissions: Mapping[str, str], events: Iterable[str]) -> Difference:
    """Hold what an App has against what it needs.

    Args:
        permissions: Levels by name.
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
