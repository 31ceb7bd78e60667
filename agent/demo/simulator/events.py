"""What is delivered when something happens: GitHub's payloads, to every hook that wants them."""

from __future__ import annotations

from typing import Any

from agent.demo.simulator import git_history, git_store
from agent.demo.simulator.git_store import ZERO
from agent.demo.simulator.records import (
    Comment,
    Hook,
    Installation,
    Issue,
    Label,
    Repository,
    Review,
    ReviewComment,
    Thread,
    User,
)
from agent.demo.simulator.shapes import commits, issues, people, pulls, repositories
from agent.demo.simulator.shapes.people import Shape, moment, node_id
from agent.demo.simulator.world import World

_COMMITS_TOLD = 20


def deliver(
    world: World, repository: Repository, event: str, action: str | None, said: Shape, sender: User
) -> None:
    """Send an event to the Apps on a repository and to the repository's own hooks."""
    installed = world.installations_for(repository)
    if not any(one.app.hook.wants(event) for one in installed) and not repository.hooks:
        return
    payload: Shape = {"action": action} if action else {}
    payload.update(said)
    payload.setdefault("repository", repositories.repository(world, repository))
    if repository.owner.kind == "Organization":
        payload["organization"] = _organization(world, repository.owner)
    payload["sender"] = people.user(world, sender)
    for one in installed:
        if one.app.hook.wants(event):
            known = {"id": one.id, "node_id": node_id("MDIzOkludGVncmF0aW9u", one.id)}
            world.hooks.emit(
                one.app.hook,
                event,
                {**payload, "installation": known},
                installation_id=one.id,
                repository_id=repository.id,
            )
    for hook in repository.hooks:
        if hook.wants(event):
            world.hooks.emit(hook, event, payload, repository_id=repository.id)


def _organization(world: World, one: User) -> Shape:
    url = f"{world.base_url}/api/v3/orgs/{one.login}"
    shaped = people.user(world, one)
    return {
        "login": one.login,
        "id": one.id,
        "node_id": shaped["node_id"],
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": shaped["avatar_url"],
        "description": "",
    }


def on_issue(
    world: World,
    repository: Repository,
    one: Issue,
    action: str,
    sender: User,
    *,
    label: Label | None = None,
    changes: Shape | None = None,
    assignee: User | None = None,
) -> None:
    """Deliver that something happened to an issue or pull request."""
    said: Shape = {}
    event = "issues"
    if one.pull:
        event = "pull_request"
        said = {"number": one.number, "pull_request": pulls.full(world, repository, one, one.pull)}
    else:
        said = {"issue": issues.delivered(world, repository, one)}
    if label:
        said["label"] = repositories.label(world, repository, label)
    if changes is not None:
        said["changes"] = changes
    if assignee:
        said["assignee"] = people.user(world, assignee)
    deliver(world, repository, event, action, said, sender)


def on_pull(
    world: World, repository: Repository, one: Issue, action: str, sender: User, **more: Any
) -> None:
    """Deliver that something happened that only pull requests know."""
    assert one.pull is not None  # noqa: S101 what the callers have looked at
    said = {"number": one.number, "pull_request": pulls.full(world, repository, one, one.pull)}
    deliver(world, repository, "pull_request", action, {**said, **more}, sender)


def on_comment(
    world: World,
    repository: Repository,
    one: Issue,
    comment: Comment,
    action: str,
    sender: User,
    changes: Shape | None = None,
) -> None:
    """Deliver that a comment was made, edited or deleted."""
    said: Shape = {} if changes is None else {"changes": changes}
    said["issue"] = issues.delivered(world, repository, one)
    said["comment"] = issues.comment(world, repository, one, comment)
    deliver(world, repository, "issue_comment", action, said, sender)


def on_review(
    world: World, repository: Repository, one: Issue, review: Review, sender: User
) -> None:
    """Deliver that a review was submitted."""
    assert one.pull is not None  # noqa: S101 as above
    shaped = pulls.review(world, repository, one, review)
    said = {
        "review": {**shaped, "state": review.state.lower()},
        "pull_request": pulls.simple(world, repository, one, one.pull),
    }
    deliver(world, repository, "pull_request_review", "submitted", said, sender)


def on_review_comment(
    world: World, repository: Repository, one: Issue, comment: ReviewComment, sender: User
) -> None:
    """Deliver that a line of a pull request was commented."""
    assert one.pull is not None  # noqa: S101 as above
    said = {
        "comment": pulls.review_comment(world, repository, one, comment),
        "pull_request": pulls.simple(world, repository, one, one.pull),
    }
    deliver(world, repository, "pull_request_review_comment", "created", said, sender)


def on_thread(
    world: World, repository: Repository, one: Issue, thread: Thread, action: str, sender: User
) -> None:
    """Deliver that a thread of a review was resolved, or taken up again."""
    assert one.pull is not None  # noqa: S101 as above
    comments = [pulls.review_comment(world, repository, one, each) for each in thread.comments]
    said = {
        "thread": {"node_id": node_id("PRRT", thread.id), "comments": comments},
        "pull_request": pulls.of_thread(world, repository, one, one.pull),
        "updated_at": moment(world.now()),
    }
    deliver(world, repository, "pull_request_review_thread", action, said, sender)


def on_push(
    world: World, repository: Repository, name: str, old: str, new: str, sender: User
) -> None:
    """Deliver that a reference was moved, made or removed."""
    git_dir = repository.git_dir
    page = repositories.page(world, repository)
    told: list[Shape] = []
    forced = False
    tip = None if new == ZERO else git_store.peel(git_dir, new)
    if tip and tip == new:
        since = old if old != ZERO else git_store.branch(git_dir, repository.default_branch)
        since = None if since == new else since
        newest_first = git_history.history(git_dir, new, since, _COMMITS_TOLD)
        told = [_pushed_commit(world, repository, sha) for sha in reversed(newest_first)]
        forced = old != ZERO and not git_history.contains(git_dir, new, old)
    head = told[-1] if told else None
    if head is None and tip:
        head = _pushed_commit(world, repository, tip)
    said: Shape = {
        "ref": name,
        "before": old,
        "after": new,
        "repository": _pushed_repository(world, repository),
        "pusher": {"name": sender.login, "email": f"{sender.login}@users.noreply.github.com"},
        "created": old == ZERO,
        "deleted": new == ZERO,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{old[:12]}...{new[:12]}",
        "commits": told,
        "head_commit": head,
    }
    deliver(world, repository, "push", None, said, sender)


def _pushed_repository(world: World, repository: Repository) -> Shape:
    shaped = repositories.repository(world, repository)
    owner = {**shaped["owner"], "name": repository.owner.login, "email": repository.owner.email}
    return {
        **shaped,
        "owner": owner,
        "created_at": int(repository.created),
        "pushed_at": int(repository.pushed),
        "stargazers": 0,
        "master_branch": repository.default_branch,
    }


def _pushed_commit(world: World, repository: Repository, sha: str) -> Shape:
    read = git_store.read_commit(repository.git_dir, sha)
    before = read.parents[0] if read.parents else git_store.EMPTY_TREE
    changed = git_history.changes(repository.git_dir, before, sha)
    author, committer = (
        {"name": one.name, "email": one.email, "username": account.login if account else one.name}
        for one, account in (
            (read.author, commits.account_of(world, read.author)),
            (read.committer, commits.account_of(world, read.committer)),
        )
    )
    return {
        "id": sha,
        "tree_id": read.tree,
        "distinct": True,
        "message": read.message,
        "timestamp": moment(read.committer.when),
        "url": f"{repositories.page(world, repository)}/commit/{sha}",
        "author": author,
        "committer": committer,
        "added": [one.path for one in changed if one.status == "added"],
        "removed": [one.path for one in changed if one.status == "removed"],
        "modified": [one.path for one in changed if one.status not in ("added", "removed")],
    }


def on_transfer(
    world: World,
    source: Repository,
    old: Shape,
    target: Repository,
    one: Issue,
    sender: User,
) -> None:
    """Deliver that an issue left one repository and came to another."""
    shaped = issues.delivered(world, target, one)
    changes = {
        "new_issue": shaped,
        "new_repository": repositories.repository(world, target),
    }
    deliver(world, source, "issues", "transferred", {"issue": old, "changes": changes}, sender)
    came_from = {
        "old_issue": old,
        "old_repository": repositories.repository(world, source),
    }
    deliver(world, target, "issues", "opened", {"issue": shaped, "changes": came_from}, sender)


# deliveries that concern an App and not a repository


def _to_app(world: World, one: Installation, event: str, action: str, said: Shape) -> None:
    if not one.app.hook.wants(event):
        return
    payload: Shape = {
        "action": action,
        "installation": people.installation(world, one),
        **said,
        "sender": people.user(world, one.account),
    }
    world.hooks.emit(one.app.hook, event, payload, installation_id=one.id)


def _listed(one: Repository) -> Shape:
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
    }


def installation_changed(world: World, one: Installation, action: str) -> None:
    """Deliver that an App was installed, removed, suspended or unsuspended."""
    covered = [_listed(each) for each in world.repositories.values() if one.covers(each)]
    _to_app(world, one, "installation", action, {"repositories": covered, "requester": None})


def installation_repositories_changed(
    world: World, one: Installation, *, added: list[Repository], removed: list[Repository]
) -> None:
    """Deliver that an installation reaches other repositories than before."""
    selection = "all" if one.repository_ids is None else "selected"
    for action, these in (("added", added), ("removed", removed)):
        if these:
            said = {
                "repository_selection": selection,
                "repositories_added": [_listed(each) for each in added if action == "added"],
                "repositories_removed": [_listed(each) for each in removed if action == "removed"],
                "requester": None,
            }
            _to_app(world, one, "installation_repositories", action, said)


def ping(world: World, hook: Hook, owner: User) -> None:
    """Deliver the first event of a hook."""
    payload: Shape = {
        "zen": "Approachable is better than simple.",
        "hook_id": hook.id,
        "hook": {
            "type": "App" if hook.target == "integration" else "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": list(hook.events),
            "config": {
                "content_type": "json",
                "insecure_ssl": "0",
                "secret": "********",
                "url": hook.url,
            },
            "updated_at": moment(world.now()),
            "created_at": moment(world.now()),
        },
        "sender": people.user(world, owner),
    }
    if hook.target == "integration":
        payload["hook"]["app_id"] = hook.target_id
    else:
        repository = world.repositories[hook.target_id]
        payload["repository"] = repositories.repository(world, repository)
    world.hooks.emit(hook, "ping", payload)
