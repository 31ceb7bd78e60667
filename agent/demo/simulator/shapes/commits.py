"""Commits, trees, blobs, files, comparisons and statuses."""

from __future__ import annotations

import base64
from urllib.parse import quote

from agent.demo.simulator import git_history, git_store
from agent.demo.simulator.git_store import Commit, FileChange, Person, TreeEntry
from agent.demo.simulator.records import Repository, Status, User
from agent.demo.simulator.shapes import people, repositories
from agent.demo.simulator.shapes.people import Shape, moment, node_id
from agent.demo.simulator.world import World


def _object_id(prefix: str, sha: str) -> str:
    return f"{prefix}_{base64.urlsafe_b64encode(bytes.fromhex(sha)).decode().rstrip('=')}"


def _person(one: Person) -> Shape:
    return {"name": one.name, "email": one.email, "date": moment(one.when)}


def account_of(world: World, one: Person) -> User | None:
    """Find the account behind the e-mail address of a commit."""
    login = one.email.removesuffix("@users.noreply.github.com").rsplit("+", 1)[-1].lower()
    for account in world.users.values():
        if account.email and account.email.lower() == one.email.lower():
            return account
    return world.users.get(login) if one.email.endswith("@users.noreply.github.com") else None


def verification(one: Commit) -> Shape:
    """Tell whether a commit is verified, and why not."""
    reason = "valid" if one.verified else ("unsigned" if one.signature is None else "unknown_key")
    return {
        "verified": one.verified,
        "reason": reason,
        "signature": one.signature,
        "payload": one.payload if one.signature else None,
        "verified_at": moment(one.committer.when) if one.verified else None,
    }


def commit_url(world: World, repository: Repository, sha: str) -> str:
    """Give the API address of a commit."""
    return f"{repositories.url(world, repository)}/commits/{sha}"


def simple(world: World, repository: Repository, sha: str) -> Shape:
    """Shape a commit as it stands in suites and runs of workflows."""
    read = git_store.read_commit(repository.git_dir, sha)
    people_ = {
        role: {"name": one.name, "email": one.email}
        for role, one in (("author", read.author), ("committer", read.committer))
    }
    return {
        "id": sha,
        "tree_id": read.tree,
        "message": read.message,
        "timestamp": moment(read.committer.when),
        **people_,
    }


def commit(world: World, repository: Repository, one: Commit, *, files: bool = False) -> Shape:
    """Shape a commit as the repository's API does."""
    base, page = repositories.url(world, repository), repositories.page(world, repository)
    shaped: Shape = {
        "sha": one.sha,
        "node_id": _object_id("C", one.sha),
        "commit": {
            "author": _person(one.author),
            "committer": _person(one.committer),
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
            "url": f"{base}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": verification(one),
        },
        "url": f"{base}/commits/{one.sha}",
        "html_url": f"{page}/commit/{one.sha}",
        "comments_url": f"{base}/commits/{one.sha}/comments",
        "author": people.user_or_none(world, account_of(world, one.author)),
        "committer": people.user_or_none(world, account_of(world, one.committer)),
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
        changed = git_history.changes(repository.git_dir, before, one.sha)
        added = sum(change.additions for change in changed)
        deleted = sum(change.deletions for change in changed)
        shaped["stats"] = {"total": added + deleted, "additions": added, "deletions": deleted}
        shaped["files"] = [file(world, repository, one.sha, change) for change in changed]
    return shaped


def file(world: World, repository: Repository, sha: str, one: FileChange) -> Shape:
    """Shape one file of a difference."""
    path = quote(one.path)
    page = repositories.page(world, repository)
    shaped: Shape = {
        "sha": one.sha,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{repositories.url(world, repository)}/contents/{path}?ref={sha}",
    }
    if one.patch is not None:
        shaped["patch"] = one.patch
    if one.previous is not None:
        shaped["previous_filename"] = one.previous
    return shaped


def reference(world: World, repository: Repository, name: str, sha: str) -> Shape:
    """Shape a reference."""
    base = repositories.url(world, repository)
    kind = git_store.object_kind(repository.git_dir, sha) or "commit"
    return {
        "ref": name,
        "node_id": node_id("REF", repository.id) + name.encode().hex()[:24],
        "url": f"{base}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{base}/git/{kind}s/{sha}"},
    }


def contents(world: World, repository: Repository, ref: str, one: TreeEntry) -> Shape:
    """Shape a file or folder as an entry of the contents API, without what is in it."""
    base, page = repositories.url(world, repository), repositories.page(world, repository)
    path = quote(one.path)
    kind = {"tree": "dir", "commit": "submodule"}.get(one.kind, "file")
    if one.mode == "120000":
        kind = "symlink"
    listed = "trees" if kind == "dir" else "blobs"
    links = {
        "self": f"{base}/contents/{path}?ref={ref}",
        "git": f"{base}/git/{listed}/{one.sha}",
        "html": f"{page}/{'tree' if kind == 'dir' else 'blob'}/{ref}/{path}",
    }
    return {
        "name": one.path.rsplit("/", 1)[-1],
        "path": one.path,
        "sha": one.sha,
        "size": one.size or 0,
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": None if kind == "dir" else f"{page}/raw/{ref}/{path}",
        "type": kind,
        "_links": links,
    }


def status(world: World, repository: Repository, one: Status) -> Shape:
    """Shape a commit status."""
    return {**simple_status(world, repository, one), "creator": people.user(world, one.creator)}


def simple_status(world: World, repository: Repository, one: Status) -> Shape:
    """Shape a commit status as it stands in the combined one."""
    return {
        "url": f"{repositories.url(world, repository)}/statuses/{one.sha}",
        "avatar_url": people.user(world, one.creator)["avatar_url"],
        "id": one.id,
        "node_id": node_id("SC", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
    }
