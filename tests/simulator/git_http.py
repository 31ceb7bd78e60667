"""Git over HTTP: `git http-backend` behind GitHub's rules on who may fetch and push."""

import gzip
import io
import subprocess
import threading
from collections.abc import Mapping

from tests.simulator import calls, git_store, pull_actions
from tests.simulator.calls import Caller, Refusal
from tests.simulator.git_store import ZERO
from tests.simulator.pull_actions import Update
from tests.simulator.records import Repository
from tests.simulator.world import World

_SECONDS = 300
_FETCH, _PUSH = "git-upload-pack", "git-receive-pack"
_pushing: dict[int, threading.Lock] = {}
"""By repository id: pushes to one repository come one after the other."""

Answer = tuple[int, dict[str, str], bytes]


def answer(
    world: World, caller: Caller, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Answer what git asks for at `OWNER/NAME.git/...`.

    Raises:
        Refusal: The caller may not do that, or there is no such repository.
    """
    _, owner, name, rest = path.split("/", 3)
    service = query.removeprefix("service=") if rest == "info/refs" else rest
    if service not in (_FETCH, _PUSH):
        raise Refusal(403, "Please upgrade your git client.")
    with world.lock:
        full_name = f"{owner}/{name.removesuffix('.git')}"
        repository = _find(world, caller, full_name, pushing=service == _PUSH)
    variables = {
        "GIT_PROJECT_ROOT": str(repository.git_dir.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.git_dir.name}/{rest}",
        "REQUEST_METHOD": "GET" if rest == "info/refs" else "POST",
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": caller.user.login if caller.token else "",
    }
    if rest == _PUSH:
        with _pushing.setdefault(repository.id, threading.Lock()):
            return _push(world, caller, repository, variables, body)
    return _run_backend(variables, body)


def _find(world: World, caller: Caller, full_name: str, *, pushing: bool) -> Repository:
    """Return the repository, if the caller may do to it what git is about to do."""
    repository = world.find_repository(full_name)
    sign_in = {"WWW-Authenticate": 'Basic realm="GitHub"'}
    if repository is None or not calls.is_visible(caller, repository):
        status, headers = (404, {}) if caller.token else (401, sign_in)
        raise Refusal(status, "Repository not found.", headers=headers)
    if pushing and caller.token is None:
        raise Refusal(401, "No anonymous write access.", headers=sign_in)
    level = "write" if pushing else "read"
    try:
        calls.require(caller, repository, ("contents",), level, "write" if pushing else "read")
    except Refusal as refusal:
        message = f"Permission to {repository.full_name}.git denied to {caller.user.login}."
        raise Refusal(403, message) from refusal
    return repository


def _push(
    world: World, caller: Caller, repository: Repository, variables: dict[str, str], body: bytes
) -> Answer:
    before = git_store.references(repository.git_dir)
    answered = _run_backend(variables, body)
    after = git_store.references(repository.git_dir)
    compressed = variables["HTTP_CONTENT_ENCODING"] == "gzip"
    done = [
        Update(before.get(update.name, ZERO), update.new, update.name)
        for update in _read_updates(gzip.decompress(body) if compressed else body)
        if after.get(update.name, ZERO) == update.new != before.get(update.name, ZERO)
    ]
    with world.lock:
        pull_actions.follow_push(repository, caller.user, done)
    return answered


def _read_updates(body: bytes) -> list[Update]:
    """Read which references a push wants to move, from the packet lines before the pack."""
    sent, commands = io.BytesIO(body), []
    while (length := int(sent.read(4) or b"0", 16)) > 4:
        fields = sent.read(length - 4).partition(b"\0")[0].decode().rstrip("\n").split(" ", 2)
        if len(fields) == 3:
            commands.append(Update(*fields))
    return commands


def _run_backend(variables: dict[str, str], body: bytes) -> Answer:
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=git_store.environment(variables),
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        headers[name] = value
    status = headers.pop("Status", "500" if done.returncode else "200")
    return int(status.split()[0]), headers, content
