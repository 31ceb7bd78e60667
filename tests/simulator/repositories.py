"""Operations on repositories: people, files, references, commits; and on accounts."""

from tests.simulator import git_store, shapes
from tests.simulator.calls import Call, NotFound, Refusal, operation

_REPOSITORY = "/repos/{owner}/{repo}"


@operation("GET", _REPOSITORY)
def _get_repository(call: Call) -> object:
    return shapes.shape_repository(call.require_reading("metadata"))


@operation("GET", f"{_REPOSITORY}/collaborators/{{username}}/permission")
def _get_permission(call: Call) -> object:
    """Answer with what an account may do; bots are no users to GitHub."""
    repository = call.require_reading("metadata")
    if not call.has_role(repository, "write"):
        raise Refusal(403, "Must have push access to view collaborator permission.")
    user = call.world.users.get(call.params["username"].lower())
    if user is None or user.kind != "User":
        raise Refusal(404, f"{call.params['username']} is not a user")
    role = call.world.role(repository, user)
    # `permission` knows four words, `role_name` tells them apart.
    four = {"maintain": "write", "triage": "read"}.get(role, role)
    return {"permission": four, "role_name": role, "user": shapes.shape_user(user)}


@operation("GET", f"{_REPOSITORY}/contents/{{path}}")
def _get_contents(call: Call) -> object:
    repository = call.require_reading("contents")
    ref = call.query.get("ref", repository.default_branch)
    sha = git_store.resolve(repository.git_dir, ref)
    path = call.params["path"].strip("/")
    listed = git_store.list_tree(repository.git_dir, sha, path) if sha else []
    for entry in listed:
        if entry.path == path and entry.kind == "blob":
            content = git_store.read_blob(repository.git_dir, entry.sha)
            return shapes.shape_content(entry, content)
    if not listed:
        raise NotFound
    inside = git_store.list_tree(repository.git_dir, sha or "", f"{path}/")
    return [shapes.shape_content(entry) for entry in inside]


@operation("GET", "/user")
def _get_own_account(call: Call) -> object:
    """Answer with the account that asks; installations have none."""
    if call.caller.app or call.caller.is_installation:
        raise Refusal(403, "Resource not accessible by integration")
    return shapes.shape_user(call.caller.user)


@operation("GET", "/users/{username}")
def _get_account(call: Call) -> object:
    user = call.world.users.get(call.params["username"].lower())
    if user is None:
        raise NotFound
    return shapes.shape_user(user)
