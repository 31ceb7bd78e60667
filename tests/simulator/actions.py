"""What people and Apps do to issues: change the state, note it in the time line, deliver it."""

from tests.simulator import events, shapes
from tests.simulator.records import Comment, Happening, Issue, Label, Repository, User


def note(issue: Issue, event: str, actor: User, label: Label | None = None) -> None:
    """Write an entry into the time line, and mark the issue as updated."""
    world = issue.repository.world
    issue.updated = world.now()
    issue.happenings.append(Happening(world.next_id(), event, actor, issue.updated, label))


def make_issue(repository: Repository, author: User, title: str, body: str | None) -> Issue:
    """Add the next issue of a repository, without a delivery."""
    world = repository.world
    repository.last_number += 1
    now, number = world.now(), repository.last_number
    made = Issue(repository, world.next_id(), number, title, body, author, now, now)
    repository.issues[number] = made
    return made


def open_issue(
    repository: Repository, author: User, title: str, body: str | None, labels: list[Label]
) -> Issue:
    made = make_issue(repository, author, title, body)
    events.on_issue(made, "opened", author)
    add_labels(made, labels, author)
    return made


def add_labels(issue: Issue, labels: list[Label], actor: User) -> None:
    """Add labels to an issue; for those it has there is no delivery."""
    for label in dict.fromkeys(labels):
        if label not in issue.labels:
            issue.labels.append(label)
            _tell_of_label(issue, "labeled", label, actor)


def remove_label(issue: Issue, label: Label, actor: User) -> None:
    issue.labels.remove(label)
    _tell_of_label(issue, "unlabeled", label, actor)


def _tell_of_label(issue: Issue, action: str, label: Label, actor: User) -> None:
    note(issue, action, actor, label)
    events.on_issue(issue, action, actor, label={"name": label.name, "color": label.color})


def set_state(issue: Issue, state: str, actor: User) -> None:
    if state == issue.state:
        return
    closes = state == "closed"
    issue.state = "closed" if closes else "open"
    issue.closed = issue.repository.world.now() if closes else None
    action = "closed" if closes else "reopened"
    note(issue, action, actor)
    events.on_issue(issue, action, actor)


def edit(issue: Issue, actor: User, *, title: str | None = None, body: str | None = None) -> None:
    changes: shapes.Shape = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        note(issue, "renamed", actor)
        issue.happenings[-1].was, issue.title = issue.title, title
    if body is not None and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
        issue.texts = issue.texts or [(issue.created, issue.body or "")]
        issue.body = body
        issue.edited = issue.updated = issue.repository.world.now()
        issue.texts.append((issue.edited, body))
    if changes:
        events.on_issue(issue, "edited", actor, changes=changes)


def lock(issue: Issue, actor: User) -> None:
    issue.locked = True
    note(issue, "locked", actor)
    events.on_issue(issue, "locked", actor)


def comment(issue: Issue, author: User, body: str) -> Comment:
    world = issue.repository.world
    now = issue.updated = world.now()
    made = Comment(world.next_id(), body, author, now, now)
    issue.comments.append(made)
    fields = {"issue": shapes.shape_issue(issue), "comment": shapes.shape_comment(issue, made)}
    events.deliver(issue.repository, "issue_comment", "created", author, fields)
    return made
