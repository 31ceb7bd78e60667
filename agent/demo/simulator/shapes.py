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


def moment(seconds: float) -> str:
    """Give a time as GitHub spells it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_or_none(seconds: float | None) -> str | None:
    """Give a time, or None where there is none."""
    return None if seconds is None else moment(seconds)


def node_id(prefix: str, number: int) -> str:
    """Give the GraphQL id of a thing."""
    return f"{prefix}_kwDO{number:08}"


def _addresses(base: str, templates: str) -> Shape:
    """Give what is found below an address, each with its name or with name:template."""
    found = {}
    for each in templates.split():
        name = each.partition(":")[0].partition("{")[0]
        found[f"{name}_url"] = f"{base}/{each.removeprefix(f'{name}:')}"
    return found


def _take(one: object, *names: str) -> Shape:
    """Give fields that GitHub names as we do."""
    return {name: getattr(one, name) for name in names}


def _times(created: float, updated: float | None = None) -> Shape:
    return {"created_at": moment(created), "updated_at": moment(updated or created)}


# --- accounts and Apps ---------------------------------------------------------------------------


def user(world: World, one: User) -> Shape:
    """Shape an account as it stands inside other answers."""
    url = f"{world.base_url}/api/v3/users/{quote(one.login)}"
    return {
        **_take(one, "id", "login"),
        "node_id": node_id("U", one.id),
        "avatar_url": f"{world.base_url}/avatars/u/{one.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.base_url}/{quote(one.login)}",
        **_addresses(url, _USER_ADDRESSES),
        "type": one.kind,
        "site_admin": False,
    }


def profile(world: World, one: User, *, own: bool = False) -> Shape:
    """Shape an account as its own answer."""
    more = _OWN_PROFILE if own else {}
    return {**user(world, one), **_PROFILE, **more, **_times(one.created)}


def app(world: World, one: App) -> Shape:
    """Shape an App."""
    page = f"{world.base_url}/apps/{one.slug}"
    return {
        **_take(one, "id", "slug", "name", "permissions"),
        "node_id": node_id("A", one.id),
        "owner": user(world, one.owner),
        "description": None,
        "external_url": one.external_url or page,
        "html_url": page,
        **_times(one.created),
        "events": one.hook.events,
    }


def _app_or_none(world: World, number: int | None) -> Shape | None:
    found = world.apps.get(number) if number else None
    return app(world, found) if found else None


def installation(world: World, one: Installation) -> Shape:
    """Shape an installation."""
    api = f"{world.base_url}/api/v3"
    return {
        **_take(one, "id", "permissions"),
        "account": user(world, one.account),
        "repository_selection": "all" if one.repository_ids is None else "selected",
        "access_tokens_url": f"{api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{world.base_url}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.kind,
        "events": one.app.hook.events,
        **_times(one.created),
        **dict.fromkeys(("single_file_name", "suspended_by", "suspended_at")),
    }


def reaction(world: World, one: Reaction) -> Shape:
    """Shape a reaction."""
    return {
        **_take(one, "id", "content"),
        "node_id": node_id("REA", one.id),
        "user": user(world, one.user),
        "created_at": moment(one.created),
    }


def _reactions(url: str, given: list[Reaction]) -> Shape:
    counts = {name: sum(one.content == name for one in given) for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}


def _association(repository: Repository, one: User) -> str:
    if one is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if repository.roles.get(one.login.lower(), "none") != "none" else "NONE"


# --- repositories --------------------------------------------------------------------------------


def url_of(world: World, one: Repository) -> str:
    """Give the API address of a repository."""
    return f"{world.base_url}/api/v3/repos/{one.full_name}"


def page_of(world: World, one: Repository, issue: Issue | None = None) -> str:
    """Give the address of a repository, or of an issue or pull request in it, for people."""
    page = f"{world.base_url}/{one.full_name}"
    return f"{page}/{'pull' if issue.pull else 'issues'}/{issue.number}" if issue else page


def minimal_repository(world: World, one: Repository) -> Shape:
    """Shape a repository as it stands in lists."""
    base = url_of(world, one)
    return {
        **_take(one, "id", "name", "full_name", "private", "description"),
        "node_id": node_id("R", one.id),
        "owner": user(world, one.owner),
        "html_url": page_of(world, one),
        "fork": False,
        "url": base,
        **_addresses(base, _REPOSITORY_ADDRESSES),
    }


def repository(world: World, one: Repository) -> Shape:
    """Shape a repository as it stands inside pull requests and deliveries."""
    page = page_of(world, one)
    return {
        **minimal_repository(world, one),
        "git_url": f"git:{page.split(':', 1)[1]}.git",
        "ssh_url": f"git@127.0.0.1:{one.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        **_take(one, "default_branch", "archived"),
        "topics": [],
        "visibility": "private" if one.private else "public",
        **dict.fromkeys(_REPOSITORY_NOTHINGS),
        **dict.fromkeys(_REPOSITORY_ZEROS, 0),
        **_REPOSITORY_SWITCHES,
        **_times(one.created),
        "pushed_at": moment(one.created),
    }


def full_repository(world: World, one: Repository) -> Shape:
    """Shape a repository as its own answer."""
    return {**repository(world, one), "network_count": 0, "subscribers_count": 0}


def permission(world: World, one: Repository, person: User) -> Shape:
    """Shape what a person may do; `permission` knows four words, `role_name` tells them apart."""
    role = world.role(one, person)
    words: dict[Role, str] = {"maintain": "write", "triage": "read"}
    rank = ROLES.index(role)
    needed = {"pull": 1, "triage": 2, "push": 3, "maintain": 4, "admin": 5}
    may = {name: rank >= least for name, least in needed.items()}
    shaped = {**user(world, person), "permissions": may, "role_name": role}
    return {"permission": words.get(role, role), "role_name": role, "user": shaped}


def label(world: World, one: Repository, label: Label) -> Shape:
    """Shape a label."""
    return {
        **_take(label, "id", "name", "color", "description"),
        "node_id": node_id("LA", label.id),
        "url": f"{url_of(world, one)}/labels/{quote(label.name, safe='')}",
        "default": False,
    }


def branch(world: World, one: Repository, name: str, sha: str) -> Shape:
    """Shape a branch as its own answer."""
    base = f"{url_of(world, one)}/branches/{name}"
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit(world, one, git_store.read_commit(one.git_dir, sha)),
        "_links": {"self": base, "html": f"{page_of(world, one)}/tree/{name}"},
        "protected": any(rule.covers(name) for rule in one.rules),
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{base}/protection",
    }


def branch_rule(one: Repository, rule: Rule, kind: str) -> Shape:
    """Shape one thing that a ruleset forbids on a branch."""
    return {
        "type": kind,
        "ruleset_source_type": "Repository",
        "ruleset_source": one.full_name,
        "ruleset_id": rule.id,
    }


def ruleset(one: Repository, rule: Rule, login: str) -> Shape:
    """Shape a ruleset, with whether it lets an account through."""
    return {
        "id": rule.id,
        "name": f"Rules for {rule.pattern}",
        "target": "branch",
        "source_type": "Repository",
        "source": one.full_name,
        "enforcement": "active",
        "current_user_can_bypass": "always" if login.lower() in rule.exempt else "never",
    }


# --- commits and files ---------------------------------------------------------------------------


def _person(one: Person) -> Shape:
    return {"name": one.name, "email": one.email, "date": moment(one.when)}


def commit(world: World, repository: Repository, one: Commit, *, files: bool = False) -> Shape:
    """Shape a commit."""
    base, page = url_of(world, repository), page_of(world, repository)
    shaped: Shape = {
        "sha": one.sha,
        "node_id": f"C_{one.sha}",
        "commit": {
            "author": _person(one.author),
            "committer": _person(one.committer),
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
            "url": f"{base}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": {
                "verified": one.verified,
                "reason": "valid" if one.verified else "unsigned",
                **dict.fromkeys(("signature", "payload", "verified_at")),
            },
        },
        "url": f"{base}/commits/{one.sha}",
        "html_url": f"{page}/commit/{one.sha}",
        "comments_url": f"{base}/commits/{one.sha}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {
                "sha": parent,
                "url": f"{base}/commits/{parent}",
                "html_url": f"{page}/commit/{parent}",
            }
            for parent in one.parents
        ],
    }
    if files:
        before = one.parents[0] if one.parents else git_store.EMPTY_TREE
        changed = git_store.changes(repository.git_dir, before, one.sha)
        shaped["files"] = [_file(world, repository, one.sha, change) for change in changed]
    return shaped


def _file(world: World, repository: Repository, sha: str, one: FileChange) -> Shape:
    page, path = page_of(world, repository), quote(one.path)
    return {
        **_take(one, "sha", "status", "additions", "deletions", "patch"),
        "filename": one.path,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{url_of(world, repository)}/contents/{path}?ref={sha}",
    }


def _simple_commit(repository: Repository, sha: str) -> Shape:
    read = git_store.read_commit(repository.git_dir, sha)
    return {
        "id": sha,
        "tree_id": read.tree,
        "message": read.message,
        "timestamp": moment(read.committer.when),
        "author": {"name": read.author.name, "email": read.author.email},
        "committer": {"name": read.committer.name, "email": read.committer.email},
    }


def reference(world: World, repository: Repository, name: str, sha: str) -> Shape:
    """Shape a reference to a commit."""
    base = f"{url_of(world, repository)}/git"
    return {
        "ref": name,
        "node_id": node_id("REF", repository.id),
        "url": f"{base}/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{base}/commits/{sha}"},
    }


def content(
    world: World, repository: Repository, ref: str, one: TreeEntry, inside: bytes | None = None
) -> Shape:
    """Shape a file or folder, with what is in it where that is given."""
    base, path, is_folder = url_of(world, repository), quote(one.path), one.kind == "tree"
    links = {
        "self": f"{base}/contents/{path}?ref={ref}",
        "git": f"{base}/git/{one.kind}s/{one.sha}",
        "html": f"{page_of(world, repository)}/{one.kind}/{ref}/{path}",
    }
    shaped = {
        **_take(one, "path", "sha", "size"),
        "name": one.path.rsplit("/", 1)[-1],
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


def issue_url(world: World, repository: Repository, one: Issue) -> str:
    """Give the API address of an issue."""
    return f"{url_of(world, repository)}/issues/{one.number}"


def _subject(world: World, repository: Repository, one: Issue) -> Shape:
    """Shape what an issue and a pull request have in common."""
    return {
        **_take(one, "number", "title", "state", "locked", "body"),
        "user": user(world, one.author),
        "labels": [label(world, repository, each) for each in one.labels],
        **dict.fromkeys(("active_lock_reason", "assignee", "milestone")),
        "assignees": [],
        **_times(one.created, one.updated),
        "closed_at": moment_or_none(one.closed),
        "author_association": _association(repository, one.author),
        "html_url": page_of(world, repository, one),
    }


def issue(world: World, repository: Repository, one: Issue) -> Shape:
    """Shape an issue; a pull request is one too."""
    url = issue_url(world, repository, one)
    shaped = {
        **_subject(world, repository, one),
        "url": url,
        "repository_url": url_of(world, repository),
        **_addresses(url, "labels{/name} comments events timeline"),
        **_take(one, "id", "state_reason"),
        "node_id": node_id("I", one.id),
        "comments": len(one.comments),
        "reactions": _reactions(url, one.reactions),
        "performed_via_github_app": _app_or_none(world, one.author.app_id),
    }
    if one.pull:
        page = shaped["html_url"]
        shaped["draft"] = one.pull.draft
        shaped["pull_request"] = {
            "url": f"{url_of(world, repository)}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": moment_or_none(one.pull.merged),
        }
    return shaped


def comment(world: World, repository: Repository, on: Issue, one: Comment) -> Shape:
    """Shape a comment of a conversation."""
    url = f"{url_of(world, repository)}/issues/comments/{one.id}"
    return {
        "url": url,
        "html_url": f"{page_of(world, repository, on)}#issuecomment-{one.id}",
        "issue_url": issue_url(world, repository, on),
        **_take(one, "id", "body"),
        "node_id": node_id("IC", one.id),
        "user": user(world, one.author),
        **_times(one.created, one.updated),
        "author_association": _association(repository, one.author),
        "reactions": _reactions(url, one.reactions),
        "performed_via_github_app": _app_or_none(world, one.author.app_id),
    }


def happening(world: World, repository: Repository, one: Happening) -> Shape:
    """Shape an entry of the time line."""
    shaped: Shape = {
        **_take(one, "id", "event"),
        "node_id": node_id("LE", one.id),
        "url": f"{url_of(world, repository)}/issues/events/{one.id}",
        "actor": user(world, one.actor),
        "commit_id": None,
        "commit_url": None,
        "created_at": moment(one.created),
        "performed_via_github_app": _app_or_none(world, one.actor.app_id),
    }
    if one.label:
        shaped["label"] = {"name": one.label.name, "color": one.label.color}
    if one.renamed:
        shaped["rename"] = {"from": one.renamed[0], "to": one.renamed[1]}
    if one.event == "locked":
        shaped["lock_reason"] = None
    return shaped


# --- pull requests -------------------------------------------------------------------------------


def pull_url(world: World, repository: Repository, one: Issue) -> str:
    """Give the API address of a pull request."""
    return f"{url_of(world, repository)}/pulls/{one.number}"


def simple_pull(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as it stands in lists."""
    own, base = pull_url(world, repository, one), url_of(world, repository)
    page, as_issue = page_of(world, repository, one), issue_url(world, repository, one)
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
        **_subject(world, repository, one),
        "url": own,
        **_take(pull, "id", "draft"),
        "node_id": node_id("PR", pull.id),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": as_issue,
        "merged_at": moment_or_none(pull.merged),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [user(world, each) for each in pull.requested],
        "requested_teams": [],
        **{f"{name}_url": links[name] for name in named},
        "head": _side(world, repository, pull.head_ref, pull.head_sha),
        "base": _side(world, repository, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
        "auto_merge": None,
    }


def _side(world: World, one: Repository, ref: str, sha: str) -> Shape:
    merging = dict.fromkeys(
        ("allow_squash_merge", "allow_merge_commit", "allow_rebase_merge"), True
    )
    switched_off = ("allow_auto_merge", "delete_branch_on_merge", "allow_update_branch")
    return {
        "label": f"{one.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, one.owner),
        "repo": {**repository(world, one), **merging, **dict.fromkeys(switched_off, False)},
    }


def full_pull(world: World, repository: Repository, one: Issue, pull: Pull) -> Shape:
    """Shape a pull request as its own answer."""
    git_dir = repository.git_dir
    changed = git_store.changes(git_dir, find_ancestor(repository, pull), pull.head_sha)
    mergeable = None if one.state == "closed" else is_mergeable(repository, pull)
    return {
        **simple_pull(world, repository, one, pull),
        "merged": pull.merged is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": {None: "unknown", False: "dirty", True: "clean"}[mergeable],
        "merged_by": user(world, pull.merged_by) if pull.merged_by else None,
        "comments": len(one.comments),
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


def review(world: World, repository: Repository, one: Issue, given: Review) -> Shape:
    """Shape a review."""
    page = f"{page_of(world, repository, one)}#pullrequestreview-{given.id}"
    url = pull_url(world, repository, one)
    return {
        **_take(given, "id", "body", "state", "commit_id"),
        "node_id": node_id("PRR", given.id),
        "user": user(world, given.author),
        "html_url": page,
        "pull_request_url": url,
        "author_association": _association(repository, given.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": moment(given.submitted),
    }


def review_comment(world: World, repository: Repository, one: Issue, given: ReviewComment) -> Shape:
    """Shape a comment on a line of the difference."""
    own = f"{url_of(world, repository)}/pulls/comments/{given.id}"
    page = f"{page_of(world, repository, one)}#discussion_r{given.id}"
    url = pull_url(world, repository, one)
    links = {"self": own, "html": page, "pull_request": url}
    shaped: Shape = {
        **_take(given, "id", "body", "path", "diff_hunk", "commit_id", "original_commit_id"),
        **_take(given, "start_line", "line", "original_line"),
        "url": own,
        "pull_request_review_id": given.review_id,
        "node_id": node_id("PRRC", given.id),
        "user": user(world, given.author),
        **_times(given.created, given.updated),
        "html_url": page,
        "pull_request_url": url,
        "author_association": _association(repository, given.author),
        "_links": {name: {"href": address} for name, address in links.items()},
        "reactions": _reactions(own, given.reactions),
        "original_start_line": given.start_line,
        "start_side": "RIGHT" if given.start_line else None,
        "side": "RIGHT",
        "position": given.position or 1,
        "original_position": given.position or 1,
        "subject_type": "line",
    }
    if given.in_reply_to is not None:
        shaped["in_reply_to_id"] = given.in_reply_to
    return shaped


# --- checks --------------------------------------------------------------------------------------


def _pulls_at(world: World, repository: Repository, sha: str) -> list[Shape]:
    where = {"id": repository.id, "url": url_of(world, repository), "name": repository.name}
    return [
        {
            "id": one.pull.id,
            "number": one.number,
            "url": pull_url(world, repository, one),
            "head": {"ref": one.pull.head_ref, "sha": one.pull.head_sha, "repo": where},
            "base": {"ref": one.pull.base_ref, "sha": one.pull.base_sha, "repo": where},
        }
        for one in repository.pulls()
        if one.pull and one.state == "open" and one.pull.head_sha == sha
    ]


def check_run(world: World, repository: Repository, one: CheckRun) -> Shape:
    """Shape a check run."""
    own = f"{url_of(world, repository)}/check-runs/{one.id}"
    page = f"{page_of(world, repository)}/runs/{one.id}"
    return {
        **_take(one, "id", "name", "head_sha", "status", "conclusion"),
        "node_id": node_id("CR", one.id),
        "external_id": one.external_id or "",
        "url": own,
        "html_url": page,
        "details_url": one.details_url or page,
        "started_at": moment(one.started),
        "completed_at": moment_or_none(one.completed),
        "output": {
            **_take(one, "title", "summary", "text"),
            "annotations_count": len(one.annotations),
            "annotations_url": f"{own}/annotations",
        },
        "check_suite": {"id": one.suite_id},
        "app": _app_or_none(world, one.app_id),
        "pull_requests": _pulls_at(world, repository, one.head_sha),
    }


def delivered_check_run(world: World, repository: Repository, one: CheckRun) -> Shape:
    """Shape a check run as deliveries carry it: with its suite."""
    suite = _suite(world, repository, [one])
    suite |= {"status": one.status, "conclusion": one.conclusion}
    return {**check_run(world, repository, one), "check_suite": suite}


def check_suite(world: World, repository: Repository, runs: list[CheckRun]) -> Shape:
    """Shape a suite whose runs are all over."""
    suite, came_to = _suite(world, repository, runs), {run.conclusion for run in runs}
    return {
        **suite,
        "status": "completed",
        "conclusion": next(one for one in _CONCLUSIONS if one in came_to),
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{suite['url']}/check-runs",
        "head_commit": _simple_commit(repository, runs[0].head_sha),
    }


def _suite(world: World, repository: Repository, runs: list[CheckRun]) -> Shape:
    first = runs[0]
    pulls = (one.pull for one in repository.pulls())
    branches = (one.head_ref for one in pulls if one and one.head_sha == first.head_sha)
    return {
        "id": first.suite_id,
        "node_id": node_id("CS", first.suite_id),
        "head_branch": next(branches, None),
        "head_sha": first.head_sha,
        "url": f"{url_of(world, repository)}/check-suites/{first.suite_id}",
        "before": git_store.ZERO,
        "after": first.head_sha,
        "pull_requests": _pulls_at(world, repository, first.head_sha),
        "app": _app_or_none(world, first.app_id),
        **_times(first.started, max(run.completed or run.started for run in runs)),
    }


def status(world: World, repository: Repository, one: Status, *, creator: bool = True) -> Shape:
    """Shape a commit status; in the combined one it stands without its creator."""
    by = user(world, one.creator)
    shaped = {
        "url": f"{url_of(world, repository)}/statuses/{one.sha}",
        "avatar_url": by["avatar_url"],
        **_take(one, "id", "state", "description", "target_url", "context"),
        "node_id": node_id("SC", one.id),
        **_times(one.created),
    }
    return {**shaped, "creator": by} if creator else shaped


def _workflow_addresses(world: World, repository: Repository, one: WorkflowRun) -> Shape:
    """Shape what a run and its workflow have in common; the first run of a workflow names it."""
    first = next(run.id for run in repository.workflow_runs if run.name == one.name)
    address = f"{url_of(world, repository)}/actions/workflows/{first}"
    path = f".github/workflows/{quote(one.name)}.yml"
    return {"id": first, "path": path, "url": address}


def workflow(world: World, repository: Repository, one: WorkflowRun) -> Shape:
    """Shape the workflow of a run."""
    shaped, page = _workflow_addresses(world, repository, one), page_of(world, repository)
    return {
        **shaped,
        "node_id": node_id("W", shaped["id"]),
        "name": one.name,
        "state": "active",
        **_times(repository.created),
        "html_url": f"{page}/blob/{repository.default_branch}/{shaped['path']}",
        "badge_url": f"{page}/workflows/{quote(one.name)}/badge.svg",
    }


def workflow_run(world: World, repository: Repository, one: WorkflowRun) -> Shape:
    """Shape a run of a workflow."""
    base, page = url_of(world, repository), page_of(world, repository)
    own = f"{base}/actions/runs/{one.id}"
    where = minimal_repository(world, repository)
    of = _workflow_addresses(world, repository, one)
    return {
        **_take(one, "id", "name", "head_branch", "head_sha", "event", "status", "conclusion"),
        "node_id": node_id("WFR", one.id),
        "check_suite_id": one.suite_id,
        "check_suite_node_id": node_id("CS", one.suite_id),
        "path": of["path"],
        "display_title": one.name,
        "run_number": one.id,
        "run_attempt": one.attempt,
        "workflow_id": of["id"],
        "url": own,
        "html_url": f"{page}/actions/runs/{one.id}",
        "pull_requests": _pulls_at(world, repository, one.head_sha),
        **_times(one.created),
        "run_started_at": moment(one.created),
        "actor": user(world, one.actor),
        "triggering_actor": user(world, one.actor),
        "previous_attempt_url": None,
        **_addresses(own, "jobs logs artifacts cancel rerun"),
        "check_suite_url": f"{base}/check-suites/{one.suite_id}",
        "referenced_workflows": [],
        "workflow_url": of["url"],
        "head_commit": _simple_commit(repository, one.head_sha),
        "repository": where,
        "head_repository": {**where, "id": one.fork, "fork": True} if one.fork else where,
    }


def job(world: World, repository: Repository, of: WorkflowRun, one: CheckRun) -> Shape:
    """Shape a job of a run of a workflow, which is a check run as well."""
    base = url_of(world, repository)
    return {
        **_take(one, "id", "name", "head_sha", "status", "conclusion"),
        "run_id": of.id,
        "run_url": f"{base}/actions/runs/{of.id}",
        "run_attempt": of.attempt,
        "node_id": node_id("CR", one.id),
        "head_branch": of.head_branch,
        "url": f"{base}/actions/jobs/{one.id}",
        "html_url": one.details_url,
        "created_at": moment(one.started),
        "started_at": moment(one.started),
        "completed_at": moment_or_none(one.completed),
        "check_run_url": f"{base}/check-runs/{one.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
        "workflow_name": of.name,
    }
