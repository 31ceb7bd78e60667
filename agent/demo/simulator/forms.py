"""The forms of the pages: what they ask of the API, and in whose name.

A form is an API call: it goes through the same REST routes as every client's, with the rights of
the person it is sent as. Left to others: addresses, and showing what came of it (`pages.py`).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from fastapi import Request

from agent.demo.simulator.records import Issue, Repository
from agent.demo.simulator.rendering import Problem
from agent.demo.simulator.world import World

API = "/api/v3"
MOST_FORM_BYTES = 1_000_000


async def read(request: Request) -> dict[str, str]:
    """Read a form that one of our own pages sent.

    Raises:
        Problem: It comes from elsewhere, is no form, or is too long.
    """
    _refuse_foreign(request)
    return await _form(request)


async def carry_out(
    world: World, request: Request, repo: Repository, one: Issue, form: dict[str, str]
) -> str:
    """Make the API call that a form stands for; give the words of a refusal, or nothing.

    Raises:
        Problem: The form names nobody, or nothing that can be done.
    """
    login = form.get("as", "")
    method, path, body = _call(repo, one, request.path_params["deed"], form)
    with world.lock:
        if login.lower() not in world.users:
            raise Problem(422, "Nobody of that name", "Choose one of the people in the list.")
        token = world.token_for(login, seconds=60)
    transport = httpx.ASGITransport(app=request.app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(transport=transport, base_url=world.base_url) as api:
            answer = await api.request(method, API + path, json=body, headers=headers)
    except httpx.HTTPError as error:
        return f"The API did not answer: {error}"
    finally:
        with world.lock:
            world.tokens.pop(token, None)
    return "" if answer.is_success else f"{login} was refused: {_refusal_words(answer)}"


def _call(
    repo: Repository, one: Issue, deed: str, form: dict[str, str]
) -> tuple[str, str, dict[str, Any] | None]:
    """Translate a form into method, path and body of the API call that does the same."""
    api = f"/repos/{repo.full_name}/issues"
    body, label = form.get("body", "").replace("\r\n", "\n"), form.get("label", "")
    if deed == "label":
        return "POST", f"{api}/{one.number}/labels", {"labels": [label]}
    if deed == "unlabel":
        return "DELETE", f"{api}/{one.number}/labels/{quote(label, safe='')}", None
    if deed == "comment":
        return "POST", f"{api}/{one.number}/comments", {"body": body}
    if deed == "body":
        return "PATCH", f"{api}/{one.number}", {"body": body}
    if edited := re.fullmatch(r"comments/(\d+)", deed):
        return "PATCH", f"{api}/comments/{edited[1]}", {"body": body}
    raise Problem(404, "No such form", "This page does not know what was to be done.")


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(415, "Not a form", "Send the form of the page.")
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_FORM_BYTES:
            raise Problem(413, "Too long", f"A form holds at most {MOST_FORM_BYTES:,} bytes.")
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def _refuse_foreign(request: Request) -> None:
    """Let forms come from our own pages only; a browser tells where they come from."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    ours = origin is None or urlsplit(origin).netloc == host
    # A name that is made to lead to this machine makes another site look like ours.
    here = (request.scope.get("server") or ("",))[0]
    borrowed = _is_loopback(here) and not _is_loopback(urlsplit(f"//{host}").hostname or "")
    if not ours or borrowed or site not in ("same-origin", "none"):
        raise Problem(403, "From elsewhere", "Forms are taken from the simulator's own pages only.")


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _refusal_words(answer: httpx.Response) -> str:
    try:
        said = answer.json()
        errors = said.get("errors") or ()
        details = [
            each.get("message") or each.get("code", "") for each in errors if isinstance(each, dict)
        ]
        return " ".join([f"{answer.status_code} {said['message']}.", *filter(None, details)])
    except (ValueError, KeyError, AttributeError):
        return f"{answer.status_code} without words"
