"""What people and Apps do to issues: change the state, note it in the time line, deliver it."""

from __future__ import annotations

from agent.demo.simulator import events, refusals
from agent.demo.simulator.records import Comment, Happening, Issue, Label, Repository, User
from agent.demo.simulator.shapes import issues as shapes
from agent.demo.simulator.world import World

LABEL_LIMIT = 50
LABELS_MAX = 100


def note(
    world: World,
    issue: Issue,
    event: str,
    actor: User,
    *,
    label: Label | None = None,
    words: str = "",
    commit: str | None = None,
) -> None:
    """Write an entry into the time line, and mark the issue as updated."""
    now = world.now()
    issue.updated = now
    issue.happenings.append(
        Happening(world.next_id(), event, actor, now, label, commit, words, actor.app_id)
    )


def open_issue(
    world: World,
    repository: Repository,
    author: User,
    title: str,
    body: str | None,
    labels: list[Label],
    assignees: list[User],
) -> Issue:
    """Open an issue."""
    now = world.now()
    repository.last_number += 1
    made = Issue(
        world.next_id(), repository.last_number, title, body, author, now, now, author.app_id
    )
    made.assignees = list(assignees)
    repository.issues[made.number] = made
    events.on_issue(world, repository, made, "opened", author)
    add_labels(world, repository, made, labels, author)
    return made


def add_labels(
    world: World, repository: Repository, issue: Issue, labels: list[Label], actor: User
) -> None:
    """Put labels on an issue; those it has stay without a word."""
    new = [label for label in dict.fromkeys(labels) if label not in issue.labels]
    if len(issue.labels) + len(new) > LABELS_MAX:
        raise refusals.custom("Issue", f"An issue can have up to {LABELS_MAX} labels.")
    for label in new:
        issue.labels.append(label)
        note(world, issue, "labeled", actor, label=label)
        events.on_issue(world, repository, issue, "labeled", actor, label=label)


def remove_label(
    world: World, repository: Repository, issue: Issue, label: Label, actor: User
) -> None:
    """Take a label off an issue."""
    issue.labels.remove(label)
    note(world, issue, "unlabeled", actor, label=label)
    events.on_issue(world, repository, issue, "unlabeled", actor, label=label)


def named_labels(
    world: World, repository: Repository, names: list[str], *, may_create: bool
) -> list[Label]:
    """Give labels by name; as at GitHub, unknown ones are made by who may push."""
    found: list[Label] = []
    for name in names:
        label = repository.labels.get(name.lower())
        if label is None:
            check_label_name(name)
            if not may_create:
                raise refusals.role_forbidden()
            label = world.add_label(repository, name)
        found.append(label)
    return found


def check_label_name(name: str) -> None:
    """Refuse names that no label may have."""
    if not name.strip():
        raise refusals.invalid("Label", "name", "missing_field")
    if len(name) > LABEL_LIMIT:
        raise refusals.too_long("Label", "name", LABEL_LIMIT)


def delete_label(world: World, repository: Repository, label: Label, actor: User) -> None:
    """Delete a label of a repository; it leaves all issues."""
    del repository.labels[label.name.lower()]
    for issue in repository.issues.values():
        if label in issue.labels:
            remove_label(world, repository, issue, label, actor)


def set_state(
    world: World,
    repository: Repository,
    issue: Issue,
    state: str,
    reason: str | None,
    actor: User,
) -> None:
    """Close or reopen an issue or pull request."""
    if state == "closed" and issue.state == "open":
        issue.state, issue.closed, issue.closed_by = "closed", world.now(), actor
        issue.state_reason = None if issue.pull else (reason or "completed")
        note(world, issue, "closed", actor)
        events.on_issue(world, repository, issue, "closed", actor)
    elif state == "open" and issue.state == "closed":
        issue.state, issue.closed, issue.closed_by = "open", None, None
        issue.state_reason = None if issue.pull else "reopened"
        note(world, issue, "reopened", actor)
        events.on_issue(world, repository, issue, "reopened", actor)


def edit(
    world: World,
    repository: Repository,
    issue: Issue,
    actor: User,
    *,
    title: str | None,
    body: str | None,
    body_given: bool,
    changes: dict[str, object] | None = None,
) -> None:
    """Change title and body.

    Args:
        changes: What else was changed, in GitHub's words.
    """
    changes = dict(changes or {})
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        note(world, issue, "renamed", actor, words=f"{issue.title}\0{title}")
        issue.title = title
    if body_given and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
        issue.body = body
    if changes:
        issue.updated = world.now()
        if "body" in changes:
            issue.edited = issue.updated
        events.on_issue(world, repository, issue, "edited", actor, changes=changes)


def lock(
    world: World, repository: Repository, issue: Issue, actor: User, reason: str | None
) -> None:
    """Lock a conversation."""
    if not issue.locked:
        issue.locked, issue.lock_reason = True, reason
        note(world, issue, "locked", actor, words=reason or "")
        events.on_issue(world, repository, issue, "locked", actor)


def comment(world: World, repository: Repository, issue: Issue, author: User, body: str) -> Comment:
    """Comment on an issue or pull request."""
    now = world.now()
    made = Comment(world.next_id(), body, author, now, now, author.app_id)
    issue.comments.append(made)
    issue.updated = now
    events.on_comment(world, repository, issue, made, "created", author)
    return made


def transfer(
    world: World, source: Repository, issue: Issue, target: Repository, actor: User
) -> Issue:
    """Move an issue; labels that the target has not are left behind, as at GitHub."""
    old = shapes.delivered(world, source, issue)
    del source.issues[issue.number]
    target.last_number += 1
    source.moved[issue.number] = (target.id, target.last_number)
    issue.id, issue.number = world.next_id(), target.last_number
    kept = [target.labels.get(label.name.lower()) for label in issue.labels]
    issue.labels = [label for label in kept if label]
    target.issues[issue.number] = issue
    note(world, issue, "transferred", actor)
    events.on_transfer(world, source, old, target, issue, actor)
    return issue
