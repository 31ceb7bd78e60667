"""Repositories, labels, branches and rules."""

from __future__ import annotations

from agent.demo.simulator import git_store
from agent.demo.simulator.records import ROLES, Label, Repository, Role, Rule, RuleKind, User
from agent.demo.simulator.shapes import people
from agent.demo.simulator.shapes.people import Shape, moment, node_id
from agent.demo.simulator.world import World

_TEMPLATES = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "contributors": "contributors",
    "deployments": "deployments",
    "downloads": "downloads",
    "events": "events",
    "forks": "forks",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "hooks": "hooks",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "languages": "languages",
    "merges": "merges",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "stargazers": "stargazers",
    "statuses": "statuses/{sha}",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "tags": "tags",
    "teams": "teams",
    "trees": "git/trees{/sha}",
}


def url(world: World, one: Repository) -> str:
    """Give the API address of a repository."""
    return f"{world.base_url}/api/v3/repos/{one.full_name}"


def page(world: World, one: Repository) -> str:
    """Give the address of a repository for people."""
    return f"{world.base_url}/{one.full_name}"


def minimal(world: World, one: Repository) -> Shape:
    """Shape a repository as it stands in lists."""
    base = url(world, one)
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
        "owner": people.user(world, one.owner),
        "html_url": page(world, one),
        "description": one.description,
        "fork": False,
        "url": base,
        **{f"{name}_url": f"{base}/{rest}" for name, rest in _TEMPLATES.items()},
    }


def repository(world: World, one: Repository) -> Shape:
    """Shape a repository as it stands inside pull requests and deliveries."""
    address = page(world, one)
    open_issues = sum(issue.state == "open" for issue in one.issues.values())
    return {
        **minimal(world, one),
        "git_url": f"git:{address.split(':', 1)[1]}.git",
        "ssh_url": f"git@127.0.0.1:{one.full_name}.git",
        "clone_url": f"{address}.git",
        "svn_url": address,
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "license": None,
        "size": 0,
        "default_branch": one.default_branch,
        "topics": [],
        "visibility": "private" if one.private else "public",
        "has_issues": one.issues_enabled,
        "has_projects": False,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "archived": one.archived,
        "disabled": False,
        "is_template": False,
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "open_issues": open_issues,
        "open_issues_count": open_issues,
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "pushed_at": moment(one.pushed),
    }


def full(world: World, one: Repository, role: Role | None) -> Shape:
    """Shape a repository as its own answer, with what the caller may do."""
    shaped = {
        **repository(world, one),
        "network_count": 0,
        "subscribers_count": 0,
        "temp_clone_token": None,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
        "allow_update_branch": False,
    }
    if role is not None:
        shaped["permissions"] = permissions(role)
    if one.owner.kind == "Organization":
        shaped["organization"] = people.user(world, one.owner)
    return shaped


def permissions(role: Role) -> dict[str, bool]:
    """Spell a role as the flags of the API."""
    rank = ROLES.index(role)
    return {
        "admin": rank >= ROLES.index("admin"),
        "maintain": rank >= ROLES.index("maintain"),
        "push": rank >= ROLES.index("write"),
        "triage": rank >= ROLES.index("triage"),
        "pull": rank >= ROLES.index("read"),
    }


def collaborator_permission(world: World, one: Repository, person: User) -> Shape:
    """Shape what a person may do; `permission` knows four words, `role_name` tells them apart."""
    role = world.role(one, person)
    legacy = {"maintain": "write", "triage": "read"}.get(role, role)
    return {
        "permission": legacy,
        "role_name": role,
        "user": {
            **people.user(world, person),
            "permissions": permissions(role),
            "role_name": role,
        },
    }


def label(world: World, one: Repository, label: Label) -> Shape:
    """Shape a label."""
    from urllib.parse import quote

    return {
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": f"{url(world, one)}/labels/{quote(label.name, safe='')}",
        "name": label.name,
        "color": label.color,
        "default": label.default,
        "description": label.description,
    }


def is_protected(one: Repository, branch: str) -> bool:
    """Tell whether any rule covers a branch."""
    return any(rule.covers(branch) for rule in one.rules)


def branch(world: World, one: Repository, name: str, sha: str) -> Shape:
    """Shape a branch as its own answer."""
    from agent.demo.simulator.shapes import commits

    base = f"{url(world, one)}/branches/{name}"
    classic = any(rule.classic and rule.covers(name) for rule in one.rules)
    return {
        "name": name,
        "commit": commits.commit(world, one, git_store.read_commit(one.git_dir, sha)),
        "_links": {"self": base, "html": f"{page(world, one)}/tree/{name}"},
        "protected": is_protected(one, name),
        "protection": {
            "enabled": classic,
            "required_status_checks": {
                "enforcement_level": "off",
                "contexts": [],
                "checks": [],
            },
        },
        "protection_url": f"{base}/protection",
    }


def rules(one: Repository, rule: Rule) -> list[Shape]:
    """Shape what a ruleset forbids on a branch, one entry for each kind."""
    source = {
        "ruleset_source_type": "Repository",
        "ruleset_source": one.full_name,
        "ruleset_id": rule.id,
    }
    return [{**_rule(kind), **source} for kind in rule.kinds]


def ruleset(world: World, one: Repository, rule: Rule, login: str) -> Shape:
    """Shape a ruleset as its own answer; who is exempt is shown to its administrators only."""
    pattern = rule.pattern if rule.pattern == "~ALL" else f"refs/heads/{rule.pattern}"
    return {
        "id": rule.id,
        "node_id": node_id("RRS", rule.id),
        "name": f"Rules for {rule.pattern}",
        "target": "branch",
        "source_type": "Repository",
        "source": one.full_name,
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [pattern], "exclude": []}},
        "rules": [_rule(kind) for kind in rule.kinds],
        "current_user_can_bypass": "always" if rule.spares(login) else "never",
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
        "_links": {
            "self": {"href": f"{url(world, one)}/rulesets/{rule.id}"},
            "html": {"href": f"{page(world, one)}/rules/{rule.id}"},
        },
    }


def _rule(kind: RuleKind) -> Shape:
    parameters: dict[RuleKind, Shape] = {
        "pull_request": {
            "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": False,
            "require_last_push_approval": False,
            "required_approving_review_count": 0,
            "required_review_thread_resolution": False,
        },
        "update": {"update_allows_fetch_and_merge": False},
    }
    return {"type": kind, **({"parameters": parameters[kind]} if kind in parameters else {})}
