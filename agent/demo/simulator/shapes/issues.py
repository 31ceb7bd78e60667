"""Issues, their comments and their time line."""

from __future__ import annotations

from agent.demo.simulator.records import Comment, Happening, Issue, Repository
from agent.demo.simulator.shapes import people, repositories
from agent.demo.simulator.shapes.people import Shape, moment, moment_or_none, node_id
from agent.demo.simulator.world import World


def page(world: World, repository: Repository, one: Issue) -> str:
    """Give the address of an issue or pull request for people."""
    kind = "pull" if one.pull else "issues"
    return f"{repositories.page(world, repository)}/{kind}/{one.number}"


def issue(world: World, repository: Repository, one: Issue) -> Shape:
    """Shape an issue; a pull request is one too."""
    url = people.issue_url(world, repository, one)
    shaped: Shape = {
        "url": url,
        "repository_url": repositories.url(world, repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": page(world, repository, one),
        "id": one.id,
        "node_id": node_id("PR" if one.pull else "I", one.pull.id if one.pull else one.id),
        "number": one.number,
        "title": one.title,
        "user": people.user(world, one.author),
        "labels": [repositories.label(world, repository, each) for each in one.labels],
        "state": one.state,
        "state_reason": one.state_reason,
        "locked": one.locked,
        "active_lock_reason": one.lock_reason,
        "assignee": people.user_or_none(world, one.assignees[0] if one.assignees else None),
        "assignees": [people.user(world, each) for each in one.assignees],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "closed_at": moment_or_none(one.closed),
        "closed_by": people.user_or_none(world, one.closed_by),
        "author_association": people.association(world, repository, one.author),
        "type": None,
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
        "body": one.body,
        "reactions": people.reactions(url, one.reactions),
        "performed_via_github_app": people.app_or_none(world, one.app_id),
    }
    if one.pull:
        pull_url = f"{repositories.url(world, repository)}/pulls/{one.number}"
        shaped["draft"] = one.pull.draft
        shaped["pull_request"] = {
            "url": pull_url,
            "html_url": shaped["html_url"],
            "diff_url": f"{shaped['html_url']}.diff",
            "patch_url": f"{shaped['html_url']}.patch",
            "merged_at": moment_or_none(one.pull.merged),
        }
    return shaped


def delivered(world: World, repository: Repository, one: Issue) -> Shape:
    """Shape an issue as deliveries carry it: without who closed it."""
    shaped = issue(world, repository, one)
    del shaped["closed_by"]
    return shaped


def comment(world: World, repository: Repository, on: Issue, one: Comment) -> Shape:
    """Shape a comment of a conversation."""
    url = f"{repositories.url(world, repository)}/issues/comments/{one.id}"
    return {
        "url": url,
        "html_url": f"{page(world, repository, on)}#issuecomment-{one.id}",
        "issue_url": people.issue_url(world, repository, on),
        "id": one.id,
        "node_id": node_id("IC", one.id),
        "user": people.user(world, one.author),
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "author_association": people.association(world, repository, one.author),
        "body": one.body,
        "reactions": people.reactions(url, one.reactions),
        "performed_via_github_app": people.app_or_none(world, one.app_id),
    }


def event(world: World, repository: Repository, one: Happening) -> Shape:
    """Shape an entry of the time line as the list of an issue's events has it."""
    shaped: Shape = {
        "id": one.id,
        "node_id": node_id("LE", one.id),
        "url": f"{repositories.url(world, repository)}/issues/events/{one.id}",
        "actor": people.user(world, one.actor),
        "event": one.event,
        "commit_id": one.commit,
        "commit_url": None,
        "created_at": moment(one.created),
        "performed_via_github_app": people.app_or_none(world, one.app_id),
    }
    if one.label:
        shaped["label"] = {"name": one.label.name, "color": one.label.color}
    if one.event == "renamed":
        before, _, after = one.note.partition("\0")
        shaped["rename"] = {"from": before, "to": after}
    if one.event in ("locked", "unlocked"):
        shaped["lock_reason"] = one.note or None
    return shaped
