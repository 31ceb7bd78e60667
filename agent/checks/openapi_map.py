"""What a FastAPI application offers to callers, as its own OpenAPI document says it.

The document is made by code of the repository, so it proves nothing: it is compared between base
and head for the reviewer, and no verdict hangs on it. An application that does not start says
nothing on that side; where it did on base, that is a failure of the change. The URLs of a Django
project are listed by `django_state`, whose room has entered the project anyway; what a difference
weighs is left to `agent.policy.url_map`.
"""

from __future__ import annotations

import posixpath
from typing import Literal

from agent.checks import check, scripts, sealed, suite
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import CheckResult, Route, Status
from agent.models.sandbox import ROOM_TREE, RoomOrder, RoomResult

#: Rules that weigh a difference; where all are off, nothing is asked.
_RULES = ("url-map", "url-map-new")


class Listed(Event):
    """One way in."""

    name: Id
    gives: list[Id]
    needs: list[Id]
    place: Text = ""


class Routes(Event):
    """All of them, or as many as are looked at."""

    event: Literal["routes"]
    routes: list[Listed]
    all: int


def read(said: Routes | None) -> tuple[Route, ...]:
    """Take over what was listed; nothing where that is not all, since no gap could be told."""
    if said is None or said.all != len(said.routes):
        return ()
    return tuple(
        Route(name=one.name, gives=tuple(one.gives), needs=tuple(one.needs), place=one.place)
        for one in said.routes
    )


class OpenapiMap:
    """`app.openapi()`, on each side."""

    name = "openapi"

    def absent(self, site: check.Site) -> str:
        """Say why the application is not asked."""
        if all(site.config.rules.get(rule) == "off" for rule in _RULES):
            return "the rules of the URL map are off"
        if site.project.fastapi_app is None:
            return "no FastAPI application was found, or several; fastapi.app names one"
        return ""

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        module, _, name = (site.project.fastapi_app or "").partition(":")
        program = f"import json, {module} as m; print(json.dumps(m.{name}.openapi(), indent=1))"
        root, below = site.project.root, site.project.fastapi_path
        folder = ("-C", root) if root else ()
        path = (f"PYTHONPATH={below}",) if below else ()
        start = ("env", *folder, *path) if folder or path else ()
        return (*start, "python", "-c", program)

    def order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Ask the application for its document."""
        module, _, name = (site.project.fastapi_app or "").partition(":")
        root = posixpath.join(ROOM_TREE, site.project.root).rstrip("/")
        below = site.project.fastapi_path
        return scripts.order(
            site,
            secret,
            ("mergewright_routes.py",),
            limits=site.tool_limits(),
            told={
                "app_module": module,
                "app_name": name,
                "python_path": [posixpath.join(root, below), root] if below else [root],
            },
            collect=(secret.report,),
        )

    def judge(self, site: check.Site, secret: Secret, result: RoomResult) -> CheckResult:
        """Take over the operations; an application that says nothing is as good as none."""
        report = sealed.read(result, secret, (Routes,))
        said = report.first(Routes)
        broken = report.first(sealed.Broken)
        reason = check.limit_reached(result, site.tool_limits(), "the application was")
        if broken is not None:
            place = f" ({broken.place})" if broken.place else ""
            reason = reason or f"the application cannot be started: {broken.text}{place}"
        elif said is None or report.problem:
            reason = reason or report.problem or "nothing was said"
        return CheckResult(
            name=self.name,
            status=Status.ABSENT if reason else Status.PASSED,
            routes=() if reason else read(said),
            exit_code=result.exit_code,
            seconds=result.seconds,
            command=self.command(site),
            reason=reason,
            output=suite.output(result),
        )
