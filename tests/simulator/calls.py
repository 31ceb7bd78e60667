"""One call of the API: who sends it, what it may do, and the operation that answers it.

An operation is a function from `Call` to JSON (or `Reply`), registered by method and path as
GitHub's own description has them. It runs under the world's lock.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode

import jwt

from tests.simulator.records import ROLES, App, Comment, Issue, Pull, Repository, Role, Token, User
from tests.simulator.world import World

REST = "/api/v3"
LONGEST_TEXT = 65_536
_PAGE, _LONGEST_PAGE = 30, 100
_JWT_SECONDS = 600
_WITH_SLASHES = frozenset({"ref", "path", "branch"})

T = TypeVar("T")


class Refusal(Exception):
    """What GitHub refuses; carries the whole answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        answer: dict[str, object] = {"message": self.message}
        if self.errors is not None:
            answer["errors"] = list(self.errors)
        documentation = "https://docs.github.com/rest"
        return {**answer, "documentation_url": documentation, "status": str(self.status)}


class NotFound(Refusal):
    """What does not exist, or what the caller may not know of."""

    def __init__(self) -> None:
        super().__init__(404, "Not Found")


class InvalidField(Refusal):
    def __init__(self, resource: str, name: str, code: str, message: str | None = None) -> None:
        error = {"resource": resource, "code": code, "field": name}
        error |= {"message": message} if message else {}
        super().__init__(422, "Validation Failed", errors=[error])


def require_length(resource: str, name: str, text: str | None, limit: int = LONGEST_TEXT) -> None:
    if text is not None and len(text) > limit:
        message = f"{name} is too long (maximum is {limit} characters)"
        raise InvalidField(resource, name, "custom", message)


# --- who asks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """The sender of a request: with a token, as an App itself by JWT, or unknown."""

    token: Token | None = None
    app: App | None = None

    @property
    def user(self) -> User:
        """Return the account that acts.

        Raises:
            Refusal: Nobody is signed in.
        """
        if self.token is None:
            raise Refusal(401, "Requires authentication")
        return self.token.user

    @property
    def is_installation(self) -> bool:
        return self.token is not None and self.token.installation is not None


def identify(world: World, authorization: str) -> Caller:
    """Find out who sent a request from its Authorization header.

    Raises:
        Refusal: 401, in GitHub's words.
    """
    scheme, _, shown = authorization.strip().partition(" ")
    if not scheme:
        return Caller()
    if scheme.lower() == "basic":
        shown = _password(shown)
    shown = shown.strip()
    if shown.count(".") == 2:
        return Caller(app=_find_app(world, shown))
    token = world.tokens.get(shown)
    if token is None or (token.expires is not None and token.expires <= world.now()):
        raise Refusal(401, "Bad credentials")
    if token.installation and time.monotonic() - token.made < world.token_lag:
        raise Refusal(401, "Bad credentials")
    return Caller(token=token)


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _find_app(world: World, encoded: str) -> App:
    """Check an App's JWT as GitHub does, and give the App."""
    try:
        issuer = jwt.decode(encoded, options={"verify_signature": False})["iss"]
        app = next(
            candidate for candidate in world.apps.values() if str(candidate.id) == str(issuer)
        )
        claims = jwt.decode(
            encoded, app.public_key, ["RS256"], {"verify_exp": False, "verify_iat": False}
        )
    except (jwt.InvalidTokenError, KeyError, StopIteration) as problem:
        raise Refusal(401, "A JSON web token could not be decoded") from problem
    if not world.now() < claims["exp"] <= world.now() + _JWT_SECONDS:
        raise Refusal(401, "'Expiration time' claim ('exp') must be a time in the near future")
    return app


# --- what they may do ----------------------------------------------------------------------------


def is_covered(caller: Caller, repository: Repository) -> bool:
    token = caller.token
    if token is None or token.installation is None:
        return False
    narrowed = token.repository_ids
    return token.installation.covers(repository) and (narrowed is None or repository.id in narrowed)


def is_visible(caller: Caller, repository: Repository) -> bool:
    if not repository.private:
        return True
    if caller.token is None or caller.is_installation:
        return is_covered(caller, repository)
    return repository.world.role(repository, caller.token.user) != "none"


def is_granted(caller: Caller, area: str, level: str) -> bool:
    held = caller.token.permissions.get(area) if caller.token else None
    return held in (level, "write", "admin")


def has_role(caller: Caller, repository: Repository, role: Role) -> bool:
    """Return whether a person has a role; an App that came so far has its permission."""
    if caller.is_installation:
        return True
    held = repository.world.role(repository, caller.user)
    return ROLES.index(held) >= ROLES.index(role)


def require(
    caller: Caller, repository: Repository, areas: Sequence[str], level: str, role: Role
) -> None:
    """Check that a caller may do something in a repository.

    Args:
        areas: Permissions of an installation token, any of which is enough.
        level: `read` or `write`, which it must have.
        role: What a person must have.

    Raises:
        Refusal: 401, 403 or 404, as GitHub answers.
    """
    if not is_visible(caller, repository):
        raise NotFound
    reads_public = level == "read" and role == "read" and not repository.private
    if caller.app or (caller.is_installation and not reads_public):
        granted = any(is_granted(caller, area, level) for area in areas)
        if not (is_covered(caller, repository) and granted):
            named = {"X-Accepted-GitHub-Permissions": f"{areas[0]}={level}"}
            raise Refusal(403, "Resource not accessible by integration", headers=named)
    elif not reads_public and not has_role(caller, repository, role):
        raise Refusal(403, "Must have admin rights to Repository.")
    if level == "write" and repository.archived:
        raise Refusal(403, "Repository was archived so is read-only.")


# --- calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """An answer with another status than the operation's usual one, or with headers."""

    body: object = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class _Body(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        raise Refusal(422, f'Invalid request.\n\n"{key}" wasn\'t supplied.')


@dataclass(frozen=True)
class Call:
    """One call: who, what, and on which state."""

    world: World
    caller: Caller
    path: str
    raw: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def body(self) -> dict[str, Any]:
        """Return the JSON that was sent; a field that is not there is refused.

        Raises:
            Refusal: 400 where it is no object.
        """
        try:
            read = json.loads(self.raw or b"{}")
        except ValueError as problem:
            raise Refusal(400, "Problems parsing JSON") from problem
        if isinstance(read, list):  # PyGithub sends labels so
            read = {"labels": read}
        if not isinstance(read, dict):
            raise Refusal(400, "Body should be a JSON object")
        return _Body(read)

    def read_number(self, name: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", self.params[name]):
            raise NotFound
        return int(self.params[name])

    def find_repository(self) -> Repository:
        """Return the repository of the path; hidden ones are not found."""
        repository = self.world.find_repository(f"{self.params['owner']}/{self.params['repo']}")
        if repository is None or not is_visible(self.caller, repository):
            raise NotFound
        return repository

    def require_reading(self, *areas: str) -> Repository:
        """Return the repository, if the caller may read one of the areas."""
        repository = self.find_repository()
        require(self.caller, repository, areas, "read", "read")
        return repository

    def require_writing(self, *areas: str, role: Role) -> Repository:
        """Return the repository, if the caller may write to one of the areas."""
        repository = self.find_repository()
        require(self.caller, repository, areas, "write", role)
        return repository

    def find_issue(self, repository: Repository) -> Issue:
        number = self.read_number("issue_number")
        if number not in repository.issues:
            raise NotFound
        return repository.issues[number]

    def require_writing_issue(self, role: Role = "read") -> tuple[Repository, Issue]:
        """Return the issue or pull request of the path, if the caller may write to it."""
        repository = self.find_repository()
        issue = self.find_issue(repository)
        areas = ("issues", "pull_requests") if issue.pull else ("issues",)
        require(self.caller, repository, areas, "write", role)
        return repository, issue

    def find_pull(self, repository: Repository) -> Pull:
        issue = repository.issues.get(self.read_number("pull_number"))
        if issue is None or issue.pull is None:
            raise NotFound
        return issue.pull

    def find_comment(self, repository: Repository) -> tuple[Issue, Comment]:
        """Return the conversation comment of the path, with its issue."""
        number = self.read_number("comment_id")
        for issue in repository.issues.values():
            for comment in issue.comments:
                if comment.id == number:
                    return issue, comment
        raise NotFound

    def has_role(self, repository: Repository, role: Role) -> bool:
        return has_role(self.caller, repository, role)

    def paginate(
        self,
        items: Sequence[T],
        shape: Callable[[T], object],
        wrap: Callable[[list[object]], object] | None = None,
    ) -> Reply:
        """Return the page that was asked for, with the Link header to the others."""
        size = min(int(self.query.get("per_page", _PAGE)), _LONGEST_PAGE)
        page, last = int(self.query.get("page", 1)), max(1, math.ceil(len(items) / size))
        chosen = [shape(item) for item in items[(page - 1) * size : page * size]]
        numbers = {"prev": page - 1, "first": 1} if page > 1 else {}
        numbers |= {"next": page + 1, "last": last} if page < last else {}
        links = []
        for rel, number in numbers.items():
            query = urlencode({**self.query, "page": number})
            links.append(f'<{self.world.base_url}{REST}{self.path}?{query}>; rel="{rel}"')
        headers = {"Link": ", ".join(links)} if links else {}
        return Reply(wrap(chosen) if wrap else chosen, headers=headers)


# --- operations ----------------------------------------------------------------------------------

Work = Callable[[Call], object]


@dataclass(frozen=True)
class Operation:
    """One operation of the API, with the function that answers it."""

    method: str
    path: str
    status: int
    work: Work

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


OPERATIONS: list[Operation] = []


def operation(method: str, path: str, status: int = 200) -> Callable[[Work], Work]:
    def register(work: Work) -> Work:
        OPERATIONS.append(Operation(method, path, status, work))
        return work

    return register


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[1] in _WITH_SLASHES else '[^/]+'})"

    return re.compile(re.sub(r"\{(\w+)\}", group, path))


def perform(
    world: World,
    caller: Caller,
    method: str,
    path: str,
    raw: bytes = b"",
    query: Mapping[str, str] | None = None,
) -> Reply:
    """Answer a call of the REST API.

    Raises:
        Refusal: GitHub would refuse it.
    """
    operation = find_operation(method, path)
    if operation is None:
        raise NotFound
    matched = _pattern(operation.path).fullmatch(path)
    assert matched is not None
    with world.lock:
        done = operation.work(Call(world, caller, path, raw, query or {}, matched.groupdict()))
    reply = done if isinstance(done, Reply) else Reply(done)
    return Reply(reply.body, reply.status or operation.status, reply.headers)


def find_operation(method: str, path: str) -> Operation | None:
    """Return the operation that a request means; of two, the one with more of the path written out."""
    fitting = (
        operation
        for operation in OPERATIONS
        if operation.method == method and _pattern(operation.path).fullmatch(path)
    )
    return min(fitting, key=lambda fit: (fit.path.count("{"), -len(fit.path)), default=None)
