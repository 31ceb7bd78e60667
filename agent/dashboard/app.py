"""The dashboard's application: its pages, security headers and errors."""

from functools import partial
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from agent import limits, secret_values, settings
from agent.dashboard import backtest_page, overview_pages, pages, runs_pages, sign_in_pages
from agent.dashboard.access import ActionRefused, Dashboard, PageMissing, SignInNeeded, SignIns
from agent.dashboard.github_people import GithubPeople
from agent.errors import AgentError
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import health
from agent.telemetry.signature import PUBLIC_FILE
from agent.telemetry.web_server import PLAIN

_log = structlog.get_logger()


def create_app(loaded: Settings, store: SqlRunStore, address: str) -> FastAPI:
    """Make the application at an address without a slash at its end. Raises SettingsInvalid."""
    app = FastAPI(**PLAIN)
    app.state.dashboard = Dashboard(
        home=loaded.home,
        store=store,
        sessions=SignIns(
            _make_github(loaded, address),
            address,
            lambda repository: limits.load_limits(loaded).find_starters(repository),
        ),
    )
    for part in (sign_in_pages, overview_pages, runs_pages, backtest_page):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(packages=[("agent.dashboard", "static")]))
    health.add_routes(app, partial(read_readiness, store))

    @app.get("/.well-known/mergewright.pub")
    def get_public_key() -> Response:
        try:
            return PlainTextResponse((loaded.home / PUBLIC_FILE).read_text())
        except OSError:
            raise PageMissing from None

    app.add_exception_handler(SignInNeeded, _ask_to_sign_in)
    for problem in (
        PageMissing, ActionRefused, AgentError, HTTPException, RequestValidationError, Exception,
    ):  # fmt: skip
        app.add_exception_handler(problem, _explain)
    app.middleware("http")(_add_headers)
    # Stronger compression would take longer than the network saves by it.
    app.add_middleware(GZipMiddleware, compresslevel=4)
    return app


async def read_readiness(store: SqlRunStore) -> health.Readiness:
    """Check that pages can be read; the cause of a failure is only logged: the route is public."""
    if failure := await health.find_failure(store.pauses.find):
        _log.error("the database cannot be read", problem=failure)
        return health.make_readiness("The database cannot be read. See the log.")
    return health.make_readiness(None)


def _make_github(loaded: Settings, address: str) -> GithubPeople | None:
    name = "github_client_secret"
    read = partial(secret_values.read_secret, loaded, name)
    secret = secret_values.RotatingSecret(loaded, name, read)
    if loaded.github_client_id is None or secret() is None:
        return None
    website = settings.find_website(loaded.github_url)
    return GithubPeople(loaded.github_url, website, loaded.github_client_id, secret, address)


async def _ask_to_sign_in(request: Request, problem: Exception) -> Response:
    if request.method != "GET":
        words = "You are not signed in any more. Sign in, then try again."
        return pages.render("problem.html.j2", 401, title="Not signed in", words=words)
    query = f"?{request.url.query}" if request.url.query else ""
    back_to = quote(f"{request.url.path}{query}", safe="")
    return RedirectResponse(f"/sign-in?next={back_to}", 303)


async def _explain(request: Request, problem: Exception) -> Response:
    """Return a page about an error; missing and forbidden pages have the same text."""
    match problem:
        case ActionRefused():
            status, title, words = 409, "This is not possible", str(problem)
        case AgentError():
            _log.warning("a page failed", path=request.url.path, problem=problem.message)
            status, title, words = 503, "Not available now", problem.message
        case RequestValidationError():
            # The first part of `loc` is the kind of the parameter, the second its name.
            wrong = "; ".join(f"{error['loc'][1]}: {error['msg']}" for error in problem.errors())
            status, title, words = 400, "Invalid address", f"{wrong}. Correct the address."
        case PageMissing() | HTTPException(status_code=404):
            status, title = 404, "Page not found"
            words = "This page does not exist, or you have no access to it."
        case HTTPException(status_code=code, detail=detail):
            status, title, words = code, "Invalid request", f"{detail}."
        case _:
            status, title = 500, "The dashboard failed"
            words = "The page could not be made. The dashboard's log says why."
    page = pages.render("problem.html.j2", status, title=title, words=words)
    # The response to an unexpected error does not pass through `_add_headers`.
    page.headers.update(pages.HEADERS)
    return page


async def _add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Add security headers to every response; files of ours may be stored for an hour."""
    response = await call_next(request)
    response.headers.update(pages.HEADERS)
    if request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "max-age=3600"
    return response
