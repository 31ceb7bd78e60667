"""What our GitHub App asks for: the one place that says so. Pure.

The page on which an App is registered, `deploy/github_app.json` and what tokens may do follow from
here; `deploy/README.md` gives the reason for each.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from agent.errors import SettingsInvalid

LONGEST_NAME = 34
"""Characters of an App's name at GitHub."""
PERMISSIONS = {
    "metadata": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "statuses": "read",
    "actions": "read",
}
EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review",
    "pull_request_review_comment", "check_suite", "check_run", "status", "workflow_run",
)  # fmt: skip
_API = "/api/v3"


def make_manifest(public_url: str, name: str, redirect_url: str) -> dict[str, Any]:
    """Make the manifest from which GitHub registers the App.

    Args:
        public_url: Of the listener, without slash at the end.
        redirect_url: Where GitHub leads with the code, once the App is registered.
    """
    return {
        "name": name,
        "url": public_url,
        "description": "Turns a labelled issue into a pull request that has already passed the"
        " project's own checks.",
        "public": False,
        "hook_attributes": {"url": f"{public_url}/webhooks/github", "active": True},
        "default_permissions": PERMISSIONS,
        "default_events": list(EVENTS),
        "redirect_url": redirect_url,
    }


def settings_page(api_url: str, organization: str | None) -> str:
    """Return the address of the page that lists the Apps of an organization, or one's own.

    Raises:
        SettingsInvalid: The address of the API is none.
    """
    parts = urlsplit(api_url)
    if parts.path == _API:
        web = api_url.removesuffix(_API)
    elif parts.path in ("", "/") and parts.netloc.startswith("api."):
        # github.com itself, and the subdomain of ghe.com that an enterprise has to itself.
        web = f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
    else:
        raise SettingsInvalid(
            f"MERGEWRIGHT_GITHUB_URL: {api_url} is not the address of GitHub's API. Give"
            " https://api.github.com, or on an Enterprise server https://HOST/api/v3."
        )
    owner = f"organizations/{quote(organization, safe='')}/" if organization else ""
    return f"{web}/{owner}settings/apps"
