"""Pull requests, reviews and review comments."""

from __future__ import annotations

from agent.demo.simulator import git_history, git_store
from agent.demo.simulator.records import Issue, Pull, Repository, Review, ReviewComment
from agent.demo.simulator.shapes import issues, people, repositories
from agent.demo.simulator.shapes.people import Shape, moment, moment_or_none, node_id
from agent.demo.simulator.world import World

_LATER_SETTINGS = ("use_squash_pr_title", "squash_merge_commit_", "merge_commit_")


def url(world: World, repository: Repository, one: Issue) -> str:
    """Give the API address of a pull request."""
    return f"{repositories.url(world, repository)}/pulls/{one.number}"


def simple(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as it stands in lists."""
    own, page = url(world, repository, one), issues.page(world, repository, one)
    issue_url = people.issue_url(world, repository, one)
    base = repositories.url(world, repository)
    links = {
        "self": own,
        "html": page,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{own}/comments",
        "review_comment": f"{base}/pulls/comments{{/number}}",
        "commits": f"{own}/commits",
        "statuses": f"{base}/statuses/{pull.head_sha}",
    }
    return {
        "url": own,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "number": one.number,
        "state": one.state,
        "locked": one.locked,
        "active_lock_reason": one.lock_reason,
        "title": one.title,
        "user": people.user(world, one.author),
        "body": one.body,
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "closed_at": moment_or_none(one.closed),
        "merged_at": moment_or_none(pull.merged),
        "merge_commit_sha": pull.merge_sha,
        "assignee": people.user_or_none(world, one.assignees[0] if one.assignees else None),
        "assignees": [people.user(world, each) for each in one.assignees],
        "requested_reviewers": [people.user(world, each) for each in pull.requested],
        "requested_teams": [],
        "labels": [repositories.label(world, repository, each) for each in one.labels],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": _side(world, repository, pull.head_ref, pull.head_sha),
        "base": _side(world, repository, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
        "author_association": people.association(world, repository, one.author),
        "auto_merge": None,
    }


def _side(world: World, repository: Repository, ref: str, sha: str) -> Shape:
    return {
        "label": f"{repository.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": people.user(world, repository.owner),
        "repo": {
            **repositories.repository(world, repository),
            "allow_squash_merge": True,
            "allow_merge_commit": True,
            "allow_rebase_merge": True,
            "allow_auto_merge": False,
            "delete_branch_on_merge": False,
            "allow_update_branch": False,
            "use_squash_pr_title_as_default": False,
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "merge_commit_title": "MERGE_MESSAGE",
            "merge_commit_message": "PR_TITLE",
        },
    }


def of_thread(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as deliveries about its threads carry it: with less of the settings."""
    shaped = simple(world, repository, one, pull)
    for side in ("head", "base"):
        settings = shaped[side]["repo"]
        for name in [each for each in settings if each.startswith(_LATER_SETTINGS)]:
            del settings[name]
    return shaped


def ancestor(repository: Repository, pull: Pull) -> str:
    """Give the commit that a pull request's difference starts from."""
    found = git_history.merge_base(repository.git_dir, pull.base_sha, pull.head_sha)
    return found or pull.base_sha


def full(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as its own answer."""
    git_dir = repository.git_dir
    changed = git_history.changes(git_dir, ancestor(repository, pull), pull.head_sha)
    commits, _ = git_history.ahead_behind(git_dir, pull.base_sha, pull.head_sha)
    mergeable = None if pull.merged or one.state == "closed" else is_mergeable(repository, pull)
    return {
        **simple(world, repository, one, pull),
        "merged": pull.merged is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": _mergeable_state(repository, pull, mergeable=mergeable),
        "merged_by": people.user_or_none(world, pull.merged_by),
        "comments": len(one.comments),
        "review_comments": len(pull.review_comments()),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": commits,
        "additions": sum(change.additions for change in changed),
        "deletions": sum(change.deletions for change in changed),
        "changed_files": len(changed),
    }


def is_mergeable(repository: Repository, pull: Pull) -> bool:
    """Tell whether base and head merge without a conflict."""
    tip = git_store.branch(repository.git_dir, pull.base_ref)
    if tip is None:
        return False
    return git_history.merged_tree(repository.git_dir, tip, pull.head_sha) is not None


def _mergeable_state(repository: Repository, pull: Pull, *, mergeable: bool | None) -> str:
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    latest = {
        status.context: status.state
        for status in repository.statuses
        if status.sha == pull.head_sha
    }
    runs = [run for run in repository.check_runs.values() if run.head_sha == pull.head_sha]
    bad = any(state != "success" for state in latest.values()) or any(
        run.conclusion not in ("success", "neutral", "skipped") for run in runs
    )
    return "unstable" if bad else "clean"


def minimal(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as it stands in check runs."""
    address = repositories.url(world, repository)
    where = {"id": repository.id, "url": address, "name": repository.name}
    return {
        "id": pull.id,
        "number": one.number,
        "url": url(world, repository, one),
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": where},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": where},
    }


def review(world: World, repository: Repository, one: Issue, given: Review) -> Shape:
    """Shape a review."""
    page = f"{issues.page(world, repository, one)}#pullrequestreview-{given.id}"
    pull_url = url(world, repository, one)
    shaped: Shape = {
        "id": given.id,
        "node_id": node_id("PRR", given.id),
        "user": people.user(world, given.author),
        "body": given.body,
        "state": given.state,
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": people.association(world, repository, given.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull_url}},
        "commit_id": given.commit_id,
    }
    if given.submitted is not None:
        shaped["submitted_at"] = moment(given.submitted)
    return shaped


def review_comment(world: World, repository: Repository, one: Issue, given: ReviewComment) -> Shape:
    """Shape a comment on a line of the difference."""
    own = f"{repositories.url(world, repository)}/pulls/comments/{given.id}"
    page = f"{issues.page(world, repository, one)}#discussion_r{given.id}"
    pull_url = url(world, repository, one)
    shaped: Shape = {
        "url": own,
        "pull_request_review_id": given.review_id,
        "id": given.id,
        "node_id": node_id("PRRC", given.id),
        "diff_hunk": given.diff_hunk,
        "path": given.path,
        "commit_id": given.commit_id,
        "original_commit_id": given.original_commit_id,
        "user": people.user(world, given.author),
        "body": given.body,
        "created_at": moment(given.created),
        "updated_at": moment(given.updated),
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": people.association(world, repository, given.author),
        "_links": {
            "self": {"href": own},
            "html": {"href": page},
            "pull_request": {"href": pull_url},
        },
        "reactions": people.reactions(own, given.reactions),
        "start_line": given.start_line,
        "original_start_line": given.start_line,
        "start_side": given.start_side,
        "line": given.line,
        "original_line": given.original_line,
        "side": given.side,
        "position": given.position or 1,
        "original_position": given.position or 1,
        "subject_type": given.subject_type,
    }
    if given.in_reply_to is not None:
        shaped["in_reply_to_id"] = given.in_reply_to
    return shaped
