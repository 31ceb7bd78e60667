"""Signing in with an App: the page that asks a person, the exchange of its code, and what they see.

There are no passwords: the page lists the people, one of whom is chosen.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from tests.simulator import shapes
from tests.simulator.calls import Call, NotFound, Refusal, has_role, is_visible, operation
from tests.simulator.records import App, Installation, Repository, Token
from tests.simulator.world import World

AUTHORIZE, EXCHANGE = "/login/oauth/authorize", "/login/oauth/access_token"
Answer = tuple[int, dict[str, str], bytes]


def authorize(world: World, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """List the people, or lead the chosen person back with a code.

    Raises:
        Refusal: No App has that client, or the way back leads elsewhere than to this machine.
    """
    with world.lock:
        app = _find_client(world, query.get("client_id", ""))
        if urlsplit(query.get("redirect_uri", "")).hostname not in ("127.0.0.1", "localhost"):
            raise Refusal(422, "The redirect_uri is not associated with this application.")
        chosen = world.users.get(query.get("as", "").lower())
        if chosen is None:
            people = [user.login for user in world.users.values() if user.kind == "User"]
            return 200, dict(headers), _write_page(app, query, people)
        code = secrets.token_hex(10)
        world.sign_ins[code] = (app, chosen, query.get("code_challenge", ""))
    back = urlencode({"code": code, "state": query.get("state", "")})
    return 302, {**headers, "Location": f"{query['redirect_uri']}?{back}"}, b""


def exchange(world: World, form: Mapping[str, str]) -> Answer:
    """Return a token for a code; once, and only to the App that it was made for."""
    with world.lock:
        app, user, challenge = world.sign_ins.pop(form.get("code", ""), (None, None, ""))
        client = (form.get("client_id"), form.get("client_secret"))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_app = app is not None and client == (app.client_id, app.client_secret)
        if user is None or not is_app or (challenge and challenge != shown):
            answer = {"error": "bad_verification_code"}
        else:
            token = Token(f"ghu_{secrets.token_hex(18)}", None, user)
            world.tokens[token.value] = token
            answer = {"access_token": token.value, "token_type": "bearer", "scope": ""}
    return 200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(answer).encode()


def _find_client(world: World, client_id: str) -> App:
    for app in world.apps.values():
        if app.client_id == client_id:
            return app
    raise NotFound


def _write_page(app: App, query: Mapping[str, str], people: list[str]) -> bytes:
    addresses = {login: urlencode({**query, "as": login}) for login in people}
    links = "".join(
        f'<li><a href="{AUTHORIZE}?{escape(address)}">Continue as {escape(login)}</a></li>'
        for login, address in addresses.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        '<link rel="stylesheet" href="/_pages/style.css"><link rel="icon" href="data:,"></head>'
        f"<body><main><h1>Sign in to {escape(app.name)}</h1><ul>{links}</ul></main></body>"
        "</html>"
    ).encode()


# --- what a person can see by the App ------------------------------------------------------------


def _list_repositories(call: Call, installation: Installation) -> list[Repository]:
    return [
        repository
        for repository in call.world.repositories.values()
        if installation.covers(repository) and is_visible(call.caller, repository)
    ]


@operation("GET", "/user/installations")
def _list_installations(call: Call) -> object:
    if call.caller.app or call.caller.is_installation:
        raise Refusal(403, "Resource not accessible by integration")
    call.caller.user  # noqa: B018  a request without an account is refused
    installations = [
        installation
        for installation in call.world.installations.values()
        if _list_repositories(call, installation)
    ]
    return call.paginate(
        installations,
        shapes.shape_installation,
        lambda page: {"total_count": len(installations), "installations": page},
    )


@operation("GET", "/user/installations/{installation_id}/repositories")
def _list_installed(call: Call) -> object:
    installation = call.world.installations.get(call.read_number("installation_id"))
    if installation is None:
        raise NotFound
    repositories = _list_repositories(call, installation)

    def shape(repository: Repository) -> shapes.Shape:
        roles = {"pull": "read", "triage": "triage", "push": "write", "admin": "admin"}
        may = {name: has_role(call.caller, repository, role) for name, role in roles.items()}  # type: ignore[arg-type]
        return {**shapes.shape_repository(repository), "permissions": may}

    return call.paginate(
        repositories, shape, lambda page: {"total_count": len(repositories), "repositories": page}
    )
