"""What a FastAPI application offers to callers, and what endpoints depend on, as it says itself.

That is told by code of the repository, so it proves nothing: it is compared between base and head
for the reviewer, and no verdict hangs on it. An application that does not start says nothing on
that side; where it did on base, that is a failure of the change. Where `fastapi.auth` needs its
answer, its silence cannot be passed over either. The URLs of a Django project are listed by
`django_state`, whose sandbox has entered the project anyway; what a difference weighs is left to
`agent.policy.url_map`, what endpoints lack to `agent.policy.contract.fastapi_auth`.
"""

from __future__ import annotations

import posixpath
from typing import Literal

from agent.checks import check, scripts, sealed, suite
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import CheckResult, Endpoint, Route, Status
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult

#: Rules that weigh a difference; where all are off, nothing is asked.
_RULES = ("url-map", "url-map-new")
_NOT_FOUND = "no FastAPI application was found, or several; fastapi.app names one"


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


class ListedEndpoint(Event):
    """A function that answers a URL."""

    methods: Id
    path: Id
    function: Id
    place: Text
    asks: list[Id]


class Endpoints(Event):
    """All of them, or as many as are looked at."""

    event: Literal["endpoints"]
    endpoints: list[ListedEndpoint]
    all: int
    missing: list[Id]
    """Dependencies that are nowhere."""


def read_routes(said: Routes | None) -> tuple[Route, ...]:
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

    def explain_absence(self, site: check.Site) -> str:
        """Say why the application is not asked."""
        if _dependencies(site):
            return ""
        if all(site.config.rules.get(rule) == "off" for rule in _RULES):
            return "the rules of the URL map are off"
        return "" if site.project.fastapi_app else _NOT_FOUND

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        module, _, name = (site.project.fastapi_app or "").partition(":")
        program = f"import json, {module} as m; print(json.dumps(m.{name}.openapi(), indent=1))"
        root, below = site.project.root, site.project.fastapi_path
        folder = ("-C", root) if root else ()
        path = (f"PYTHONPATH={below}",) if below else ()
        start = ("env", *folder, *path) if folder or path else ()
        return (*start, "python", "-c", program)

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        """Ask the application for its document."""
        module, _, name = (site.project.fastapi_app or "").partition(":")
        root = posixpath.join(SANDBOX_TREE, site.project.root).rstrip("/")
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
                "dependencies": _dependencies(site),
            },
            collect=(secret.report,),
        )

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        """Take over what is listed; without `fastapi.auth`, silence is as good as none."""
        report = sealed.read_report(result, secret, (Routes, Endpoints))
        reason = check.limit_reached(result, site.tool_limits(), "the application was")
        reason = reason or _find_problem(site, report)
        silent = Status.UNVERIFIED if _dependencies(site) else Status.ABSENT
        return CheckResult(
            name=self.name,
            status=silent if reason else Status.PASSED,
            routes=() if reason else read_routes(report.first(Routes)),
            endpoints=None if reason else _read_endpoints(report.first(Endpoints)),
            exit_code=result.exit_code,
            seconds=result.seconds,
            command=self.command(site),
            reason=reason,
            output=suite.output(result),
        )


def _dependencies(site: check.Site) -> list[str]:
    """List the dependencies that are looked for."""
    if site.config.rules.get("fastapi-auth") == "off":
        return []
    return sorted({entry.dependency for entry in site.config.fastapi.auth})


def _find_problem(site: check.Site, report: sealed.Report) -> str:
    """Say why nothing is known; "" where it is."""
    if site.project.fastapi_app is None:
        return _NOT_FOUND
    if (broken := report.first(sealed.Broken)) is not None:
        place = f" ({broken.place})" if broken.place else ""
        return f"the application cannot be started: {broken.text}{place}"
    said = report.first(Endpoints)
    if report.problem or report.first(Routes) is None or (_dependencies(site) and said is None):
        return report.problem or "nothing was said"
    if said is not None and said.missing:
        return f"fastapi.auth names {', '.join(said.missing)}, which cannot be imported"
    if said is not None and said.all != len(said.endpoints):
        return f"it has {said.all:,} endpoints, which are too many"
    return ""


def _read_endpoints(said: Endpoints | None) -> tuple[Endpoint, ...] | None:
    if said is None:
        return None
    return tuple(
        Endpoint(**one.model_dump(exclude={"asks"}), asks=tuple(one.asks)) for one in said.endpoints
    )
