"""Registering an App from a manifest, as GitHub does it: two pages, then a code for the App's key.

Somebody else's page posts the manifest here; a person names the App and confirms; GitHub leads back
with a code, which is good for an hour and one use (`routes/apps.py` takes it). What is refused, and
in which words, is taken from reports of GitHub's page, but for a manifest that is no JSON or leads
nowhere, where no words are known. Unlike github.com it lets deliveries go to addresses of this
machine, as an Enterprise server does, and everybody may register Apps for an organization.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.demo.simulator import events, forms
from agent.demo.simulator.records import App, Registration, User
from agent.demo.simulator.rendering import SECURITY_HEADERS, Problem, Renderer
from agent.demo.simulator.world import World

CODE_SECONDS = 3_600.0
LONGEST_NAME = 34
_NO_MANIFEST = "Invalid GitHub App configuration"
_LEVELS = ("read", "write", "admin")
_NEW = "/settings/apps/new"
_MADE = "/settings/apps"
_ORGANIZATION = "/organizations/{organization}"
#: Which permission lets an App subscribe to an event, of those that this server knows.
_PERMISSION_OF = {
    "check_run": "checks",
    "check_suite": "checks",
    "issue_comment": "issues",
    "issues": "issues",
    "label": "metadata",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_comment": "pull_requests",
    "pull_request_review_thread": "pull_requests",
    "push": "contents",
    "repository": "metadata",
    "status": "statuses",
    "workflow_job": "actions",
    "workflow_run": "actions",
}
_PERMISSIONS = frozenset(
    {
        *("actions", "administration", "checks", "contents", "deployments", "environments"),
        *("issues", "members", "metadata", "packages", "pages", "pull_requests"),
        *("repository_hooks", "secrets", "security_events", "statuses", "workflows"),
    }
)


class _Hook(BaseModel):
    model_config = ConfigDict(strict=True)

    url: str | None = None
    active: bool = True


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str = ""
    url: str | None = None
    description: str | None = None
    redirect_url: str | None = None
    public: bool = False
    hook_attributes: _Hook | None = None
    default_permissions: dict[str, str] = {}
    default_events: list[str] = []


def router(world: World) -> APIRouter:
    """Give the routes of registration."""
    pages = _Pages(world)
    routes = APIRouter(include_in_schema=False)
    for owner in ("", _ORGANIZATION):
        routes.add_api_route(owner + _NEW, pages.ask, methods=["POST"])
        routes.add_api_route(owner + _MADE, pages.make, methods=["POST"])
    return routes


def convert(world: World, code: str) -> App | None:
    """Give the App of a code, which is used up by that; None: there is none, or it is too old."""
    with world.lock:
        found = world.registrations.pop(code, None)
    if found is None or found.created + CODE_SECONDS <= world.now():
        return None
    return found.app


class _Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._renderer = Renderer(world.now)

    async def ask(self, request: Request) -> Response:
        """Show what would be registered, and ask for its name."""
        try:
            # It comes from the pages of whoever wants the App.
            form = await forms.read_foreign(request)
            text = form.get("manifest", "")
            manifest = _read(text)
            with self._world.lock:
                return self._page(request, manifest, text, request.query_params.get("state", ""))
        except Problem as problem:
            return self._renderer.problem(problem)

    async def make(self, request: Request) -> Response:
        """Register the App, and lead back with the code."""
        try:
            form = await forms.read(request)
            text = form.get("manifest", "")
            manifest, name = _read(text), form.get("name", "").strip()
            with self._world.lock:
                owner = self._owner(request, form.get("as", ""))
                refused = self._refusal(name)
                if refused:
                    return self._page(request, manifest, text, form.get("state", ""), name, refused)
                code = self._register(manifest, name, owner)
        except Problem as problem:
            return self._renderer.problem(problem)
        return _back(manifest.redirect_url or "", code, form.get("state", ""))

    def _page(
        self,
        request: Request,
        manifest: _Manifest,
        text: str,
        state: str,
        name: str | None = None,
        refused: str = "",
    ) -> Response:
        people = [one.login for one in self._world.users.values() if one.kind == "User"]
        organization = request.path_params.get("organization")
        if organization:
            self._owner(request, "")
        page = self._renderer.page(
            "register.html",
            422 if refused else 200,
            action=request.url.path.removesuffix("/new"),
            manifest=manifest.model_dump(),
            text=text,
            state=state,
            name=manifest.name if name is None else name,
            owner=organization,
            people=people,
            notice=refused,
        )
        # Browsers hold the address to which the form's answer leads against this as well.
        back = urlsplit(manifest.redirect_url or "")
        page.headers["Content-Security-Policy"] = SECURITY_HEADERS[
            "Content-Security-Policy"
        ].replace("form-action 'self'", f"form-action 'self' {back.scheme}://{back.netloc}")
        return page

    def _owner(self, request: Request, login: str) -> User:
        organization = request.path_params.get("organization")
        found = self._world.users.get((organization or login).lower())
        if found is None or found.kind != ("Organization" if organization else "User"):
            raise Problem(404, "Not Found", "There is no account of that name.")
        return found

    def _refusal(self, name: str) -> str:
        if not name:
            return "Name can't be blank"
        if len(name) > LONGEST_NAME:
            return f"Name is too long (maximum is {LONGEST_NAME} characters)"
        slug = _slug(name)
        slugs = {app.slug for app in self._world.apps.values()}
        return "Name is already taken" if slug in slugs or slug in self._world.users else ""

    def _register(self, manifest: _Manifest, name: str, owner: User) -> str:
        hook = manifest.hook_attributes or _Hook(active=False)
        app = self._world.add_app(
            _slug(name),
            owner.login,
            manifest.default_permissions,
            manifest.default_events,
            hook.url or "",
            secrets.token_hex(20),
        )
        app.name, app.external_url = name, manifest.url or ""
        app.hook.active = hook.active
        if hook.url:
            events.ping(self._world, app.hook, owner)
        code = secrets.token_hex(20)
        self._world.registrations[code] = Registration(app, self._world.now())
        return code


def _read(text: str) -> _Manifest:
    """Read a manifest.

    Raises:
        Problem: It is none that GitHub would take.
    """
    try:
        sent = json.loads(text)
        found = _Manifest.model_validate(sent)
    except (ValueError, ValidationError) as problem:
        raise _invalid("The manifest is not valid JSON, or a field has a wrong type.") from problem
    if wrong := _problems(found):
        raise _invalid(wrong[0])
    return found


def _problems(found: _Manifest) -> list[str]:
    said = []
    hook = found.hook_attributes
    if not found.url or (hook is not None and not hook.url):
        said.append('"url" wasn\'t supplied.')
    back = urlsplit(found.redirect_url or "")
    if back.scheme not in ("http", "https") or not back.netloc:
        said.append('"redirect_url" wasn\'t supplied.')
    if found.default_events and hook is None:
        said.append("Hook url cannot be blank")
    granted = found.default_permissions
    if any(name not in _PERMISSIONS or granted[name] not in _LEVELS for name in granted):
        said.append("Default permission records resource is not included in the list")
    unknown = [name for name in found.default_events if name not in _PERMISSION_OF]
    if unknown:
        said.append(f"Default events unsupported: {' and '.join(unknown)}")
    held = {"metadata", *granted}
    bare = [name for name in found.default_events if _PERMISSION_OF.get(name) not in held]
    if bare:
        said.append(f"Default events are not supported by permissions: {' and '.join(bare)}")
    return said


def _invalid(error: str) -> Problem:
    words = "The configuration does not appear to be a valid GitHub App manifest."
    return Problem(422, _NO_MANIFEST, f"{words} Error: {error}")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _back(address: str, code: str, state: str) -> Response:
    parts = urlsplit(address)
    given: dict[str, Any] = {**dict(parse_qsl(parts.query)), "code": code}
    if state:
        given["state"] = state
    target = parts._replace(query=urlencode(given, quote_via=quote)).geturl()
    return RedirectResponse(target, status_code=302, headers=SECURITY_HEADERS)
