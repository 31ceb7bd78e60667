"""Repositories, their branches, rules, people and files."""

from __future__ import annotations

import base64

from agent.demo.simulator import git_store, refusals
from agent.demo.simulator.call import Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Repository, Role
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import commits, repositories

api = Operations()
_INLINE_BYTES = 1_000_000


def _role(call: Call, repository: Repository) -> Role | None:
    token = call.caller.token
    if token is None:
        return None
    if token.installation:
        return "write" if token.permissions.get("contents") == "write" else "read"
    return call.world.role(repository, token.user)


@api.get("/repos/{owner}/{repo}")
def get_repository(call: Call) -> object:
    """Answer with a repository."""
    repository = call.reading("metadata")
    return repositories.full(call.world, repository, _role(call, repository))


@api.get("/repos/{owner}/{repo}/branches/{branch}")
def get_branch(call: Call) -> object:
    """Answer with one branch."""
    repository = call.reading("contents")
    name = call.params["branch"]
    sha = git_store.branch(repository.git_dir, name)
    if sha is None:
        raise Refusal(404, "Branch not found")
    return repositories.branch(call.world, repository, name, sha)


@api.get("/repos/{owner}/{repo}/rules/branches/{branch}")
def get_branch_rules(call: Call) -> object:
    """List what rulesets forbid on a branch, which need not exist yet."""
    repository = call.reading("metadata")
    entries = [
        entry
        for rule in repository.rules
        if rule.covers(call.params["branch"]) and not rule.classic
        for entry in repositories.rules(repository, rule)
    ]
    return call.page(entries, lambda entry: entry)


@api.get("/repos/{owner}/{repo}/rulesets/{ruleset_id}")
def get_ruleset(call: Call) -> object:
    """Answer with one ruleset, and whether it lets the caller through."""
    repository = call.reading("metadata")
    number = call.number("ruleset_id")
    for rule in repository.rules:
        if rule.id == number and not rule.classic:
            login = call.caller.token.user.login if call.caller.token else ""
            return repositories.ruleset(call.world, repository, rule, login)
    raise refusals.not_found()


@api.get("/repos/{owner}/{repo}/collaborators/{username}/permission")
def get_permission(call: Call) -> object:
    """Answer with what an account may do; bots are no users to GitHub."""
    repository = call.reading("metadata")
    token = call.caller.token
    if token is None:
        raise refusals.needs_authentication()
    if not token.installation and not call.has_role(repository, "write"):
        raise refusals.role_forbidden("Must have push access to view collaborator permission.")
    found = call.world.users.get(call.params["username"].lower())
    if found is None or found.kind != "User":
        raise Refusal(404, f"{call.params['username']} is not a user")
    return repositories.collaborator_permission(call.world, repository, found)


@api.get("/repos/{owner}/{repo}/contents/{path}")
def get_contents(call: Call) -> object:
    """Answer with a file, or list a folder."""
    repository = call.reading("contents")
    ref = call.query.get("ref") or repository.default_branch
    sha = git_store.resolve(repository.git_dir, ref)
    if sha is None:
        if not git_store.references(repository.git_dir, "refs/heads/"):
            raise Refusal(404, "This repository is empty.")
        raise Refusal(404, f"No commit found for the ref {ref}")
    found = git_store.entry(repository.git_dir, sha, call.params["path"].strip("/"))
    if found is None:
        raise refusals.not_found()
    if found.kind == "tree":
        inside = git_store.list_tree(repository.git_dir, found.sha, recursive=False)
        prefix = f"{found.path}/" if found.path else ""
        return [
            commits.contents(call.world, repository, ref, one._replace(path=prefix + one.path))
            for one in inside
        ]
    shaped = commits.contents(call.world, repository, ref, found)
    if found.kind == "commit":
        return {**shaped, "submodule_git_url": None}
    content = git_store.read_blob(repository.git_dir, found.sha)
    if found.mode == "120000":
        return {**shaped, "target": content.decode("utf-8", "replace")}
    small = len(content) <= _INLINE_BYTES
    return {
        **shaped,
        "content": base64.encodebytes(content).decode() if small else "",
        "encoding": "base64" if small else "none",
    }
