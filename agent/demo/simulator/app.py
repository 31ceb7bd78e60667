"""All routes together: the API, GraphQL, git, set-up, and the pages."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import Scope

from agent.demo.simulator import (
    blobs,
    control,
    git_http,
    graphql_api,
    operations,
    pages,
    registration,
)
from agent.demo.simulator.gateway import Gateway
from agent.demo.simulator.routes import (
    apps,
    checks,
    comments,
    git_data,
    issues,
    labels,
    pulls,
    repositories,
    reviews,
    statuses,
    users,
    workflows,
)
from agent.demo.simulator.world import SetupError, World

AREAS = [
    apps.api,
    users.api,
    comments.api,
    labels.api,
    issues.api,
    reviews.api,
    pulls.api,
    checks.api,
    statuses.api,
    workflows.api,
    git_data.api,
    repositories.api,
]
"""In the order in which paths are tried: the longer of two that could both fit comes first."""


def _cannot_close(scope: Scope) -> None:
    """Do nothing: a test client has no connection that could be closed."""


def create_app(world: World, *, close: Callable[[Scope], None] = _cannot_close) -> FastAPI:
    """Make the server's application.

    Args:
        world: The state it shows and changes.
        close: Closes the connection of a request, for faults that need it.
    """
    app = FastAPI(title="Simulated GitHub", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(control.router(world))
    app.include_router(graphql_api.router(world))
    app.include_router(operations.router(world, AREAS))
    app.include_router(git_http.router(world))
    app.include_router(registration.router(world))
    app.include_router(blobs.router(world))
    app.include_router(pages.router(world))
    app.add_exception_handler(SetupError, control.answer_setup_error)
    app.add_middleware(Gateway, world=world, close=close)
    return app
