"""List the endpoints of a FastAPI application and their dependencies, as it reports them itself.

The answer comes from code of the repository, so it proves nothing and serves the reviewer. It is
asked for where `fastapi.auth` needs it; then an application that does not answer is unverified.
What an endpoint lacks is left to `agent.policy.contract.fastapi_auth`.
"""

import posixpath
from typing import Literal

from agent.checks import check, sealed
from agent.checks.sealed import Id, ReportEvent, Secret, Text
from agent.models.checks import Endpoint, EndpointRun, Status
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult

NAME = "endpoints"


class ListedEndpoint(ReportEvent):
    """A function that answers a URL."""

    methods: Id
    path: Id
    function: Id
    place: Text
    asks: list[Id]
    status: int


class Endpoints(ReportEvent):
    event: Literal["endpoints"]
    endpoints: list[ListedEndpoint]
    all: int
    missing: list[Id]
    """Dependencies that cannot be imported."""


class FastapiEndpoints:
    """The endpoints of the application, with what they depend on."""

    name = NAME
    kind = EndpointRun

    def explain_absence(self, site: check.Site) -> str:
        if site.config.rules.get("fastapi-auth") == "off":
            return "the rule fastapi-auth is off"
        return "" if site.config.fastapi.auth else "fastapi.auth is not set"

    def command(self, site: check.Site) -> tuple[str, ...]:
        module, _, name = (site.project.fastapi_app or "").partition(":")
        program = f"import {module} as m; print(*m.{name}.routes, sep='\\n')"
        return (*(site.command_prefix or ("env",)), "PYTHONPATH=src", "python", "-c", program)

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        module, _, name = (site.project.fastapi_app or "").partition(":")
        root = posixpath.join(SANDBOX_TREE, site.project.root).rstrip("/")
        return check.request_script(
            site,
            secret,
            ("mergewright_endpoints.py",),
            limits=site.tool_limits(),
            options={
                "app_module": module,
                "app_name": name,
                # A folder that is not there is passed over.
                "python_path": [posixpath.join(root, "src"), root],
                "dependencies": sorted({entry.dependency for entry in site.config.fastapi.auth}),
            },
        )

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> EndpointRun:
        report = sealed.read_report(result, secret, (Endpoints,))
        listed = report.first(Endpoints)
        reason = _find_problem(site, report, listed)
        status = Status.UNVERIFIED if reason else Status.PASSED
        found = check.make_result(self, site, result, status, reason)
        if reason or listed is None:
            return found
        endpoints = tuple(
            Endpoint(**endpoint.model_dump(exclude={"asks"}), asks=tuple(endpoint.asks))
            for endpoint in listed.endpoints
        )
        return found.model_copy(update={"endpoints": endpoints})


def _find_problem(site: check.Site, report: sealed.SealedReport, listed: Endpoints | None) -> str:
    """Say why the endpoints are not known; "" where they are."""
    if site.project.fastapi_app is None:
        return "found no FastAPI application, or several; set fastapi.app"
    if (broken := report.first(sealed.BrokenEvent)) is not None:
        return f"the application cannot be started: {broken.words}"
    if report.problem or listed is None:
        return report.problem or "nothing was reported"
    if listed.missing:
        return f"{', '.join(listed.missing)} in fastapi.auth cannot be imported"
    if listed.all != len(listed.endpoints):
        return f"it has {listed.all:,} endpoints, which is too many"
    return ""
