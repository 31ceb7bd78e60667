"""Records as the JSON that GitHub answers with: of its fields those that a client of ours reads."""

import base64
from datetime import UTC, datetime
from typing import Any

from tests.simulator import git_store
from tests.simulator.git_store import TreeEntry
from tests.simulator.records import (
    App,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Status,
    User,
    WorkflowRun,
)
from tests.simulator.world import World

Shape = dict[str, Any]

#: What a suite comes to if one of its runs came to that, the strongest first.
_CONCLUSIONS = (
    "failure", "timed_out", "action_required", "cancelled", "success", "neutral", "skipped",
)  # fmt: skip


def format_time(seconds: float) -> str:
    """Return a time as GitHub spells it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_time_if_any(seconds: float | None) -> str | None:
    """Return a time, or None where there is none."""
    return None if seconds is None else format_time(seconds)


def build_node_id(prefix: str, number: int) -> str:
    return f"{prefix}_kwDO{number:08}"


def _take(record: object, *names: str) -> Shape:
    return {name: getattr(record, name) for name in names}


def _shape_times(created: float, updated: float | None = None) -> Shape:
    return {"created_at": format_time(created), "updated_at": format_time(updated or created)}


# --- accounts and Apps ---------------------------------------------------------------------------


def shape_user(user: User) -> Shape:
    return {**_take(user, "id", "login"), "type": user.kind}


def shape_app(world: World, app: App) -> Shape:
    return {
        **_take(app, "id", "slug", "name", "permissions"),
        "owner": shape_user(app.owner),
        "html_url": f"{world.base_url}/apps/{app.slug}",
        "events": app.hook.events,
    }


def shape_installation(installation: Installation) -> Shape:
    return {"id": installation.id, "permissions": installation.permissions}


# --- repositories --------------------------------------------------------------------------------


def shape_repository(repository: Repository) -> Shape:
    return {
        **_take(repository, "id", "name", "full_name", "private", "default_branch", "archived"),
        "owner": shape_user(repository.owner),
        "url": repository.api_url,
        "html_url": repository.page_url,
        "clone_url": f"{repository.page_url}.git",
    }


# --- commits and files ---------------------------------------------------------------------------


def shape_content(entry: TreeEntry, inside: bytes | None = None) -> Shape:
    """Shape a file or folder, with what is in it where that is given."""
    kind = "dir" if entry.kind == "tree" else "file"
    shaped = {**_take(entry, "path", "sha"), "type": kind}
    if inside is None:
        return shaped
    return {**shaped, "content": base64.encodebytes(inside).decode(), "encoding": "base64"}


# --- issues --------------------------------------------------------------------------------------


def _shape_subject(issue: Issue) -> Shape:
    return {
        **_take(issue, "number", "title", "state", "locked", "body"),
        "user": shape_user(issue.author),
        "labels": [_take(label, "name", "color", "description") for label in issue.labels],
        **_shape_times(issue.created, issue.updated),
        "closed_at": format_time_if_any(issue.closed),
        "html_url": issue.page_url,
    }


def shape_issue(issue: Issue) -> Shape:
    """Shape an issue; a pull request is an issue too."""
    shaped = {
        **_shape_subject(issue),
        "id": issue.id,
        "url": f"{issue.repository.api_url}/issues/{issue.number}",
    }
    if issue.pull:
        shaped["pull_request"] = {"merged_at": format_time_if_any(issue.pull.merged)}
    return shaped


def shape_comment(issue: Issue, comment: Comment) -> Shape:
    return {
        **_take(comment, "id", "body"),
        "url": f"{issue.repository.api_url}/issues/comments/{comment.id}",
        "html_url": f"{issue.page_url}#issuecomment-{comment.id}",
        "user": shape_user(comment.author),
        **_shape_times(comment.created, comment.updated),
    }


# --- pull requests -------------------------------------------------------------------------------


def shape_pull(pull: Pull) -> Shape:
    issue = pull.issue
    return {
        **_shape_subject(issue),
        "url": f"{issue.repository.api_url}/pulls/{issue.number}",
        **_take(pull, "id", "draft"),
        "node_id": build_node_id("PR", pull.id),
        "merged_at": format_time_if_any(pull.merged),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [shape_user(reviewer) for reviewer in pull.requested],
        "requested_teams": [],
        "head": {"ref": pull.head_ref, "sha": pull.head_sha},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha},
    }


def shape_full_pull(pull: Pull) -> Shape:
    mergeable = None if pull.issue.state == "closed" else is_mergeable(pull)
    return {
        **shape_pull(pull),
        "merged": pull.merged is not None,
        "merged_by": shape_user(pull.merged_by) if pull.merged_by else None,
        "mergeable": mergeable,
    }


def find_ancestor(pull: Pull) -> str:
    git_dir = pull.issue.repository.git_dir
    return git_store.merge_base(git_dir, pull.base_sha, pull.head_sha) or pull.base_sha


def is_mergeable(pull: Pull) -> bool:
    """Return whether base and head merge without a conflict."""
    git_dir = pull.issue.repository.git_dir
    tip = git_store.branch(git_dir, pull.base_ref)
    return tip is not None and git_store.merged_tree(git_dir, tip, pull.head_sha) is not None


def shape_review(pull: Pull, review: Review) -> Shape:
    return {
        **_take(review, "id", "body", "state"),
        "html_url": f"{pull.issue.page_url}#pullrequestreview-{review.id}",
        "user": shape_user(review.author),
        "submitted_at": format_time(review.submitted),
    }


def shape_review_comment(pull: Pull, comment: ReviewComment) -> Shape:
    shaped: Shape = {
        **_take(comment, "id", "body", "path", "diff_hunk", "start_line", "line", "original_line"),
        "pull_request_review_id": comment.review_id,
        "user": shape_user(comment.author),
        **_shape_times(comment.created),
        "html_url": f"{pull.issue.page_url}#discussion_r{comment.id}",
        "side": "RIGHT",
        "subject_type": "line",
    }
    if comment.in_reply_to is not None:
        shaped["in_reply_to_id"] = comment.in_reply_to
    return shaped


# --- checks --------------------------------------------------------------------------------------


def _shape_app_if_any(repository: Repository, number: int) -> Shape | None:
    app = repository.world.apps.get(number)
    return {"id": app.id, "slug": app.slug} if app else None


def shape_check_run(repository: Repository, run: CheckRun) -> Shape:
    page = f"{repository.page_url}/runs/{run.id}"
    return {
        **_take(run, "id", "name", "head_sha", "status", "conclusion"),
        "external_id": run.external_id or "",
        "html_url": page,
        "details_url": run.details_url or page,
        "output": _take(run, "title", "summary"),
        "check_suite": {"id": run.suite_id},
        "app": _shape_app_if_any(repository, run.app_id),
    }


def shape_check_suite(repository: Repository, runs: list[CheckRun]) -> Shape:
    first, came_to = runs[0], {run.conclusion for run in runs}
    return {
        "id": first.suite_id,
        "head_sha": first.head_sha,
        "status": "completed",
        "conclusion": next(conclusion for conclusion in _CONCLUSIONS if conclusion in came_to),
        "app": _shape_app_if_any(repository, first.app_id),
    }


def shape_status(status: Status) -> Shape:
    return _take(status, "id", "state", "description", "target_url", "context")


def shape_workflow_run(repository: Repository, run: WorkflowRun) -> Shape:
    """Shape a run of a workflow; the first run of a workflow names it."""
    first = next(earlier.id for earlier in repository.workflow_runs if earlier.name == run.name)
    return {
        **_take(run, "id", "name", "head_sha", "event", "status", "conclusion"),
        "path": f".github/workflows/{run.name}.yml",
        "check_suite_id": run.suite_id,
        "workflow_id": first,
        "html_url": f"{repository.page_url}/actions/runs/{run.id}",
        "repository": {"id": repository.id},
        "head_repository": {"id": run.fork or repository.id},
    }
