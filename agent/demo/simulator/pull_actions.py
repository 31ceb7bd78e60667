"""What happens to branches and pull requests: opening, pushes, merges, reviews."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.demo.simulator import actions, events, git_store, shapes
from agent.demo.simulator.calls import InvalidField, Refusal
from agent.demo.simulator.git_store import ZERO, Person
from agent.demo.simulator.records import (
    Issue,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Thread,
    User,
)
from agent.demo.simulator.world import World

_HUNK = re.compile(r"@@ -\S+ \+(\d+)")


class Update(NamedTuple):
    """One reference that was moved; ZERO stands for absent."""

    old: str
    new: str
    name: str


def write_commit(
    world: World, repository: Repository, user: User, tree: str, parents: tuple[str, ...], text: str
) -> str:
    """Make a commit as GitHub itself makes it on behalf of an account; give its name."""
    now = int(world.now())
    author = Person(user.login, f"{user.id}+{user.login}@users.noreply.github.com", now)
    github = Person("GitHub", "noreply@github.com", now)
    return git_store.write_commit(
        repository.git_dir, tree, parents, text, author, github, sign=True
    )


def open_pull(
    world: World,
    repository: Repository,
    author: User,
    *,
    title: str,
    body: str | None,
    head: str,
    base: str,
    draft: bool,
) -> Issue:
    """Open a pull request, if GitHub would."""
    branch = head.rpartition(":")[2]
    tips = {name: git_store.branch(repository.git_dir, name) for name in (base, branch)}
    head_sha, base_sha = tips[branch], tips[base]
    if head_sha is None or base_sha is None:
        raise InvalidField("PullRequest", "head" if base_sha else "base", "invalid")
    for other in repository.pulls():
        same = other.pull and (other.pull.head_ref, other.pull.base_ref) == (branch, base)
        if same and other.state == "open":
            message = f"A pull request already exists for {repository.owner.login}:{branch}."
            raise InvalidField("PullRequest", "base", "custom", message)
    if git_store.merge_base(repository.git_dir, base_sha, head_sha) is None:
        message = f"The {branch} branch has no history in common with {base}"
        raise InvalidField("PullRequest", "base", "custom", message)
    if not git_store.list_commits(repository.git_dir, base_sha, head_sha):
        raise InvalidField(
            "PullRequest", "base", "custom", f"No commits between {base} and {branch}"
        )
    made = actions.make_issue(world, repository, author, title, body)
    made.pull = Pull(world.next_id(), branch, head_sha, base, base_sha, draft)
    _point(repository, made.number, head_sha)
    events.on_issue(world, repository, made, "opened", author)
    return made


def _point(repository: Repository, number: int, sha: str) -> None:
    """Keep refs/pull/N/head, by which anybody can fetch a pull request."""
    name = f"refs/pull/{number}/head"
    old = git_store.reference(repository.git_dir, name)
    git_store.update_reference(repository.git_dir, name, sha, old or ZERO)


# --- references ----------------------------------------------------------------------------------


def move_reference(
    world: World, repository: Repository, actor: User, name: str, old: str, new: str
) -> None:
    """Move a reference, or make it (old ZERO), through the API."""
    try:
        git_store.update_reference(repository.git_dir, name, new, old)
    except git_store.GitRefused as problem:
        raise Refusal(422, "Reference update failed") from problem
    follow_push(world, repository, actor, [Update(old, new, name)])


def follow_push(world: World, repository: Repository, pusher: User, updates: list[Update]) -> None:
    """Let pull requests follow their branches."""
    for update in updates:
        branch = update.name.removeprefix("refs/heads/")
        for issue in repository.pulls():
            if issue.pull is None or issue.state != "open":
                continue
            if issue.pull.head_ref == branch:
                _follow_head(world, repository, issue, issue.pull, update, pusher)
            elif issue.pull.base_ref == branch and update.new != ZERO:
                _follow_base(world, repository, issue, issue.pull, update, pusher)


def _follow_head(
    world: World, repository: Repository, issue: Issue, pull: Pull, update: Update, pusher: User
) -> None:
    if update.new == ZERO:
        actions.note(world, issue, "head_ref_deleted", pusher)
        actions.set_state(world, repository, issue, "closed", None, pusher)
        return
    pull.head_sha, issue.updated = update.new, world.now()
    _point(repository, issue.number, update.new)
    for comment in pull.review_comments():
        _follow_line(repository, pull, comment)
    moved = {"before": update.old, "after": update.new}
    events.on_issue(world, repository, issue, "synchronize", pusher, **moved)


def _follow_base(
    world: World, repository: Repository, issue: Issue, pull: Pull, update: Update, pusher: User
) -> None:
    if git_store.merge_base(repository.git_dir, update.new, pull.head_sha) == pull.head_sha:
        pull.merged, pull.merged_by, pull.merge_sha = world.now(), pusher, update.new
        actions.note(world, issue, "merged", pusher)
        actions.set_state(world, repository, issue, "closed", None, pusher)
    else:
        pull.base_sha = update.new


def merge(world: World, repository: Repository, issue: Issue, pull: Pull, actor: User) -> str:
    """Merge a pull request; give the commit."""
    git_dir = repository.git_dir
    tip = git_store.branch(git_dir, pull.base_ref)
    tree = git_store.merged_tree(git_dir, tip, pull.head_sha) if tip else None
    if issue.state == "closed" or pull.draft or tip is None or tree is None:
        raise Refusal(405, "Pull Request is not mergeable")
    branch = f"{repository.owner.login}/{pull.head_ref}"
    text = f"Merge pull request #{issue.number} from {branch}\n\n{issue.title}\n"
    made = write_commit(world, repository, actor, tree, (tip, pull.head_sha), text)
    move_reference(world, repository, actor, f"refs/heads/{pull.base_ref}", tip, made)
    return made


# --- reviews -------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A line of a difference: the hunk up to it, and its position below the first `@@`."""

    hunk: str
    position: int


def find_line(repository: Repository, pull: Pull, path: str, line: int) -> Place | None:
    """Find a line of a file as it is now in a pull request's difference; None if not shown."""
    start = shapes.find_ancestor(repository, pull)
    changed = git_store.changes(repository.git_dir, start, pull.head_sha)
    patch = next((change.patch for change in changed if change.path == path), "")
    number = 0
    hunk: list[str] = []
    for position, row in enumerate(patch.splitlines()):
        if header := _HUNK.match(row):
            number, hunk = int(header[1]) - 1, [row]
            continue
        hunk.append(row)
        number += row[:1] in ("+", " ")
        if number == line and row[:1] in ("+", " "):
            return Place("\n".join(hunk), position)
    return None


def _follow_line(repository: Repository, pull: Pull, comment: ReviewComment) -> None:
    """After a push: a comment on a line that is no longer shown is outdated (no line)."""
    if comment.line is None:
        return
    place = find_line(repository, pull, comment.path, comment.line)
    if place and place.hunk.splitlines()[-1] == comment.diff_hunk.splitlines()[-1]:
        comment.commit_id, comment.position = pull.head_sha, place.position
    else:
        comment.line = comment.position = None


def add_review(world: World, pull: Pull, author: User, state: str, body: str) -> Review:
    """Add a review; its delivery is left to the caller."""
    made = Review(world.next_id(), author, body, state, pull.head_sha, world.now())
    pull.reviews.append(made)
    if author in pull.requested:
        pull.requested.remove(author)
    return made


def add_answer(
    world: World, repository: Repository, issue: Issue, thread: Thread, review: Review
) -> ReviewComment:
    """Move the text of a review into a thread, and deliver it."""
    first, now = thread.comments[0], world.now()
    made = ReviewComment(
        world.next_id(), review.id, review.body, review.author, first.path, first.diff_hunk,
        first.commit_id, first.original_commit_id, now, now, first.line, first.original_line,
        first.position, first.start_line, first.id,
    )  # fmt: skip
    review.body, issue.updated = "", now
    thread.comments.append(made)
    events.on_review(world, repository, issue, review, [made])
    return made


def resolve(
    world: World, repository: Repository, issue: Issue, thread: Thread, actor: User | None
) -> None:
    """Resolve a thread, or with no actor take it up again in the name of who resolved it."""
    if issue.pull is None or bool(thread.resolved_by) is bool(actor):
        return
    sender = actor or thread.resolved_by or issue.author
    thread.resolved_by = actor
    comments = [
        shapes.shape_review_comment(world, repository, issue, one) for one in thread.comments
    ]
    fields = {
        "thread": {"node_id": shapes.build_node_id("PRRT", thread.id), "comments": comments},
        "pull_request": shapes.shape_simple_pull(world, repository, issue, issue.pull),
        "updated_at": shapes.format_time(world.now()),
    }
    event, action = "pull_request_review_thread", "resolved" if actor else "unresolved"
    events.deliver(world, repository, event, action, sender, fields)
