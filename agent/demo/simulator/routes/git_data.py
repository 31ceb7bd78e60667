"""The git database over the API: references, blobs, trees, commits; and comparisons."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from agent.demo.simulator import git_history, git_store, pull_actions, refusals
from agent.demo.simulator.call import Body, Call, Reply
from agent.demo.simulator.git_store import ZERO, GitRefused, Person, TreeEdit
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import commits as shapes

api = Operations()
_GIT = "/repos/{owner}/{repo}/git"
_MODES = {
    "100644": "blob",
    "100755": "blob",
    "040000": "tree",
    "160000": "commit",
    "120000": "blob",
}


class _NewRef(Body):
    ref: str
    sha: str


class _MovedRef(Body):
    sha: str
    force: bool = False


class _NewBlob(Body):
    content: str
    encoding: str = "utf-8"


class _TreeLine(Body):
    path: str
    mode: str
    type: str | None = None
    sha: str | None = None
    content: str | None = None


class _NewTree(Body):
    tree: list[_TreeLine]
    base_tree: str | None = None


class _Who(Body):
    name: str
    email: str
    date: str | None = None


class _NewCommit(Body):
    message: str
    tree: str
    parents: list[str] = []
    author: _Who | None = None
    committer: _Who | None = None
    signature: str | None = None


def _reading(call: Call) -> Repository:
    repository = call.reading("contents")
    if not git_store.references(repository.git_dir):
        raise Refusal(409, "Git Repository is empty.")
    return repository


def _writing(call: Call) -> Repository:
    return call.writing("contents", role="write", hidden=True)


# references


@api.get(_GIT + "/ref/{ref}")
def get_ref(call: Call) -> object:
    """Answer with one reference."""
    repository = _reading(call)
    name = f"refs/{call.params['ref']}"
    sha = git_store.reference(repository.git_dir, name)
    if sha is None:
        raise refusals.not_found()
    return shapes.reference(call.world, repository, name, sha)


@api.get(_GIT + "/matching-refs/{ref}")
def list_matching_refs(call: Call) -> object:
    """List the references that begin like this."""
    repository = _reading(call)
    wanted = f"refs/{call.params['ref']}"
    found = [
        (name, sha)
        for name, sha in sorted(git_store.references(repository.git_dir).items())
        if name.startswith(wanted)
    ]
    return call.page(found, lambda one: shapes.reference(call.world, repository, one[0], one[1]))


@api.post(_GIT + "/refs")
def create_ref(call: Call) -> object:
    """Make a reference to a commit that is here."""
    repository, body = _writing(call), call.body(_NewRef)
    if not body.ref.startswith("refs/") or body.ref.count("/") < 2:
        raise refusals.unprocessable("Reference name must start with 'refs/' and have two slashes.")
    if not git_store.valid_reference(repository.git_dir, body.ref):
        raise refusals.unprocessable(f"{body.ref} is not a valid ref name.")
    if body.ref.startswith("refs/pull/"):
        raise refusals.unprocessable("Reference name is reserved.")
    if git_store.object_kind(repository.git_dir, body.sha) is None:
        raise refusals.unprocessable("Object does not exist")
    if git_store.reference(repository.git_dir, body.ref):
        raise refusals.unprocessable("Reference already exists")
    pull_actions.move_reference(call.world, repository, call.caller, body.ref, ZERO, body.sha)
    shaped = shapes.reference(call.world, repository, body.ref, body.sha)
    return Reply(shaped, headers={"Location": shaped["url"]})


@api.patch(_GIT + "/refs/{ref}")
def update_ref(call: Call) -> object:
    """Move a reference; backwards or sideways only with force."""
    repository, body = _writing(call), call.body(_MovedRef)
    name = f"refs/{call.params['ref']}"
    old = git_store.reference(repository.git_dir, name)
    if old is None:
        raise refusals.unprocessable("Reference does not exist")
    if git_store.object_kind(repository.git_dir, body.sha) != "commit":
        raise refusals.unprocessable("Object does not exist")
    if not body.force and not git_history.contains(repository.git_dir, body.sha, old):
        raise refusals.unprocessable("Update is not a fast forward")
    if old != body.sha:
        pull_actions.move_reference(call.world, repository, call.caller, name, old, body.sha)
    return shapes.reference(call.world, repository, name, body.sha)


@api.delete(_GIT + "/refs/{ref}")
def delete_ref(call: Call) -> object:
    """Remove a reference."""
    repository = _writing(call)
    name = f"refs/{call.params['ref']}"
    old = git_store.reference(repository.git_dir, name)
    if old is None:
        raise refusals.unprocessable("Reference does not exist")
    if name == f"refs/heads/{repository.default_branch}":
        raise refusals.unprocessable("Cannot delete the default branch")
    pull_actions.move_reference(call.world, repository, call.caller, name, old, ZERO)
    return Reply(status=204)


# objects


@api.post(_GIT + "/blobs")
def create_blob(call: Call) -> object:
    """Store contents."""
    repository, body = _writing(call), call.body(_NewBlob)
    if body.encoding not in ("utf-8", "base64"):
        raise refusals.invalid("Blob", "encoding", "invalid")
    try:
        content = body.content.encode()
        if body.encoding == "base64":
            content = base64.b64decode(body.content)
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise refusals.unprocessable("content is not valid Base64") from problem
    sha = git_store.write_blob(repository.git_dir, content)
    base = f"{call.world.base_url}{call.path}"
    return {"sha": sha, "url": f"{base}/{sha}"}


@api.get(_GIT + "/blobs/{file_sha}")
def get_blob(call: Call) -> object:
    """Answer with contents."""
    repository, sha = _reading(call), call.params["file_sha"]
    if git_store.object_kind(repository.git_dir, sha) != "blob":
        raise refusals.not_found()
    content = git_store.read_blob(repository.git_dir, sha)
    return shapes.blob(call.world, repository, sha, content)


@api.post(_GIT + "/trees")
def create_tree(call: Call) -> object:
    """Make a tree, from nothing or from another one."""
    repository, body = _writing(call), call.body(_NewTree)
    git_dir = repository.git_dir
    if not body.tree:
        raise refusals.unprocessable("Invalid tree info")
    base = body.base_tree and git_store.object_kind(git_dir, body.base_tree)
    if body.base_tree and base not in ("tree", "commit"):
        raise refusals.unprocessable("base_tree is not a valid tree oid")
    edits = [_edit(repository, line) for line in body.tree]
    try:
        sha = git_store.edit_tree(git_dir, body.base_tree or None, edits)
    except GitRefused as problem:
        raise refusals.unprocessable("tree.path contains a malformed path component") from problem
    entries = git_store.list_tree(git_dir, sha, recursive=False)
    return shapes.tree(call.world, repository, sha, entries)


def _edit(repository: Repository, line: _TreeLine) -> TreeEdit:
    if line.mode not in _MODES:
        raise refusals.unprocessable(
            "tree.mode must be one of 100644, 100755, 040000, 160000, 120000"
        )
    if line.content is not None:
        content = git_store.write_blob(repository.git_dir, line.content.encode())
        return TreeEdit(line.path, line.mode, content)
    if line.sha is not None:
        kind = git_store.object_kind(repository.git_dir, line.sha)
        if kind != _MODES[line.mode] or line.mode == "040000":
            raise refusals.unprocessable(f"tree.sha {line.sha} is not a valid {_MODES[line.mode]}")
    return TreeEdit(line.path, line.mode, line.sha)


@api.get(_GIT + "/trees/{tree_sha}")
def get_tree(call: Call) -> object:
    """List a tree, by its own name or that of a commit or branch."""
    repository, given = _reading(call), call.params["tree_sha"]
    git_dir = repository.git_dir
    sha: str | None = given
    if git_store.object_kind(git_dir, given) != "tree":
        commit = git_store.resolve(git_dir, given)
        sha = git_store.read_commit(git_dir, commit).tree if commit else None
    if sha is None:
        raise refusals.not_found()
    recursive = "recursive" in call.query
    entries = git_store.list_tree(git_dir, sha, recursive=recursive)
    return shapes.tree(call.world, repository, sha, entries)


@api.post(_GIT + "/commits")
def create_commit(call: Call) -> object:
    """Make a commit; GitHub signs it for an App that names neither author nor committer."""
    repository, body = _writing(call), call.body(_NewCommit)
    git_dir = repository.git_dir
    if git_store.object_kind(git_dir, body.tree) != "tree":
        raise refusals.unprocessable("Tree SHA does not exist")
    for parent in body.parents:
        if git_store.object_kind(git_dir, parent) != "commit":
            said = f"Parent SHA does not exist or is not a commit object: {parent}"
            raise refusals.unprocessable(said)
    if not body.message.strip():
        raise refusals.unprocessable("Commit message can't be blank")
    someone = pull_actions.person(call.world, call.caller.user)
    sign = bool(call.caller.app_id) and body.author is None and body.committer is None
    author = _person(body.author, someone)
    committer = _person(body.committer, pull_actions.web_flow(call.world) if sign else author)
    sha = git_store.write_commit(
        git_dir, body.tree, body.parents, body.message, author, committer, sign=sign
    )
    read = git_store.read_commit(git_dir, sha)
    return shapes.git_commit(call.world, repository, read)


def _person(given: _Who | None, default: Person) -> Person:
    if given is None:
        return default
    when = default.when
    if given.date is not None:
        try:
            when = int(datetime.fromisoformat(given.date).timestamp())
        except ValueError as problem:
            raise refusals.unprocessable(f"{given.date} is not a valid date-time.") from problem
    return Person(given.name, given.email, when)


@api.get(_GIT + "/commits/{commit_sha}")
def get_git_commit(call: Call) -> object:
    """Answer with a commit of the git database."""
    repository, sha = _reading(call), call.params["commit_sha"]
    if git_store.object_kind(repository.git_dir, sha) != "commit":
        raise refusals.not_found()
    return shapes.git_commit(call.world, repository, git_store.read_commit(repository.git_dir, sha))


# commits and comparisons


@api.get("/repos/{owner}/{repo}/commits")
def list_commits(call: Call) -> object:
    """List commits, newest first."""
    repository = _reading(call)
    git_dir = repository.git_dir
    ref = call.query.get("sha") or repository.default_branch
    sha = git_store.resolve(git_dir, ref)
    if sha is None:
        raise refusals.not_found()
    found = git_history.history(git_dir, sha, limit=1_000)
    return call.page(
        found,
        lambda one: shapes.commit(call.world, repository, git_store.read_commit(git_dir, one)),
    )


@api.get("/repos/{owner}/{repo}/commits/{ref}")
def get_commit(call: Call) -> object:
    """Answer with a commit and the files it changes."""
    repository = _reading(call)
    sha = git_store.resolve(repository.git_dir, call.params["ref"])
    if sha is None:
        raise refusals.unprocessable(f"No commit found for SHA: {call.params['ref']}")
    read = git_store.read_commit(repository.git_dir, sha)
    return shapes.commit(call.world, repository, read, files=True)


@api.get("/repos/{owner}/{repo}/compare/{basehead}")
def compare(call: Call) -> object:
    """Compare two commits."""
    repository, spec = _reading(call), call.params["basehead"]
    base, dots, head = spec.partition("...")
    own = f"{repository.owner.login}:"
    found = [git_store.resolve(repository.git_dir, one.removeprefix(own)) for one in (base, head)]
    if not dots or found[0] is None or found[1] is None:
        raise refusals.not_found()
    shaped = shapes.comparison(call.world, repository, found[0], found[1], spec)
    if shaped is None:
        raise Refusal(404, f"No common ancestor between {base} and {head}.")
    return shaped
