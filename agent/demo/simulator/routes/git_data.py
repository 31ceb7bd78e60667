"""References and commits over the API; what is in them is read and written by git."""

from __future__ import annotations

from agent.demo.simulator import git_store, pull_actions, refusals
from agent.demo.simulator.call import Body, Call, Reply
from agent.demo.simulator.git_store import ZERO
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import commits as shapes

api = Operations()
_GIT = "/repos/{owner}/{repo}/git"


class _NewRef(Body):
    ref: str
    sha: str


def _reading(call: Call) -> Repository:
    repository = call.reading("contents")
    if not git_store.references(repository.git_dir):
        raise Refusal(409, "Git Repository is empty.")
    return repository


@api.get(_GIT + "/ref/{ref}")
def get_ref(call: Call) -> object:
    """Answer with one reference."""
    repository = _reading(call)
    name = f"refs/{call.params['ref']}"
    sha = git_store.reference(repository.git_dir, name)
    if sha is None:
        raise refusals.not_found()
    return shapes.reference(call.world, repository, name, sha)


@api.post(_GIT + "/refs")
def create_ref(call: Call) -> object:
    """Make a reference to a commit that is here."""
    repository = call.writing("contents", role="write", hidden=True)
    body = call.body(_NewRef)
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


@api.get("/repos/{owner}/{repo}/commits/{ref}")
def get_commit(call: Call) -> object:
    """Answer with a commit and the files it changes."""
    repository = _reading(call)
    sha = git_store.resolve(repository.git_dir, call.params["ref"])
    if sha is None:
        raise refusals.unprocessable(f"No commit found for SHA: {call.params['ref']}")
    read = git_store.read_commit(repository.git_dir, sha)
    return shapes.commit(call.world, repository, read, files=True)
