"""Git over HTTP: `git http-backend` behind GitHub's rules on who may fetch and push."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

import agent
from agent.demo.simulator import access, git_store, pull_actions, push_rules
from agent.demo.simulator.access import Caller, workflows_refused_to
from agent.demo.simulator.git_store import ZERO
from agent.demo.simulator.push_rules import Update
from agent.demo.simulator.records import Repository, Role
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.world import World

_SECONDS = 300
_SERVICES = ("git-upload-pack", "git-receive-pack")
_HOOK = f'#!/bin/sh\nexec "$SIMULATOR_PYTHON" -m {push_rules.__name__}\n'
_pushing: dict[int, threading.Lock] = {}
"""By repository id: pushes to one repository come one after the other."""


@dataclass(frozen=True)
class _Asked:
    """What git asked for."""

    owner: str
    name: str
    service: str
    advertised: bool
    """The list of references, not the transfer itself."""


def router(world: World) -> APIRouter:
    """Make the routes that git talks to."""
    made = APIRouter()

    async def advertise(owner: str, repo: str, request: Request) -> Response:
        service = request.query_params.get("service", "")
        if service not in _SERVICES:
            return Response("Please upgrade your git client.\n", 403)
        asked = _Asked(owner, repo.removesuffix(".git"), service, advertised=True)
        return await run_in_threadpool(_answer, world, asked, request, None)

    async def transfer(owner: str, repo: str, service: str, request: Request) -> Response:
        asked = _Asked(owner, repo.removesuffix(".git"), service, advertised=False)
        with tempfile.TemporaryFile() as body:
            async for chunk in request.stream():
                body.write(chunk)
            body.flush()
            return await run_in_threadpool(_answer, world, asked, request, body.fileno())

    async def fetch(owner: str, repo: str, request: Request) -> Response:
        return await transfer(owner, repo, "git-upload-pack", request)

    async def push(owner: str, repo: str, request: Request) -> Response:
        return await transfer(owner, repo, "git-receive-pack", request)

    made.add_api_route("/{owner}/{repo}/info/refs", advertise, methods=["GET"])
    made.add_api_route("/{owner}/{repo}/git-upload-pack", fetch, methods=["POST"])
    made.add_api_route("/{owner}/{repo}/git-receive-pack", push, methods=["POST"])
    return made


def _answer(world: World, asked: _Asked, request: Request, body: int | None) -> Response:
    try:
        with world.lock:
            caller = _caller(world, request)
            request.state.caller = caller.identity
            repository = _repository(world, caller, asked)
            login = caller.token.user.login if caller.token else ""
            rules = push_rules.of(repository, login, workflows_refused_to(caller))
    except Refusal as refusal:
        # Git shows its user the words of an error only if they are plain text.
        return PlainTextResponse(f"{refusal.message}\n", refusal.status, refusal.headers)
    if asked.service == "git-receive-pack" and not asked.advertised:
        with _pushing.setdefault(repository.id, threading.Lock()):
            return _push(world, caller, repository, asked, request, body, rules)
    return _backend(repository, asked, request, body, {})


def _caller(world: World, request: Request) -> Caller:
    try:
        return access.identify(world, request.headers.get("authorization"))
    except Refusal as refusal:
        raise _sign_in("Invalid username or token.") from refusal


def _sign_in(words: str) -> Refusal:
    return Refusal(401, words, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


def _repository(world: World, caller: Caller, asked: _Asked) -> Repository:
    """Give the repository, if the caller may do to it what git is about to do."""
    full_name = f"{asked.owner}/{asked.name}"
    found = world.find_repository(full_name) or world.moved_repository(full_name)
    pushing = asked.service == "git-receive-pack"
    if found is None or not access.visible(world, caller, found):
        if caller.token is None:
            raise _sign_in("Repository not found.")
        raise Refusal(404, "Repository not found.")
    if pushing and caller.token is None:
        raise _sign_in("No anonymous write access.")
    try:
        level: Role = "write" if pushing else "read"
        access.require(world, caller, found, ("contents",), level, level)
    except Refusal as refusal:
        who = caller.user.login
        what = (
            f"Permission to {found.full_name}.git denied to {who}."
            if pushing
            else ("Write access to repository not granted.")
        )
        raise Refusal(403, what) from refusal
    if pushing and found.archived:
        raise Refusal(403, "This repository was archived so it is read-only.")
    if found.full_name.lower() != full_name.lower():
        query = f"?service={asked.service}" if asked.advertised else ""
        rest = "info/refs" if asked.advertised else asked.service
        location = f"{world.base_url}/{found.full_name}.git/{rest}{query}"
        raise Refusal(301 if asked.advertised else 307, "Moved", headers={"Location": location})
    return found


def _push(
    world: World,
    caller: Caller,
    repository: Repository,
    asked: _Asked,
    request: Request,
    body: int | None,
    rules: push_rules.PushRules,
) -> Response:
    hook = repository.git_dir / "hooks" / "pre-receive"
    if not hook.exists() or hook.read_text() != _HOOK:
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_HOOK)
        hook.chmod(0o755)
    extra = {
        push_rules.VARIABLE: rules.to_json(),
        "SIMULATOR_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(agent.__path__[0]).parent),
        "REMOTE_USER": caller.user.login,
    }
    commands = _commands(body, request) if body is not None else []
    before = git_store.references(repository.git_dir)
    answered = _backend(repository, asked, request, body, extra)
    after = git_store.references(repository.git_dir)
    done = [
        Update(before.get(one.name, ZERO), one.new, one.name)
        for one in commands
        if after.get(one.name, ZERO) == one.new != before.get(one.name, ZERO)
    ]
    if done:
        with world.lock:
            pull_actions.after_push(world, repository, caller.user, done)
    return answered


def _commands(body: int, request: Request) -> list[Update]:
    """Read which references a push wants to move, from the packet lines before the pack."""
    os.lseek(body, 0, os.SEEK_SET)
    with os.fdopen(os.dup(body), "rb") as raw:
        compressed = request.headers.get("content-encoding") == "gzip"
        sent = gzip.GzipFile(fileobj=raw) if compressed else raw
        found: list[Update] = []
        while (length := int(sent.read(4) or b"0", 16)) > 4:
            line = sent.read(length - 4).partition(b"\0")[0].decode().rstrip("\n")
            fields = line.split(" ", 2)
            if len(fields) == 3:
                found.append(Update(*fields))
    return found


def _backend(
    repository: Repository,
    asked: _Asked,
    request: Request,
    body: int | None,
    extra: dict[str, str],
) -> Response:
    """Run git's own CGI program on the repository."""
    git_dir = repository.git_dir
    rest = "info/refs" if asked.advertised else asked.service
    variables = {
        "GIT_PROJECT_ROOT": str(git_dir.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{git_dir.name}/{rest}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        **extra,
    }
    if body is not None:
        variables["CONTENT_LENGTH"] = str(os.lseek(body, 0, os.SEEK_END))
        os.lseek(body, 0, os.SEEK_SET)
    done = subprocess.run(
        ["git", "http-backend"],
        stdin=subprocess.DEVNULL if body is None else body,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=git_store.environment(variables),
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    status = int(headers.pop("Status", "500" if done.returncode else "200").split()[0])
    headers.pop("", None)
    return Response(content, status, headers)
