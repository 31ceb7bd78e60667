"""What happens to branches and pull requests: opening, pushes, merges, reviews."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.demo.simulator import actions, events, git_history, git_store, push_rules, refusals
from agent.demo.simulator.access import Caller, workflows_refused_to
from agent.demo.simulator.git_store import ZERO, GitRefused, Person
from agent.demo.simulator.push_rules import Update
from agent.demo.simulator.records import Issue, Pull, Repository, ReviewComment, Thread, User
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import pulls as shapes
from agent.demo.simulator.world import World

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def person(world: World, user: User) -> Person:
    """Give an account as author of a commit, with the address GitHub makes up for it."""
    email = user.email or f"{user.id}+{user.login}@users.noreply.github.com"
    return Person(user.name, email, int(world.now()))


def web_flow(world: World) -> Person:
    """Give the committer of commits that GitHub makes itself."""
    return Person("GitHub", "noreply@github.com", int(world.now()))


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
    owner, _, branch = head.rpartition(":")
    if owner and owner.lower() != repository.owner.login.lower():
        raise refusals.invalid("PullRequest", "head", "invalid")
    head_sha = git_store.branch(repository.git_dir, branch)
    base_sha = git_store.branch(repository.git_dir, base)
    if base_sha is None:
        raise refusals.invalid("PullRequest", "base", "invalid")
    if head_sha is None:
        raise refusals.invalid("PullRequest", "head", "invalid")
    for other in repository.pulls():
        if other.pull and other.state == "open" and other.pull.head_ref == branch:
            if other.pull.base_ref == base:
                said = f"A pull request already exists for {repository.owner.login}:{branch}."
                raise refusals.custom("PullRequest", said)
    if git_history.merge_base(repository.git_dir, base_sha, head_sha) is None:
        said = f"The {branch} branch has no history in common with {base}"
        raise refusals.custom("PullRequest", said)
    ahead, _ = git_history.ahead_behind(repository.git_dir, base_sha, head_sha)
    if ahead == 0:
        raise refusals.custom("PullRequest", f"No commits between {base} and {branch}")
    if draft and not repository.drafts:
        raise refusals.unprocessable("Draft pull requests are not supported in this repository.")
    now = world.now()
    repository.last_number += 1
    made = Issue(
        world.next_id(), repository.last_number, title, body, author, now, now, author.app_id
    )
    made.pull = Pull(world.next_id(), branch, head_sha, base, base_sha, draft)
    repository.issues[made.number] = made
    _point(repository, made)
    _guess_merge(repository, made.pull)
    events.on_pull(world, repository, made, "opened", author)
    return made


def _point(repository: Repository, issue: Issue) -> None:
    """Keep refs/pull/N/head, by which anybody can fetch a pull request."""
    if issue.pull:
        name = f"refs/pull/{issue.number}/head"
        old = git_store.reference(repository.git_dir, name)
        git_store.update_reference(repository.git_dir, name, issue.pull.head_sha, old)


def _guess_merge(repository: Repository, pull: Pull) -> None:
    """Set the commit of the test merge, as GitHub shows it before a merge."""
    tree = git_history.merged_tree(repository.git_dir, pull.base_sha, pull.head_sha)
    if tree is None:
        pull.merge_sha = None
        return
    who = Person("GitHub", "noreply@github.com", int(repository.created))
    message = f"Merge {pull.head_sha} into {pull.base_sha}\n"
    parents = (pull.base_sha, pull.head_sha)
    pull.merge_sha = git_store.write_commit(
        repository.git_dir, tree, parents, message, who, who, sign=True
    )


# references


def move_reference(
    world: World,
    repository: Repository,
    caller: Caller,
    name: str,
    old: str,
    new: str,
    *,
    through_pull_request: bool = False,
) -> None:
    """Move, make (old ZERO) or remove (new ZERO) a reference through the API.

    Raises:
        Refusal: A rule of the repository forbids it, or the reference is elsewhere.
    """
    rules = push_rules.of(
        repository,
        caller.user.login,
        workflows_refused_to(caller),
        through_pull_request=through_pull_request,
    )
    problems = push_rules.judge(repository.git_dir, [Update(old, new, name)], rules)
    if problems:
        raise _broken_rule(problems)
    try:
        if new == ZERO:
            git_store.delete_reference(repository.git_dir, name)
        else:
            git_store.update_reference(repository.git_dir, name, new, None if old == ZERO else old)
    except GitRefused as problem:
        raise refusals.unprocessable("Reference update failed") from problem
    after_push(world, repository, caller.user, [Update(old, new, name)])


def _broken_rule(problems: list[str]) -> Refusal:
    if problems[0].startswith("GH006"):
        said = "Protected branch update failed. " + " ".join(problems[1:])
        return refusals.unprocessable(said)
    if problems[0].startswith("GH013"):
        said = "Repository rule violations found\n\n" + "\n".join(problems[1:])
        return refusals.unprocessable(said)
    return Refusal(403, problems[0])


def after_push(world: World, repository: Repository, pusher: User, updates: list[Update]) -> None:
    """Let pull requests follow their branches, and deliver what was pushed."""
    repository.pushed = repository.updated = world.now()
    for update in updates:
        if not update.name.startswith(("refs/heads/", "refs/tags/")):
            continue
        events.on_push(world, repository, update.name, update.old, update.new, pusher)
        branch = update.name.removeprefix("refs/heads/")
        for issue in repository.pulls():
            if issue.pull and issue.state == "open" and update.name.startswith("refs/heads/"):
                _follow(world, repository, issue, issue.pull, branch, update, pusher)


def _follow(
    world: World,
    repository: Repository,
    issue: Issue,
    pull: Pull,
    branch: str,
    update: Update,
    pusher: User,
) -> None:
    if pull.head_ref == branch and update.new == ZERO:
        actions.note(world, issue, "head_ref_deleted", pusher)
        actions.set_state(world, repository, issue, "closed", None, pusher)
    elif pull.head_ref == branch:
        forced = not git_history.contains(repository.git_dir, update.new, update.old)
        pull.head_sha = update.new
        issue.updated = world.now()
        if forced:
            actions.note(world, issue, "head_ref_force_pushed", pusher, commit=update.new)
        _point(repository, issue)
        _guess_merge(repository, pull)
        _follow_lines(repository, pull)
        events.on_pull(
            world, repository, issue, "synchronize", pusher, before=update.old, after=update.new
        )
    elif pull.base_ref == branch and update.new == ZERO:
        actions.set_state(world, repository, issue, "closed", None, pusher)
    elif pull.base_ref == branch:
        if git_history.contains(repository.git_dir, update.new, pull.head_sha):
            finish_merge(world, repository, issue, pull, update.new, pusher)
        else:
            pull.base_sha = update.new
            _guess_merge(repository, pull)


def finish_merge(
    world: World, repository: Repository, issue: Issue, pull: Pull, sha: str, actor: User
) -> None:
    """Mark a pull request as merged by a commit, and close what it says it closes."""
    pull.merged, pull.merged_by, pull.merge_sha = world.now(), actor, sha
    actions.note(world, issue, "merged", actor, commit=sha)
    actions.set_state(world, repository, issue, "closed", None, actor)
    if pull.base_ref != repository.default_branch:
        return
    for number in closing_numbers(issue.body or ""):
        closed = repository.issues.get(number)
        if closed and not closed.pull:
            actions.set_state(world, repository, closed, "closed", "completed", actor)


_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b", re.IGNORECASE)


def closing_numbers(body: str) -> list[int]:
    """Give the issues that a pull request's text closes when it is merged."""
    return [int(number) for number in _CLOSING.findall(body)]


def merge(
    world: World,
    repository: Repository,
    issue: Issue,
    pull: Pull,
    caller: Caller,
    *,
    method: str,
    title: str | None,
    message: str | None,
) -> str:
    """Merge a pull request; give the commit."""
    git_dir = repository.git_dir
    tip = git_store.branch(git_dir, pull.base_ref)
    if issue.state == "closed" or tip is None:
        raise Refusal(405, "Pull Request is not mergeable")
    if pull.draft:
        raise Refusal(405, "Pull Request is still a draft")
    if _is_blocked(pull):
        raise Refusal(405, "Changes have been requested; the pull request is blocked.")
    tree = git_history.merged_tree(git_dir, tip, pull.head_sha)
    if tree is None:
        raise Refusal(405, "Pull Request is not mergeable")
    parents = (tip, pull.head_sha) if method == "merge" else (tip,)
    made = git_store.write_commit(
        git_dir,
        tree,
        parents,
        _merge_message(repository, issue, pull, method, title, message),
        person(world, caller.user),
        web_flow(world),
        sign=True,
    )
    try:
        move_reference(
            world, repository, caller, f"refs/heads/{pull.base_ref}", tip, made,
            through_pull_request=True,
        )  # fmt: skip
    except Refusal as refusal:
        raise Refusal(405, refusal.message) from refusal
    if pull.merged is None:
        finish_merge(world, repository, issue, pull, made, caller.user)
    return made


def _merge_message(
    repository: Repository,
    issue: Issue,
    pull: Pull,
    method: str,
    title: str | None,
    text: str | None,
) -> str:
    if method == "merge":
        branch = f"{repository.owner.login}/{pull.head_ref}"
        head = title or f"Merge pull request #{issue.number} from {branch}"
        text = issue.title if text is None else text
    else:
        head = title or f"{issue.title} (#{issue.number})"
    return f"{head}\n\n{text}\n" if text else f"{head}\n"


def _is_blocked(pull: Pull) -> bool:
    told = [review for review in pull.reviews if review.state not in ("COMMENTED", "PENDING")]
    latest = {review.author.login: review.state for review in told}
    return "CHANGES_REQUESTED" in latest.values()


# threads of reviews


def resolve(
    world: World, repository: Repository, issue: Issue, thread: Thread, actor: User
) -> None:
    """Resolve a thread; one that is resolved stays so without a word."""
    if thread.resolved_by is None:
        thread.resolved_by = actor
        events.on_thread(world, repository, issue, thread, "resolved", actor)


def unresolve(
    world: World, repository: Repository, issue: Issue, thread: Thread, actor: User
) -> None:
    """Take a resolved thread up again."""
    if thread.resolved_by is not None:
        thread.resolved_by = None
        events.on_thread(world, repository, issue, thread, "unresolved", actor)


# lines of a difference


class Place(NamedTuple):
    """A line of a difference: the hunk up to it, and its position below the first `@@`."""

    hunk: str
    position: int
    text: str


def find_line(patch: str, line: int, side: str) -> Place | None:
    """Find a line of a file in its patch; None if the patch does not show it."""
    old = new = 0
    hunk: list[str] = []
    for position, row in enumerate(patch.splitlines()):
        header = _HUNK.match(row)
        if header:
            old, new = int(header[1]), int(header[2])
            hunk = [row]
            continue
        hunk.append(row)
        on_left, on_right = row[:1] in ("-", " "), row[:1] in ("+", " ")
        here = new if side == "RIGHT" else old
        if here == line and (on_right if side == "RIGHT" else on_left):
            return Place("\n".join(hunk), position, row)
        old += on_left
        new += on_right
    return None


def line_at(patch: str, position: int) -> tuple[int, str] | None:
    """Give line number and side of a position in a patch."""
    rows = patch.splitlines()
    if not 0 < position < len(rows) or rows[position].startswith("@@"):
        return None
    side = "LEFT" if rows[position].startswith("-") else "RIGHT"
    start = max(at for at in range(position) if rows[at].startswith("@@"))
    header = _HUNK.match(rows[start])
    if header is None:
        return None
    passed = "-" if side == "RIGHT" else "+"
    before = sum(not row.startswith((passed, "\\")) for row in rows[start + 1 : position])
    return int(header[2 if side == "RIGHT" else 1]) + before, side


def patch_of(repository: Repository, pull: Pull, path: str) -> str | None:
    """Give the patch of one file of a pull request; None if it does not touch the file."""
    start = shapes.ancestor(repository, pull)
    for change in git_history.changes(repository.git_dir, start, pull.head_sha):
        if change.path == path:
            return change.patch or ""
    return None


def _follow_lines(repository: Repository, pull: Pull) -> None:
    """After a push: comments on lines that are no longer shown are outdated (no line)."""
    for comment in pull.review_comments():
        if comment.line is not None and comment.subject_type == "line":
            _follow_line(repository, pull, comment, comment.line)


def _follow_line(repository: Repository, pull: Pull, comment: ReviewComment, line: int) -> None:
    patch = patch_of(repository, pull, comment.path) or ""
    place = find_line(patch, line, comment.side)
    if place and place.text == comment.diff_hunk.splitlines()[-1]:
        comment.commit_id, comment.position = pull.head_sha, place.position
    else:
        comment.line = comment.position = None
