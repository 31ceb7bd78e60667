"""What happens to branches and pull requests: opening, pushes, merges, reviews."""

import re
from dataclasses import replace
from typing import NamedTuple

from tests.simulator import actions, events, git_store, shapes
from tests.simulator.calls import InvalidField, Refusal
from tests.simulator.git_store import ZERO, Person
from tests.simulator.records import Pull, Repository, Review, ReviewComment, Thread, User

#: As GitHub links issues that end with a pull request.
_CLOSES = re.compile(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?) #([0-9]{1,9})\b")
_HUNK = re.compile(r"@@ -\S+ \+(\d+)")


class Update(NamedTuple):
    """One reference that was moved; ZERO stands for absent."""

    old: str
    new: str
    name: str


def write_commit(
    repository: Repository, user: User, tree: str, parents: tuple[str, ...], text: str
) -> str:
    """Make a commit as GitHub itself makes it on behalf of an account; give its name."""
    now = int(repository.world.now())
    author = Person(user.login, f"{user.id}+{user.login}@users.noreply.github.com", now)
    github = Person("GitHub", "noreply@github.com", now)
    return git_store.write_commit(repository.git_dir, tree, parents, text, author, github)


def open_pull(
    repository: Repository,
    author: User,
    *,
    title: str,
    body: str | None,
    head: str,
    base: str,
    draft: bool,
) -> Pull:
    """Open a pull request, if GitHub would."""
    branch = head.rpartition(":")[2]
    tips = {name: git_store.branch(repository.git_dir, name) for name in (base, branch)}
    head_sha, base_sha = tips[branch], tips[base]
    if head_sha is None or base_sha is None:
        raise InvalidField("PullRequest", "head" if base_sha else "base", "invalid")
    for earlier in repository.pulls():
        same = earlier.pull and (earlier.pull.head_ref, earlier.pull.base_ref) == (branch, base)
        if same and earlier.state == "open":
            message = f"A pull request already exists for {repository.owner.login}:{branch}."
            raise InvalidField("PullRequest", "base", "custom", message)
    if git_store.merge_base(repository.git_dir, base_sha, head_sha) is None:
        message = f"The {branch} branch has no history in common with {base}"
        raise InvalidField("PullRequest", "base", "custom", message)
    if not git_store.list_commits(repository.git_dir, base_sha, head_sha):
        raise InvalidField(
            "PullRequest", "base", "custom", f"No commits between {base} and {branch}"
        )
    issue = actions.make_issue(repository, author, title, body)
    number = repository.world.next_id()
    issue.pull = Pull(number, issue, branch, head_sha, base, base_sha, draft)
    _point(issue.pull)
    events.on_issue(issue, "opened", author)
    return issue.pull


def _point(pull: Pull) -> None:
    """Update refs/pull/N/head, by which anybody can fetch a pull request."""
    git_dir, name = pull.issue.repository.git_dir, f"refs/pull/{pull.issue.number}/head"
    old = git_store.reference(git_dir, name)
    git_store.update_reference(git_dir, name, pull.head_sha, old or ZERO)


# --- references ----------------------------------------------------------------------------------


def move_reference(repository: Repository, actor: User, name: str, old: str, new: str) -> None:
    """Move a reference, or make it (old ZERO), through the API."""
    try:
        git_store.update_reference(repository.git_dir, name, new, old)
    except git_store.GitRefused as problem:
        raise Refusal(422, "Reference update failed") from problem
    follow_push(repository, actor, [Update(old, new, name)])


def follow_push(repository: Repository, pusher: User, updates: list[Update]) -> None:
    for update in updates:
        branch = update.name.removeprefix("refs/heads/")
        events.on_push(repository, update.name, update.old, update.new, pusher)
        for issue in repository.pulls():
            if issue.pull is None or issue.state != "open":
                continue
            if issue.pull.head_ref == branch:
                _follow_head(issue.pull, update, pusher)
            elif issue.pull.base_ref == branch and update.new != ZERO:
                _follow_base(issue.pull, update, pusher)


def _follow_head(pull: Pull, update: Update, pusher: User) -> None:
    issue = pull.issue
    if update.new == ZERO:
        actions.note(issue, "head_ref_deleted", pusher)
        actions.set_state(issue, "closed", pusher)
        return
    pull.head_sha, issue.updated = update.new, issue.repository.world.now()
    _point(pull)
    for comment in pull.review_comments():
        _follow_line(pull, comment)
    events.on_issue(issue, "synchronize", pusher, before=update.old, after=update.new)


def _follow_base(pull: Pull, update: Update, pusher: User) -> None:
    repository = pull.issue.repository
    if git_store.merge_base(repository.git_dir, update.new, pull.head_sha) == pull.head_sha:
        pull.merged, pull.merged_by = repository.world.now(), pusher
        pull.merge_sha = update.new
        actions.note(pull.issue, "merged", pusher)
        actions.set_state(pull.issue, "closed", pusher)
    else:
        pull.base_sha = update.new


def merge(pull: Pull, actor: User) -> str:
    """Merge a pull request; give the commit."""
    issue, repository = pull.issue, pull.issue.repository
    git_dir = repository.git_dir
    tip = git_store.branch(git_dir, pull.base_ref)
    tree = git_store.merged_tree(git_dir, tip, pull.head_sha) if tip else None
    if issue.state == "closed" or pull.draft or tip is None or tree is None:
        raise Refusal(405, "Pull Request is not mergeable")
    branch = f"{repository.owner.login}/{pull.head_ref}"
    text = f"Merge pull request #{issue.number} from {branch}\n\n{issue.title}\n"
    made = write_commit(repository, actor, tree, (tip, pull.head_sha), text)
    move_reference(repository, actor, f"refs/heads/{pull.base_ref}", tip, made)
    for number in _CLOSES.findall(issue.body or ""):
        if closed := repository.issues.get(int(number)):
            actions.set_state(closed, "closed", actor)
    return made


def set_draft(pull: Pull, actor: User, *, draft: bool) -> None:
    """Make a pull request a draft, or ready for review."""
    if pull.draft is not draft:
        pull.draft = draft
        actions.note(pull.issue, "convert_to_draft" if draft else "ready_for_review", actor)
        action = "converted_to_draft" if draft else "ready_for_review"
        events.on_issue(pull.issue, action, actor)


# --- reviews -------------------------------------------------------------------------------------


def find_line(pull: Pull, path: str, line: int) -> str | None:
    """Find a line of a file as it is now in a pull request's difference.

    Gives the hunk up to it; None: it is not shown.
    """
    git_dir = pull.issue.repository.git_dir
    changed = git_store.changes(git_dir, shapes.find_ancestor(pull), pull.head_sha)
    patch = next((change.patch for change in changed if change.path == path), "")
    number = 0
    hunk: list[str] = []
    for row in patch.splitlines():
        if header := _HUNK.match(row):
            number, hunk = int(header[1]) - 1, [row]
            continue
        hunk.append(row)
        number += row[:1] in ("+", " ")
        if number == line and row[:1] in ("+", " "):
            return "\n".join(hunk)
    return None


def _follow_line(pull: Pull, comment: ReviewComment) -> None:
    """Mark a comment as outdated (no line) after a push by which its line is no longer shown."""
    if comment.line is None:
        return
    hunk = find_line(pull, comment.path, comment.line)
    if hunk is None or hunk.splitlines()[-1] != comment.diff_hunk.splitlines()[-1]:
        comment.line = None


def add_review(pull: Pull, author: User, state: str, body: str) -> Review:
    """Add a review; its delivery is left to the caller."""
    world = pull.issue.repository.world
    made = Review(world.next_id(), author, body, state, world.now())
    pull.reviews.append(made)
    if author in pull.requested:
        pull.requested.remove(author)
    return made


def add_answer(pull: Pull, thread: Thread, review: Review) -> ReviewComment:
    """Move the text of a review into a thread, and deliver it."""
    first, world = thread.comments[0], pull.issue.repository.world
    now = pull.issue.updated = world.now()
    made = replace(
        first, id=world.next_id(), review_id=review.id, body=review.body, author=review.author,
        created=now, in_reply_to=first.id, reactions=[],
    )  # fmt: skip
    review.body = ""
    thread.comments.append(made)
    events.on_review(pull, review, [made])
    return made


def resolve(pull: Pull, thread: Thread, actor: User | None) -> None:
    """Resolve a thread, or with no actor take it up again."""
    thread.resolved_by = actor
    pull.issue.updated = pull.issue.repository.world.now()
