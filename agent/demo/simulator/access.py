"""Who is asking, and what may they do: tokens, App JWTs, permissions and roles."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from agent.demo.simulator import refusals
from agent.demo.simulator.records import ROLES, App, Repository, Role, Token, User
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.world import World

_LEVELS = ("read", "write", "admin")
_JWT_SECONDS = 600
_UNDECODABLE = "A JSON web token could not be decoded"


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    token: Token | None = None
    app: App | None = None
    """The App itself, by JWT."""

    @property
    def identity(self) -> str:
        """Name the caller as limits and the request log do."""
        if self.app:
            return f"app:{self.app.id}"
        if self.token and self.token.installation:
            return f"installation:{self.token.installation.id}"
        return f"user:{self.token.user.login}" if self.token else "anonymous"

    @property
    def words(self) -> str:
        """Name the caller as the text of a limit does."""
        if self.token and self.token.installation:
            return f"installation ID {self.token.installation.id}"
        return f"user ID {self.token.user.id}" if self.token else "127.0.0.1"

    @property
    def user(self) -> User:
        """Give the account that acts.

        Raises:
            Refusal: Nobody is signed in.
        """
        if self.token is None:
            raise refusals.needs_authentication()
        return self.token.user

    @property
    def app_id(self) -> int | None:
        """Give the App on whose behalf things are made, for installation tokens."""
        installed = self.token.installation if self.token else None
        return installed.app.id if installed else None


def identify(world: World, authorization: str | None) -> Caller:
    """Find out who sent a request from its Authorization header.

    Raises:
        Refusal: 401, in GitHub's words.
    """
    if not authorization:
        return Caller()
    scheme, _, shown = authorization.strip().partition(" ")
    if scheme.lower() == "basic":
        shown = basic_password(shown)
    elif scheme.lower() not in ("token", "bearer"):
        raise refusals.bad_credentials()
    shown = shown.strip()
    if shown.count(".") == 2:
        return Caller(app=_app_of_jwt(world, shown))
    return Caller(token=live_token(world, shown))


def basic_password(encoded: str) -> str:
    """Give the password of HTTP Basic credentials; empty if they cannot be read."""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if password not in ("", "x-oauth-basic") else user


def live_token(world: World, value: str) -> Token:
    """Give the token of a value.

    Raises:
        Refusal: It is unknown, over, or its installation is gone.
    """
    token = world.tokens.get(value)
    if token is None or (token.expires is not None and token.expires <= world.now()):
        raise refusals.bad_credentials()
    if token.installation and token.installation.id not in world.installations:
        raise refusals.bad_credentials()
    if token.installation and token.installation.suspended is not None:
        raise Refusal(403, "This installation has been suspended")
    return token


def _app_of_jwt(world: World, encoded: str) -> App:
    """Check an App's JWT as GitHub does, and give the App."""
    try:
        claims = jwt.decode(encoded, options={"verify_signature": False})
        algorithm = jwt.get_unverified_header(encoded).get("alg")
    except (jwt.InvalidTokenError, json.JSONDecodeError) as problem:
        raise Refusal(401, _UNDECODABLE) from problem
    issuer = str(claims.get("iss", ""))
    if not issuer:
        raise Refusal(401, "'Issuer' claim ('iss') must be an Integer")
    named = (one for one in world.apps.values() if issuer in (str(one.id), client_id(one)))
    app = next(named, None)
    if app is None:
        raise Refusal(401, "Integration not found")
    if algorithm != "RS256":
        raise Refusal(401, _UNDECODABLE)
    try:
        jwt.decode(
            encoded,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidTokenError as problem:
        raise Refusal(401, _UNDECODABLE) from problem
    _check_times(claims, world.now())
    return app


def _check_times(claims: dict[str, object], now: float) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int | float) or expires <= now:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires",
        )
    if expires > now + _JWT_SECONDS:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int | float) or issued > now + 1:
        raise Refusal(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
            "was issued",
        )


def client_id(app: App) -> str:
    """Give the other name by which an App may call itself in a JWT."""
    return f"Iv23li{app.id:014d}"


def covered(caller: Caller, repository: Repository) -> bool:
    """Tell whether an installation token was made for a repository."""
    token = caller.token
    if token is None or token.installation is None:
        return False
    narrowed = token.repository_ids
    return token.installation.covers(repository) and (narrowed is None or repository.id in narrowed)


def visible(world: World, caller: Caller, repository: Repository) -> bool:
    """Tell whether a caller may know that a repository exists."""
    if not repository.private:
        return True
    if caller.token is None:
        return False
    if caller.token.installation:
        return covered(caller, repository)
    return "repo" in caller.token.scopes and world.role(repository, caller.token.user) != "none"


def allows(caller: Caller, areas: Sequence[str], level: str) -> bool:
    """Tell whether an installation token has one of the permissions."""
    held = caller.token.permissions if caller.token else {}
    enough = _LEVELS[_LEVELS.index(level) :]
    return any(held.get(area) in enough for area in areas)


def at_least(role: Role, needed: Role) -> bool:
    """Tell whether a role is enough."""
    return ROLES.index(role) >= ROLES.index(needed)


def require(
    world: World,
    caller: Caller,
    repository: Repository,
    areas: Sequence[str],
    level: str,
    role: Role,
    *,
    hidden: bool = False,
) -> None:
    """Let a caller pass who may do something in a repository that they can see.

    Args:
        world: The state.
        caller: Who asks.
        repository: Where.
        areas: Permissions of an installation token, any of which is enough.
        level: The level it must have.
        role: The role a person must have.
        hidden: GitHub answers 404 in place of 403 to a person whose role is too low.

    Raises:
        Refusal: 401, 403 or 404, as GitHub answers.
    """
    if not visible(world, caller, repository):
        raise refusals.not_found()
    reading_public = level == "read" and role == "read" and not repository.private
    if caller.app:
        raise refusals.integration_forbidden({areas[0]: level})
    if caller.token is None:
        if not reading_public:
            raise refusals.needs_authentication()
    elif caller.token.installation:
        held = covered(caller, repository) and allows(caller, areas, level)
        if not held and not reading_public:
            raise refusals.integration_forbidden({areas[0]: level})
    elif not reading_public:
        _require_person(world, caller.token, repository, level, role, hidden=hidden)


def _require_person(
    world: World, token: Token, repository: Repository, level: str, role: Role, *, hidden: bool
) -> None:
    scope = "repo" in token.scopes or ("public_repo" in token.scopes and not repository.private)
    if not scope:
        raise refusals.not_found()
    if not at_least(world.role(repository, token.user), role):
        raise refusals.not_found() if hidden else refusals.role_forbidden()


def may_touch_workflows(caller: Caller) -> bool:
    """Tell whether a caller may change files below .github/workflows."""
    if caller.token is None:
        return False
    if caller.token.installation:
        return allows(caller, ("workflows",), "write")
    return "workflow" in caller.token.scopes


def workflows_refused_to(caller: Caller) -> str | None:
    """Give the words for a caller who may not touch workflow files; None if they may."""
    if may_touch_workflows(caller):
        return None
    if caller.token and caller.token.installation:
        return "a GitHub App"
    return "a Personal Access Token"
