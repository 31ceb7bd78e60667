"""Signing in and out: by GitHub, or by a one-time link for whoever runs the service."""

from __future__ import annotations

import re
import secrets

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.dashboard import links
from agent.dashboard.access import SignInNeeded
from agent.dashboard.github_people import CALLBACK_PATH
from agent.dashboard.pages import render
from agent.dashboard.parts import Form, Here, NotThere, Who

router = APIRouter()

#: A page of ours, and no address of anybody else's.
_PAGE = re.compile(r"/(?![/\\])[!-~]{0,500}")


@router.get("/sign-in")
def show_sign_in(here: Here, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Show the ways to sign in."""
    return render(
        "sign_in.html.j2",
        has_github=here.gate.github is not None,
        next=_require_page(next),
        problem="",
    )


@router.get("/sign-in/once")
def follow_link(here: Here, code: str = "") -> Response:
    """Show the button of a one-time link: what only looks at the link does not use it up."""
    return render("once.html.j2", code=code)


@router.post("/sign-in/once")
def use_link(request: Request, here: Here, form: Form) -> Response:
    """Sign in whoever holds a one-time link."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or not links.use_code(here.home, form.get("code", "")):
        problem = "This link was used already, or is too old. Make a new one."
        has_github = here.gate.github is not None
        return render("sign_in.html.j2", 403, has_github=has_github, next="/", problem=problem)
    answer = RedirectResponse("/", 303)
    here.gate.sign_in_operator(answer)
    return answer


@router.get("/sign-in/github")
def go_to_github(here: Here, next: str = "/") -> Response:  # noqa: A002
    """Send somebody to GitHub, which asks whether we may know them."""
    if here.gate.github is None:
        raise NotThere
    state = secrets.token_urlsafe(24)
    answer = RedirectResponse(here.gate.github.authorize_url(state), 303)
    here.gate.begin_github(answer, state, _require_page(next))
    return answer


@router.get(CALLBACK_PATH)
def come_back(request: Request, here: Here, code: str = "", state: str = "") -> Response:
    """Take whoever GitHub sends back."""
    back_to = _require_page(here.gate.end_github(request, state))
    if not code:
        raise SignInNeeded
    answer = RedirectResponse(back_to, 303)
    here.gate.sign_in_person(answer, code)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, here: Here, who: Who, form: Form) -> Response:
    """End the session."""
    here.gate.require_form(request, who, form.get("proof", ""))
    answer = RedirectResponse("/sign-in", 303)
    here.gate.sign_out(request, answer)
    return answer


def _require_page(address: str) -> str:
    return address if _PAGE.fullmatch(address) else "/"
