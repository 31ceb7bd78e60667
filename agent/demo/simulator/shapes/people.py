"""Accounts and Apps, times and node ids."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from agent.demo.simulator.records import App, Installation, Issue, Reaction, Repository, User
from agent.demo.simulator.world import World

Shape = dict[str, Any]

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def moment(seconds: float) -> str:
    """Give a time as GitHub spells it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_or_none(seconds: float | None) -> str | None:
    """Give a time, or None where there is none."""
    return None if seconds is None else moment(seconds)


def node_id(prefix: str, number: int) -> str:
    """Give the GraphQL id of a thing: its kind and number, opaque to clients."""
    return f"{prefix}_kwDO{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def user(world: World, one: User) -> Shape:
    """Shape an account as it stands inside other answers."""
    url = f"{world.base_url}/api/v3/users/{quote(one.login)}"
    page = f"{world.base_url}/{one.login}"
    if one.app_id:
        page = f"{world.base_url}/apps/{one.login.removesuffix('[bot]')}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node_id({"Bot": "BOT", "Organization": "O"}.get(one.kind, "U"), one.id),
        "avatar_url": f"{world.base_url}/avatars/u/{one.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": page,
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": one.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def user_or_none(world: World, one: User | None) -> Shape | None:
    """Shape an account, or None where there is none."""
    return user(world, one) if one else None


def profile(world: World, one: User) -> Shape:
    """Shape an account as its own answer."""
    owned = [each for each in world.repositories.values() if each.owner is one]
    return {
        **user(world, one),
        "name": one.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": one.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(not each.private for each in owned),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
    }


def own_profile(world: World, one: User) -> Shape:
    """Shape an account as it sees itself."""
    private = sum(each.private for each in world.repositories.values() if each.owner is one)
    return {
        **profile(world, one),
        "notification_email": None,
        "private_gists": 0,
        "total_private_repos": private,
        "owned_private_repos": private,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": True,
    }


def app(world: World, one: App) -> Shape:
    """Shape an App."""
    from agent.demo.simulator.access import client_id

    return {
        "id": one.id,
        "slug": one.slug,
        "client_id": client_id(one),
        "node_id": node_id("A", one.id),
        "owner": user(world, one.owner),
        "name": one.name,
        "description": None,
        "external_url": one.external_url or f"{world.base_url}/apps/{one.slug}",
        "html_url": f"{world.base_url}/apps/{one.slug}",
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
        "permissions": dict(one.permissions),
        "events": list(one.hook.events),
    }


def app_or_none(world: World, number: int | None) -> Shape | None:
    """Shape the App on whose behalf something was made."""
    found = world.apps.get(number) if number else None
    return app(world, found) if found else None


def installation(world: World, one: Installation) -> Shape:
    """Shape an installation."""
    api = f"{world.base_url}/api/v3"
    return {
        "id": one.id,
        "client_id": app(world, one.app)["client_id"],
        "account": user(world, one.account),
        "repository_selection": "all" if one.repository_ids is None else "selected",
        "access_tokens_url": f"{api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{world.base_url}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.kind,
        "permissions": dict(one.permissions),
        "events": list(one.app.hook.events),
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if one.suspended is None else user(world, one.account),
        "suspended_at": moment_or_none(one.suspended),
    }


def association(world: World, repository: Repository, one: User) -> str:
    """Tell how an author stands to a repository."""
    if one is repository.owner:
        return "OWNER"
    if one.kind != "Bot" and repository.roles.get(one.login.lower(), "none") != "none":
        return "MEMBER" if repository.owner.kind == "Organization" else "COLLABORATOR"
    own = [each.pull for each in repository.pulls() if each.author is one]
    return "CONTRIBUTOR" if any(pull and pull.merged for pull in own) else "NONE"


def reaction(world: World, one: Reaction) -> Shape:
    """Shape a reaction."""
    return {
        "id": one.id,
        "node_id": node_id("REA", one.id),
        "user": user(world, one.user),
        "content": one.content,
        "created_at": moment(one.created),
    }


def reactions(url: str, given: list[Reaction]) -> Shape:
    """Count reactions."""
    counts = {name: sum(one.content == name for one in given) for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}


def issue_url(world: World, repository: Repository, issue: Issue) -> str:
    """Give the API address of an issue."""
    return f"{world.base_url}/api/v3/repos/{repository.full_name}/issues/{issue.number}"
