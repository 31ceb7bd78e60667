"""Records as the JSON that GitHub answers with; nothing here decides anything."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from agent.demo.simulator import git_store
from agent.demo.simulator.git_store import Commit, FileChange, Person, TreeEntry
from agent.demo.simulator.records import (
    ROLES,
    App,
    CheckRun,
    Comment,
    Happening,
    Installation,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    Role,
    Rule,
    Status,
    User,
    WorkflowRun,
)
from agent.demo.simulator.world import World

Shape = dict[str, Any]

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
_USER_ADDRESSES = (
    "followers following{/other_user} gists{/gist_id} starred{/owner}{/repo} subscriptions"
    " organizations:orgs repos events{/privacy} received_events"
)
_REPOSITORY_ADDRESSES = (
    "archive:{archive_format}{/ref} assignees{/user} blobs:git/blobs{/sha} branches{/branch}"
    " collaborators{/collaborator} comments{/number} commits{/sha} compare:compare/{base}...{head}"
    " contents:contents/{+path} contributors deployments downloads events forks"
    " git_commits:git/commits{/sha} git_refs:git/refs{/sha} git_tags:git/tags{/sha} hooks"
    " issue_comment:issues/comments{/number} issue_events:issues/events{/number} issues{/number}"
    " keys{/key_id} labels{/name} languages merges milestones{/number}"
    " notifications{?since,all,participating} pulls{/number} releases{/id} stargazers"
    " statuses:statuses/{sha} subscribers subscription tags teams trees:git/trees{/sha}"
)
_REPOSITORY_ZEROS = (
    *("size", "forks", "forks_count", "stargazers_count", "watchers", "watchers_count"),
    *("open_issues", "open_issues_count"),
)
_REPOSITORY_NOTHINGS = ("mirror_url", "homepage", "language", "license")
_REPOSITORY_SWITCHES = {
    **dict.fromkeys(("has_issues", "has_downloads", "allow_forking"), True),
    **dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_discussions"), False),
    **dict.fromkeys(("disabled", "is_template", "web_commit_signoff_required"), False),
}
_MERGING = {
    **dict.fromkeys(("allow_squash_merge", "allow_merge_commit", "allow_rebase_merge"), True),
    **dict.fromkeys(("allow_auto_merge", "delete_branch_on_merge", "allow_update_branch"), False),
}
_PROFILE: Shape = {
    **dict.fromkeys(("name", "company", "location", "email", "hireable", "bio")),
    **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
    "blog": "",
}
_OWN_PROFILE: Shape = {
    **dict.fromkeys(("private_gists", "total_private_repos", "owned_private_repos"), 0),
    **dict.fromkeys(("disk_usage", "collaborators"), 0),
    "two_factor_authentication": True,
}
#: What a suite comes to if one of its runs came to that, the strongest first.
_CONCLUSIONS = (
    "failure", "timed_out", "action_required", "cancelled", "success", "neutral", "skipped",
)  # fmt: skip


def format_time(seconds: float) -> str:
    """Give a time as GitHub spells it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_time_if_any(seconds: float | None) -> str | None:
    """Give a time, or None where there is none."""
    return None if seconds is None else format_time(seconds)


def build_node_id(prefix: str, number: int) -> str:
    """Give the GraphQL id of a thing."""
    return f"{prefix}_kwDO{number:08}"


def _build_addresses(base: str, templates: str) -> Shape:
    """Give what is found below an address, each with its name or with name:template."""
    found = {}
    for each in templates.split():
        name = each.partition(":")[0].partition("{")[0]
        found[f"{name}_url"] = f"{base}/{each.removeprefix(f'{name}:')}"
    return found


def _take(record: object, *names: str) -> Shape:
    """Give fields that GitHub names as we do."""
    return {name: getattr(record, name) for name in names}


def _shape_times(created: float, updated: float | None = None) -> Shape:
    return {"created_at": format_time(created), "updated_at": format_time(updated or created)}


# --- accounts and Apps ---------------------------------------------------------------------------


def shape_user(world: World, user: User) -> Shape:
    """Shape an account as it stands inside other answers."""
    url = f"{world.base_url}/api/v3/users/{quote(user.login)}"
    return {
        **_take(user, "id", "login"),
        "node_id": build_node_id("U", user.id),
        "avatar_url": f"{world.base_url}/avatars/u/{user.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.base_url}/{quote(user.login)}",
        **_build_addresses(url, _USER_ADDRESSES),
        "type": user.kind,
        "site_admin": False,
    }


def shape_profile(world: World, user: User, *, own: bool = False) -> Shape:
    """Shape an account as its own answer."""
    more = _OWN_PROFILE if own else {}
    return {**shape_user(world, user), **_PROFILE, **more, **_shape_times(user.created)}


def shape_app(world: World, app: App) -> Shape:
    """Shape an App."""
    page = f"{world.base_url}/apps/{app.slug}"
    return {
        **_take(app, "id", "slug", "name", "permissions"),
        "node_id": build_node_id("A", app.id),
        "owner": shape_user(world, app.owner),
        "description": None,
        "external_url": app.external_url or page,
        "html_url": page,
        **_shape_times(app.created),
        "events": app.hook.events,
    }


def _shape_app_if_any(world: World, number: int | None) -> Shape | None:
    found = world.apps.get(number) if number else None
    return shape_app(world, found) if found else None


def shape_installation(world: World, installation: Installation) -> Shape:
    """Shape an installation."""
    api = f"{world.base_url}/api/v3"
    return {
        **_take(installation, "id", "permissions"),
        "account": shape_user(world, installation.account),
        "repository_selection": "all" if installation.repository_ids is None else "selected",
        "access_tokens_url": f"{api}/app/installations/{installation.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{world.base_url}/settings/installations/{installation.id}",
        "app_id": installation.app.id,
        "app_slug": installation.app.slug,
        "target_id": installation.account.id,
        "target_type": installation.account.kind,
        "events": installation.app.hook.events,
        **_shape_times(installation.created),
        **dict.fromkeys(("single_file_name", "suspended_by", "suspended_at")),
    }


def shape_reaction(world: World, reaction: Reaction) -> Shape:
    """Shape a reaction."""
    return {
        **_take(reaction, "id", "content"),
        "node_id": build_node_id("REA", reaction.id),
        "user": shape_user(world, reaction.user),
        "created_at": format_time(reaction.created),
    }


def _count_reactions(url: str, given: list[Reaction]) -> Shape:
    counts = {name: sum(reaction.content == name for reaction in given) for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}


def _find_association(repository: Repository, user: User) -> str:
    if user is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if repository.roles.get(user.login.lower(), "none") != "none" else "NONE"


# --- repositories --------------------------------------------------------------------------------


def build_url(world: World, repository: Repository) -> str:
    """Give the API address of a repository."""
    return f"{world.base_url}/api/v3/repos/{repository.full_name}"


def build_page_url(world: World, repository: Repository, issue: Issue | None = None) -> str:
    """Give the address of a repository, or of an issue or pull request in it, for people."""
    page = f"{world.base_url}/{repository.full_name}"
    return f"{page}/{'pull' if issue.pull else 'issues'}/{issue.number}" if issue else page


def shape_minimal_repository(world: World, repository: Repository) -> Shape:
    """Shape a repository as it stands in lists."""
    base = build_url(world, repository)
    return {
        **_take(repository, "id", "name", "full_name", "private", "description"),
        "node_id": build_node_id("R", repository.id),
        "owner": shape_user(world, repository.owner),
        "html_url": build_page_url(world, repository),
        "fork": False,
        "url": base,
        **_build_addresses(base, _REPOSITORY_ADDRESSES),
    }


def shape_repository(world: World, repository: Repository) -> Shape:
    """Shape a repository as it stands inside pull requests and deliveries."""
    page = build_page_url(world, repository)
    return {
        **shape_minimal_repository(world, repository),
        "git_url": f"git:{page.split(':', 1)[1]}.git",
        "ssh_url": f"git@127.0.0.1:{repository.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        **_take(repository, "default_branch", "archived"),
        "topics": [],
        "visibility": "private" if repository.private else "public",
        **dict.fromkeys(_REPOSITORY_NOTHINGS),
        **dict.fromkeys(_REPOSITORY_ZEROS, 0),
        **_REPOSITORY_SWITCHES,
        **_shape_times(repository.created),
        "pushed_at": format_time(repository.created),
    }


def shape_full_repository(world: World, repository: Repository) -> Shape:
    """Shape a repository as its own answer."""
    return {**shape_repository(world, repository), "network_count": 0, "subscribers_count": 0}


def shape_permission(world: World, repository: Repository, person: User) -> Shape:
    """Shape what a person may do; `permission` knows four words, `role_name` tells them apart."""
    role = world.role(repository, person)
    words: dict[Role, str] = {"maintain": "write", "triage": "read"}
    rank = ROLES.index(role)
    needed = {"pull": 1, "triage": 2, "push": 3, "maintain": 4, "admin": 5}
    may = {name: rank >= least for name, least in needed.items()}
    shaped = {**shape_user(world, person), "permissions": may, "role_name": role}
    return {"permission": words.get(role, role), "role_name": role, "user": shaped}


def shape_label(world: World, repository: Repository, label: Label) -> Shape:
    """Shape a label."""
    return {
        **_take(label, "id", "name", "color", "description"),
        "node_id": build_node_id("LA", label.id),
        "url": f"{build_url(world, repository)}/labels/{quote(label.name, safe='')}",
        "default": False,
    }


def shape_branch(world: World, repository: Repository, name: str, sha: str) -> Shape:
    """Shape a branch as its own answer."""
    base = f"{build_url(world, repository)}/branches/{name}"
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": shape_commit(world, repository, git_store.read_commit(repository.git_dir, sha)),
        "_links": {"self": base, "html": f"{build_page_url(world, repository)}/tree/{name}"},
        "protected": any(rule.covers(name) for rule in repository.rules),
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{base}/protection",
    }


def shape_branch_rule(repository: Repository, rule: Rule, kind: str) -> Shape:
    """Shape repository thing that a ruleset forbids on a branch."""
    return {
        "type": kind,
        "ruleset_source_type": "Repository",
        "ruleset_source": repository.full_name,
        "ruleset_id": rule.id,
    }


def shape_ruleset(repository: Repository, rule: Rule, login: str) -> Shape:
    """Shape a ruleset, with whether it lets an account through."""
    return {
        "id": rule.id,
        "name": f"Rules for {rule.pattern}",
        "target": "branch",
        "source_type": "Repository",
        "source": repository.full_name,
        "enforcement": "active",
        "current_user_can_bypass": "always" if login.lower() in rule.exempt else "never",
    }


# --- commits and files ---------------------------------------------------------------------------


def _shape_person(person: Person) -> Shape:
    return {"name": person.name, "email": person.email, "date": format_time(person.when)}


def shape_commit(
    world: World, repository: Repository, commit: Commit, *, files: bool = False
) -> Shape:
    """Shape a commit."""
    base, page = build_url(world, repository), build_page_url(world, repository)
    shaped: Shape = {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "commit": {
            "author": _shape_person(commit.author),
            "committer": _shape_person(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{base}/git/trees/{commit.tree}"},
            "url": f"{base}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {
                "verified": commit.verified,
                "reason": "valid" if commit.verified else "unsigned",
                **dict.fromkeys(("signature", "payload", "verified_at")),
            },
        },
        "url": f"{base}/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "comments_url": f"{base}/commits/{commit.sha}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {
                "sha": parent,
                "url": f"{base}/commits/{parent}",
                "html_url": f"{page}/commit/{parent}",
            }
            for parent in commit.parents
        ],
    }
    if files:
        before = commit.parents[0] if commit.parents else git_store.EMPTY_TREE
        changed = git_store.changes(repository.git_dir, before, commit.sha)
        shaped["files"] = [_shape_file(world, repository, commit.sha, change) for change in changed]
    return shaped


def _shape_file(world: World, repository: Repository, sha: str, file: FileChange) -> Shape:
    page, path = build_page_url(world, repository), quote(file.path)
    return {
        **_take(file, "sha", "status", "additions", "deletions", "patch"),
        "filename": file.path,
        "changes": file.additions + file.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{build_url(world, repository)}/contents/{path}?ref={sha}",
    }


def _shape_simple_commit(repository: Repository, sha: str) -> Shape:
    read = git_store.read_commit(repository.git_dir, sha)
    return {
        "id": sha,
        "tree_id": read.tree,
        "message": read.message,
        "timestamp": format_time(read.committer.when),
        "author": {"name": read.author.name, "email": read.author.email},
        "committer": {"name": read.committer.name, "email": read.committer.email},
    }


def shape_reference(world: World, repository: Repository, name: str, sha: str) -> Shape:
    """Shape a reference to a commit."""
    base = f"{build_url(world, repository)}/git"
    return {
        "ref": name,
        "node_id": build_node_id("REF", repository.id),
        "url": f"{base}/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{base}/commits/{sha}"},
    }


def shape_content(
    world: World, repository: Repository, ref: str, entry: TreeEntry, inside: bytes | None = None
) -> Shape:
    """Shape a file or folder, with what is in it where that is given."""
    base, path, is_folder = build_url(world, repository), quote(entry.path), entry.kind == "tree"
    links = {
        "self": f"{base}/contents/{path}?ref={ref}",
        "git": f"{base}/git/{entry.kind}s/{entry.sha}",
        "html": f"{build_page_url(world, repository)}/{entry.kind}/{ref}/{path}",
    }
    shaped = {
        **_take(entry, "path", "sha", "size"),
        "name": entry.path.rsplit("/", 1)[-1],
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": None,
        "type": "dir" if is_folder else "file",
        "_links": links,
    }
    if inside is None:
        return shaped
    return {**shaped, "content": base64.encodebytes(inside).decode(), "encoding": "base64"}


# --- issues --------------------------------------------------------------------------------------


def build_issue_url(world: World, repository: Repository, issue: Issue) -> str:
    """Give the API address of an issue."""
    return f"{build_url(world, repository)}/issues/{issue.number}"


def _shape_subject(world: World, repository: Repository, issue: Issue) -> Shape:
    """Shape what an issue and a pull request have in common."""
    return {
        **_take(issue, "number", "title", "state", "locked", "body"),
        "user": shape_user(world, issue.author),
        "labels": [shape_label(world, repository, each) for each in issue.labels],
        **dict.fromkeys(("active_lock_reason", "assignee", "milestone")),
        "assignees": [],
        **_shape_times(issue.created, issue.updated),
        "closed_at": format_time_if_any(issue.closed),
        "author_association": _find_association(repository, issue.author),
        "html_url": build_page_url(world, repository, issue),
    }


def shape_issue(world: World, repository: Repository, issue: Issue) -> Shape:
    """Shape an issue; a pull request is issue too."""
    url = build_issue_url(world, repository, issue)
    shaped = {
        **_shape_subject(world, repository, issue),
        "url": url,
        "repository_url": build_url(world, repository),
        **_build_addresses(url, "labels{/name} comments events timeline"),
        **_take(issue, "id", "state_reason"),
        "node_id": build_node_id("I", issue.id),
        "comments": len(issue.comments),
        "reactions": _count_reactions(url, issue.reactions),
        "performed_via_github_app": _shape_app_if_any(world, issue.author.app_id),
    }
    if issue.pull:
        page = shaped["html_url"]
        shaped["draft"] = issue.pull.draft
        shaped["pull_request"] = {
            "url": f"{build_url(world, repository)}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": format_time_if_any(issue.pull.merged),
        }
    return shaped


def shape_comment(world: World, repository: Repository, on: Issue, comment: Comment) -> Shape:
    """Shape a comment of a conversation."""
    url = f"{build_url(world, repository)}/issues/comments/{comment.id}"
    return {
        "url": url,
        "html_url": f"{build_page_url(world, repository, on)}#issuecomment-{comment.id}",
        "issue_url": build_issue_url(world, repository, on),
        **_take(comment, "id", "body"),
        "node_id": build_node_id("IC", comment.id),
        "user": shape_user(world, comment.author),
        **_shape_times(comment.created, comment.updated),
        "author_association": _find_association(repository, comment.author),
        "reactions": _count_reactions(url, comment.reactions),
        "performed_via_github_app": _shape_app_if_any(world, comment.author.app_id),
    }


def shape_happening(world: World, repository: Repository, happening: Happening) -> Shape:
    """Shape an entry of the time line."""
    shaped: Shape = {
        **_take(happening, "id", "event"),
        "node_id": build_node_id("LE", happening.id),
        "url": f"{build_url(world, repository)}/issues/events/{happening.id}",
        "actor": shape_user(world, happening.actor),
        "commit_id": None,
        "commit_url": None,
        "created_at": format_time(happening.created),
        "performed_via_github_app": _shape_app_if_any(world, happening.actor.app_id),
    }
    if happening.label:
        shaped["label"] = {"name": happening.label.name, "color": happening.label.color}
    if happening.renamed:
        shaped["rename"] = {"from": happening.renamed[0], "to": happening.renamed[1]}
    if happening.event == "locked":
        shaped["lock_reason"] = None
    return shaped


# --- pull requests -------------------------------------------------------------------------------


def build_pull_url(world: World, repository: Repository, issue: Issue) -> str:
    """Give the API address of a pull request."""
    return f"{build_url(world, repository)}/pulls/{issue.number}"


def shape_simple_pull(world: World, repository: Repository, issue: Issue, pull: Pull) -> Shape:
    """Shape a pull request as it stands in lists."""
    own, base = build_pull_url(world, repository, issue), build_url(world, repository)
    page, as_issue = (
        build_page_url(world, repository, issue),
        build_issue_url(world, repository, issue),
    )
    links = {
        "self": own,
        "html": page,
        "issue": as_issue,
        "comments": f"{as_issue}/comments",
        "review_comments": f"{own}/comments",
        "review_comment": f"{base}/pulls/comments{{/number}}",
        "commits": f"{own}/commits",
        "statuses": f"{base}/statuses/{pull.head_sha}",
    }
    named = ("commits", "review_comments", "review_comment", "comments", "statuses")
    return {
        **_shape_subject(world, repository, issue),
        "url": own,
        **_take(pull, "id", "draft"),
        "node_id": build_node_id("PR", pull.id),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": as_issue,
        "merged_at": format_time_if_any(pull.merged),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [shape_user(world, each) for each in pull.requested],
        "requested_teams": [],
        **{f"{name}_url": links[name] for name in named},
        "head": _shape_side(world, repository, pull.head_ref, pull.head_sha),
        "base": _shape_side(world, repository, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
        "auto_merge": None,
    }


def _shape_side(world: World, repository: Repository, ref: str, sha: str) -> Shape:
    return {
        "label": f"{repository.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": shape_user(world, repository.owner),
        "repo": {**shape_repository(world, repository), **_MERGING},
    }


def shape_full_pull(world: World, repository: Repository, issue: Issue, pull: Pull) -> Shape:
    """Shape a pull request as its own answer."""
    git_dir = repository.git_dir
    changed = git_store.changes(git_dir, find_ancestor(repository, pull), pull.head_sha)
    mergeable = None if issue.state == "closed" else is_mergeable(repository, pull)
    return {
        **shape_simple_pull(world, repository, issue, pull),
        "merged": pull.merged is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": {None: "unknown", False: "dirty", True: "clean"}[mergeable],
        "merged_by": shape_user(world, pull.merged_by) if pull.merged_by else None,
        "comments": len(issue.comments),
        "review_comments": len(pull.review_comments()),
        "maintainer_can_modify": False,
        "commits": len(git_store.list_commits(git_dir, pull.base_sha, pull.head_sha)),
        "additions": sum(change.additions for change in changed),
        "deletions": sum(change.deletions for change in changed),
        "changed_files": len(changed),
    }


def find_ancestor(repository: Repository, pull: Pull) -> str:
    """Give the commit that a pull request's difference starts from."""
    return git_store.merge_base(repository.git_dir, pull.base_sha, pull.head_sha) or pull.base_sha


def is_mergeable(repository: Repository, pull: Pull) -> bool:
    """Tell whether base and head merge without a conflict."""
    tip = git_store.branch(repository.git_dir, pull.base_ref)
    if tip is None:
        return False
    return git_store.merged_tree(repository.git_dir, tip, pull.head_sha) is not None


def shape_review(world: World, repository: Repository, issue: Issue, review: Review) -> Shape:
    """Shape a review."""
    page = f"{build_page_url(world, repository, issue)}#pullrequestreview-{review.id}"
    url = build_pull_url(world, repository, issue)
    return {
        **_take(review, "id", "body", "state", "commit_id"),
        "node_id": build_node_id("PRR", review.id),
        "user": shape_user(world, review.author),
        "html_url": page,
        "pull_request_url": url,
        "author_association": _find_association(repository, review.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": format_time(review.submitted),
    }


def shape_review_comment(
    world: World, repository: Repository, issue: Issue, comment: ReviewComment
) -> Shape:
    """Shape a comment on a line of the difference."""
    own = f"{build_url(world, repository)}/pulls/comments/{comment.id}"
    page = f"{build_page_url(world, repository, issue)}#discussion_r{comment.id}"
    url = build_pull_url(world, repository, issue)
    links = {"self": own, "html": page, "pull_request": url}
    shaped: Shape = {
        **_take(comment, "id", "body", "path", "diff_hunk", "commit_id", "original_commit_id"),
        **_take(comment, "start_line", "line", "original_line"),
        "url": own,
        "pull_request_review_id": comment.review_id,
        "node_id": build_node_id("PRRC", comment.id),
        "user": shape_user(world, comment.author),
        **_shape_times(comment.created, comment.updated),
        "html_url": page,
        "pull_request_url": url,
        "author_association": _find_association(repository, comment.author),
        "_links": {name: {"href": address} for name, address in links.items()},
        "reactions": _count_reactions(own, comment.reactions),
        "original_start_line": comment.start_line,
        "start_side": "RIGHT" if comment.start_line else None,
        "side": "RIGHT",
        "position": comment.position or 1,
        "original_position": comment.position or 1,
        "subject_type": "line",
    }
    if comment.in_reply_to is not None:
        shaped["in_reply_to_id"] = comment.in_reply_to
    return shaped


# --- checks --------------------------------------------------------------------------------------


def _shape_pulls_at(world: World, repository: Repository, sha: str) -> list[Shape]:
    where = {"id": repository.id, "url": build_url(world, repository), "name": repository.name}
    return [
        {
            "id": issue.pull.id,
            "number": issue.number,
            "url": build_pull_url(world, repository, issue),
            "head": {"ref": issue.pull.head_ref, "sha": issue.pull.head_sha, "repo": where},
            "base": {"ref": issue.pull.base_ref, "sha": issue.pull.base_sha, "repo": where},
        }
        for issue in repository.pulls()
        if issue.pull and issue.state == "open" and issue.pull.head_sha == sha
    ]


def shape_check_run(world: World, repository: Repository, run: CheckRun) -> Shape:
    """Shape a check run."""
    own = f"{build_url(world, repository)}/check-runs/{run.id}"
    page = f"{build_page_url(world, repository)}/runs/{run.id}"
    return {
        **_take(run, "id", "name", "head_sha", "status", "conclusion"),
        "node_id": build_node_id("CR", run.id),
        "external_id": run.external_id or "",
        "url": own,
        "html_url": page,
        "details_url": run.details_url or page,
        "started_at": format_time(run.started),
        "completed_at": format_time_if_any(run.completed),
        "output": {
            **_take(run, "title", "summary", "text"),
            "annotations_count": len(run.annotations),
            "annotations_url": f"{own}/annotations",
        },
        "check_suite": {"id": run.suite_id},
        "app": _shape_app_if_any(world, run.app_id),
        "pull_requests": _shape_pulls_at(world, repository, run.head_sha),
    }


def shape_delivered_check_run(world: World, repository: Repository, run: CheckRun) -> Shape:
    """Shape a check run as deliveries carry it: with its suite."""
    suite = _shape_suite(world, repository, [run])
    suite |= {"status": run.status, "conclusion": run.conclusion}
    return {**shape_check_run(world, repository, run), "check_suite": suite}


def shape_check_suite(world: World, repository: Repository, runs: list[CheckRun]) -> Shape:
    """Shape a suite whose runs are all over."""
    suite, came_to = _shape_suite(world, repository, runs), {run.conclusion for run in runs}
    return {
        **suite,
        "status": "completed",
        "conclusion": next(conclusion for conclusion in _CONCLUSIONS if conclusion in came_to),
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{suite['url']}/check-runs",
        "head_commit": _shape_simple_commit(repository, runs[0].head_sha),
    }


def _shape_suite(world: World, repository: Repository, runs: list[CheckRun]) -> Shape:
    first = runs[0]
    pulls = (pull.pull for pull in repository.pulls())
    branches = (pull.head_ref for pull in pulls if pull and pull.head_sha == first.head_sha)
    return {
        "id": first.suite_id,
        "node_id": build_node_id("CS", first.suite_id),
        "head_branch": next(branches, None),
        "head_sha": first.head_sha,
        "url": f"{build_url(world, repository)}/check-suites/{first.suite_id}",
        "before": git_store.ZERO,
        "after": first.head_sha,
        "pull_requests": _shape_pulls_at(world, repository, first.head_sha),
        "app": _shape_app_if_any(world, first.app_id),
        **_shape_times(first.started, max(run.completed or run.started for run in runs)),
    }


def shape_status(
    world: World, repository: Repository, status: Status, *, creator: bool = True
) -> Shape:
    """Shape a commit status; in the combined status it stands without its creator."""
    by = shape_user(world, status.creator)
    shaped = {
        "url": f"{build_url(world, repository)}/statuses/{status.sha}",
        "avatar_url": by["avatar_url"],
        **_take(status, "id", "state", "description", "target_url", "context"),
        "node_id": build_node_id("SC", status.id),
        **_shape_times(status.created),
    }
    return {**shaped, "creator": by} if creator else shaped


def _describe_workflow(world: World, repository: Repository, run: WorkflowRun) -> Shape:
    """Shape what a run and its workflow have in common; the first run of a workflow names it."""
    first = next(each.id for each in repository.workflow_runs if each.name == run.name)
    address = f"{build_url(world, repository)}/actions/workflows/{first}"
    path = f".github/workflows/{quote(run.name)}.yml"
    return {"id": first, "path": path, "url": address}


def shape_workflow(world: World, repository: Repository, run: WorkflowRun) -> Shape:
    """Shape the workflow of a run."""
    shaped, page = _describe_workflow(world, repository, run), build_page_url(world, repository)
    return {
        **shaped,
        "node_id": build_node_id("W", shaped["id"]),
        "name": run.name,
        "state": "active",
        **_shape_times(repository.created),
        "html_url": f"{page}/blob/{repository.default_branch}/{shaped['path']}",
        "badge_url": f"{page}/workflows/{quote(run.name)}/badge.svg",
    }


def shape_workflow_run(world: World, repository: Repository, run: WorkflowRun) -> Shape:
    """Shape a run of a workflow."""
    base, page = build_url(world, repository), build_page_url(world, repository)
    own = f"{base}/actions/runs/{run.id}"
    where = shape_minimal_repository(world, repository)
    of = _describe_workflow(world, repository, run)
    return {
        **_take(run, "id", "name", "head_branch", "head_sha", "event", "status", "conclusion"),
        "node_id": build_node_id("WFR", run.id),
        "check_suite_id": run.suite_id,
        "check_suite_node_id": build_node_id("CS", run.suite_id),
        "path": of["path"],
        "display_title": run.name,
        "run_number": run.id,
        "run_attempt": run.attempt,
        "workflow_id": of["id"],
        "url": own,
        "html_url": f"{page}/actions/runs/{run.id}",
        "pull_requests": _shape_pulls_at(world, repository, run.head_sha),
        **_shape_times(run.created),
        "run_started_at": format_time(run.created),
        "actor": shape_user(world, run.actor),
        "triggering_actor": shape_user(world, run.actor),
        "previous_attempt_url": None,
        **_build_addresses(own, "jobs logs artifacts cancel rerun"),
        "check_suite_url": f"{base}/check-suites/{run.suite_id}",
        "referenced_workflows": [],
        "workflow_url": of["url"],
        "head_commit": _shape_simple_commit(repository, run.head_sha),
        "repository": where,
        "head_repository": {**where, "id": run.fork, "fork": True} if run.fork else where,
    }


def shape_job(world: World, repository: Repository, of: WorkflowRun, job: CheckRun) -> Shape:
    """Shape a job of a run of a workflow, which is a check run as well."""
    base = build_url(world, repository)
    return {
        **_take(job, "id", "name", "head_sha", "status", "conclusion"),
        "run_id": of.id,
        "run_url": f"{base}/actions/runs/{of.id}",
        "run_attempt": of.attempt,
        "node_id": build_node_id("CR", job.id),
        "head_branch": of.head_branch,
        "url": f"{base}/actions/jobs/{job.id}",
        "html_url": job.details_url,
        "created_at": format_time(job.started),
        "started_at": format_time(job.started),
        "completed_at": format_time_if_any(job.completed),
        "check_run_url": f"{base}/check-runs/{job.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
        "workflow_name": of.name,
    }
