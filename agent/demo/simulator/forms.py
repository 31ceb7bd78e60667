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


async def read_foreign(request: Request) -> dict[str, str]:
    """Read a form wherever it comes from; nothing may be changed by it.

    Raises:
        Problem: It is no form, or is too long.
    """
    return await _form(request)


async def carry_out(
    world: World, request: Request, repo: Repository, one: Issue, form: dict[str, str]
) -> str:
    """Make the API call that a form stands for; give the words of a refusal, or nothing.

    Raises:
        Problem: The form names nobody, or nothing that can be done.
    """
    method, path, body = _call(repo, one, request.path_params["deed"], form)
    return (await _ask(world, request, form, method, path, body))[0]


async def open_issue(
    world: World, request: Request, repo: Repository, form: dict[str, str]
) -> tuple[str, int]:
    """Open the issue of a form; give the words of a refusal or nothing, and its number.

    Raises:
        Problem: The form names nobody.
    """
    sent = {"title": form.get("title", ""), "body": _text(form)}
    path = f"/repos/{repo.full_name}/issues"
    refused, made = await _ask(world, request, form, "POST", path, sent)
    return refused, 0 if refused else int(made["number"])


async def _ask(
    world: World,
    request: Request,
    form: dict[str, str],
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> tuple[str, Any]:
    """Ask the API in somebody's name; give the words of a refusal or nothing, and its answer."""
    login = form.get("as", "")
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
        return f"The API did not answer: {error}", None
    finally:
        with world.lock:
            world.tokens.pop(token, None)
    if not answer.is_success:
        return f"{login} was refused: {_refusal_words(answer)}", None
    try:
        return "", answer.json() if answer.content else None
    except ValueError:
        return "The API's answer is no JSON; is there a fault for this call?", None


def _call(
    repo: Repository, one: Issue, deed: str, form: dict[str, str]
) -> tuple[str, str, dict[str, Any] | None]:
    """Translate a form into method, path and body of the API call that does the same."""
    api = f"/repos/{repo.full_name}/issues"
    body, label = _text(form), form.get("label", "")
    if deed == "label":
        return "POST", f"{api}/{one.number}/labels", {"labels": [label]}
    if deed == "unlabel":
        return "DELETE", f"{api}/{one.number}/labels/{quote(label, safe='')}", None
    if deed == "comment":
        return "POST", f"{api}/{one.number}/comments", {"body": body}
    if deed == "title":
        return "PATCH", f"{api}/{one.number}", {"title": form.get("title", "")}
    if deed == "body":
        return "PATCH", f"{api}/{one.number}", {"body": body}
    if edited := re.fullmatch(r"comments/(\d+)", deed):
        return "PATCH", f"{api}/comments/{edited[1]}", {"body": body}
    raise Problem(404, "No such form", "This page does not know what was to be done.")


def _text(form: dict[str, str]) -> str:
    return form.get("body", "").replace("\r\n", "\n")


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
            each.get("message") or " ".join(each[key] for key in ("field", "code") if key in each)
            for each in errors
            if isinstance(each, dict)
        ]
        return " ".join([f"{answer.status_code} {said['message']}.", *filter(None, details)])
    except (ValueError, KeyError, AttributeError):
        return f"{answer.status_code} without words"
