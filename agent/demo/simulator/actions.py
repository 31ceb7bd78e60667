"""What people and Apps do to issues: change the state, note it in the time line, deliver it."""

from __future__ import annotations

from agent.demo.simulator import events, shapes
from agent.demo.simulator.records import Comment, Happening, Issue, Label, Repository, User
from agent.demo.simulator.world import World


def note(
    world: World,
    issue: Issue,
    event: str,
    actor: User,
    *,
    label: Label | None = None,
    renamed: tuple[str, str] | None = None,
) -> None:
    """Write an entry into the time line, and mark the issue as updated."""
    issue.updated = world.now()
    made = Happening(world.next_id(), event, actor, issue.updated, label, renamed)
    issue.happenings.append(made)


def make_issue(
    world: World, repository: Repository, author: User, title: str, body: str | None
) -> Issue:
    """Give a repository its next issue, without a delivery."""
    now = world.now()
    repository.last_number += 1
    made = Issue(world.next_id(), repository.last_number, title, body, author, now, now)
    repository.issues[made.number] = made
    return made


def open_issue(
    world: World,
    repository: Repository,
    author: User,
    title: str,
    body: str | None,
    labels: list[Label],
) -> Issue:
    """Open an issue."""
    made = make_issue(world, repository, author, title, body)
    events.on_issue(world, repository, made, "opened", author)
    add_labels(world, repository, made, labels, author)
    return made


def add_labels(
    world: World, repository: Repository, issue: Issue, labels: list[Label], actor: User
) -> None:
    """Put labels on an issue; those it has stay without a word."""
    for label in dict.fromkeys(labels):
        if label not in issue.labels:
            issue.labels.append(label)
            note(world, issue, "labeled", actor, label=label)
            shaped = shapes.shape_label(world, repository, label)
            events.on_issue(world, repository, issue, "labeled", actor, label=shaped)


def remove_label(
    world: World, repository: Repository, issue: Issue, label: Label, actor: User
) -> None:
    """Take a label off an issue."""
    issue.labels.remove(label)
    note(world, issue, "unlabeled", actor, label=label)
    shaped = shapes.shape_label(world, repository, label)
    events.on_issue(world, repository, issue, "unlabeled", actor, label=shaped)


def set_state(
    world: World, repository: Repository, issue: Issue, state: str, reason: str | None, actor: User
) -> None:
    """Close or reopen an issue or pull request."""
    if state == issue.state:
        return
    closes = state == "closed"
    issue.state = "closed" if closes else "open"
    issue.closed = world.now() if closes else None
    if issue.pull is None:
        issue.state_reason = (reason or "completed") if closes else "reopened"
    action = "closed" if closes else "reopened"
    note(world, issue, action, actor)
    events.on_issue(world, repository, issue, action, actor)


def edit(
    world: World,
    repository: Repository,
    issue: Issue,
    actor: User,
    *,
    title: str | None,
    body: str | None,
    body_given: bool,
) -> None:
    """Change title and body."""
    changes: shapes.Shape = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        note(world, issue, "renamed", actor, renamed=(issue.title, title))
        issue.title = title
    if body_given and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
        issue.body = body
        issue.edited = issue.updated = world.now()
    if changes:
        events.on_issue(world, repository, issue, "edited", actor, changes=changes)


def lock(world: World, repository: Repository, issue: Issue, actor: User) -> None:
    """Lock a conversation."""
    issue.locked = True
    note(world, issue, "locked", actor)
    events.on_issue(world, repository, issue, "locked", actor)


def comment(world: World, repository: Repository, issue: Issue, author: User, body: str) -> Comment:
    """Comment on an issue or pull request."""
    now = issue.updated = world.now()
    made = Comment(world.next_id(), body, author, now, now)
    issue.comments.append(made)
    fields = {
        "issue": shapes.shape_issue(world, repository, issue),
        "comment": shapes.shape_comment(world, repository, issue, made),
    }
    events.deliver(world, repository, "issue_comment", "created", author, fields)
    return made


def transfer(
    world: World, source: Repository, issue: Issue, target: Repository, actor: User
) -> None:
    """Move an issue to another repository; its old number redirects."""
    before = shapes.shape_issue(world, source, issue)
    del source.issues[issue.number]
    target.last_number += 1
    source.moved[issue.number] = (target.id, target.last_number)
    issue.id, issue.number = world.next_id(), target.last_number
    issue.labels = []
    target.issues[issue.number] = issue
    changes = {
        "new_issue": shapes.shape_issue(world, target, issue),
        "new_repository": shapes.shape_repository(world, target),
    }
    fields = {"issue": before, "changes": changes}
    events.deliver(world, source, "issues", "transferred", actor, fields)
