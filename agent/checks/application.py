"""List what an application has once it has started: routes, what guards them, settings, receivers.

The answer comes from code of the repository, so it proves nothing and serves the reviewer. What a
difference between both sides means is left to `agent.policy.application`, and what an endpoint
lacks to `agent.policy.fastapi_auth`.
"""

import posixpath
from typing import Literal

from agent.checks import check, django_state, sealed
from agent.checks.sealed import Id, ReportEvent, Secret, Text
from agent.models.checks import ApplicationFact, ApplicationRun, Status
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult
from agent.policy import handlers

NAME = "application"
#: An application that takes longer to start is not compared.
_SECONDS = 120.0


class ListedFact(ReportEvent):
    kind: Id
    name: Id
    value: Id
    parts: list[Id]
    place: Text
    owner: Id
    asks: list[Id]
    status: int


class StartedApplication(ReportEvent):
    event: Literal["application"]
    facts: list[ListedFact]
    all: int
    missing: list[Id]
    """Dependencies that cannot be imported."""


class Application:
    name = NAME
    kind = ApplicationRun

    def explain_absence(self, site: check.Site) -> str:
        # What the configuration asks of it is not passed over in silence.
        return "" if handlers.is_asked(site.config) else _explain_missing(site)

    def command(self, site: check.Site) -> tuple[str, ...]:
        return ()

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        if site.project.django is not None:
            return django_state.request_django(site.limit_seconds(_SECONDS), secret, NAME)
        module, _, name = (site.project.fastapi_app or "").partition(":")
        root = posixpath.join(SANDBOX_TREE, site.project.root).rstrip("/")
        return check.request_script(
            site,
            secret,
            ("mergewright_application.py",),
            limits=site.limit_seconds(_SECONDS).limits,
            options={
                "modules": [module] if module else site.project.app_modules,
                "app_name": name,
                # A folder that is not there is passed over.
                "python_path": [posixpath.join(root, "src"), root],
                "dependencies": sorted({entry.dependency for entry in site.config.fastapi.auth}),
            },
        )

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> ApplicationRun:
        report = sealed.read_report(result, secret, (StartedApplication,))
        listed = report.first(StartedApplication)
        reason = _find_problem(site, report, listed)
        # An application that does not start is as it is, and is not started again for each run.
        status = Status.FAILED if reason else Status.PASSED
        found = check.make_result(self, site, result, status, reason)
        if reason or listed is None:
            return found
        facts = (
            ApplicationFact.model_validate(one.model_dump(), strict=False) for one in listed.facts
        )
        return replace(found, facts=tuple(facts))


def _explain_missing(site: check.Site) -> str:
    if site.project.django is not None:
        return site.project.django.missing.rstrip(".")
    is_found = site.project.app_modules or site.project.fastapi_app
    return "" if is_found else "no application of Django, FastAPI, Starlette or Flask was found"


def _find_problem(
    site: check.Site, report: sealed.SealedReport, listed: StartedApplication | None
) -> str:
    """Say why nothing is known of the application; "" where it is."""
    if site.project.fastapi_app is None and site.config.fastapi.auth:
        return "found no FastAPI application, or several; set fastapi.app"
    if missing := _explain_missing(site):
        return missing
    if (broken := report.first(sealed.BrokenEvent)) is not None:
        return f"the application could not be started: {broken.words}"
    if report.problem or listed is None:
        return report.problem or "nothing was reported"
    if listed.missing:
        return f"{', '.join(listed.missing)} in fastapi.auth cannot be imported"
    if listed.all != len(listed.facts):
        return f"it has {listed.all:,} routes, settings and receivers, which is too many"
    return ""
