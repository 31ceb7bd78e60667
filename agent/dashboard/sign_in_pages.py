"""Signing in and out: by GitHub, or by a one-time link for the operator."""

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.dashboard import sign_in_links
from agent.dashboard.access import Actor, Dashboard, Form, Here, SignInNeeded, is_from_our_page
from agent.dashboard.github_people import CALLBACK_PATH, Person
from agent.dashboard.pages import render
from agent.errors import AgentError
from agent.store.sql_tables import OPERATOR

router = APIRouter()

#: A path on this dashboard, never an address of another site.
_PAGE = re.compile(r"/(?![/\\])[!-~]{0,500}")


@router.get("/sign-in")
def show_sign_in(here: Here, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    return _show_sign_in_form(here, next)


@router.get("/sign-in/once")
def follow_link(code: str = "") -> Response:
    """Return a page with the button of a one-time link: reading the link does not use it up."""
    return render("once.html.j2", code=code)


@router.post("/sign-in/once")
def use_link(request: Request, here: Here, form: Form) -> Response:
    if not is_from_our_page(request) or not sign_in_links.use_code(here.home, form.get("code", "")):
        problem = "This link was already used or has expired. Create a new one."
        return _show_sign_in_form(here, problem=problem)
    return _sign_in(here, None, "/")


@router.get("/sign-in/github")
def begin_github_sign_in(here: Here, next: str = "/") -> Response:  # noqa: A002
    return here.sessions.begin_github(_require_page(next))


@router.get(CALLBACK_PATH)
def end_github_sign_in(request: Request, here: Here, code: str = "", state: str = "") -> Response:
    """Complete a sign-in that GitHub sends back; its state counts once, whatever the result."""
    try:
        answer = _sign_in(here, *here.sessions.end_github(request, state, code))
    except SignInNeeded:
        answer = _show_sign_in_form(
            here, problem="This sign-in was started elsewhere or has expired."
        )
    except AgentError as problem:
        answer = _show_sign_in_form(here, problem=problem.message)
    here.sessions.forget_state(answer)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, here: Here, who: Actor) -> Response:
    answer = RedirectResponse("/sign-in", 303)
    here.sessions.sign_out(request, answer)
    here.store.audit.add("sign out", who.login, "dashboard")
    return answer


def _sign_in(here: Dashboard, person: Person | None, page: str) -> Response:
    answer = RedirectResponse(page, 303)
    here.sessions.add_session(answer, person)
    here.store.audit.add("sign in", person.login if person else OPERATOR, "dashboard")
    return answer


def _show_sign_in_form(here: Dashboard, page: str = "/", problem: str = "") -> Response:
    return render(
        "sign_in.html.j2",
        403 if problem else 200,
        has_github=here.sessions.github is not None,
        next=_require_page(page),
        problem=problem,
    )


def _require_page(address: str) -> str:
    return address if _PAGE.fullmatch(address) else "/"
