"""Run Django's own checks of a project: missing migrations and the system check."""

import posixpath
from dataclasses import dataclass
from typing import Literal

from agent.checks import check, report
from agent.checks.check import Site
from agent.checks.report import BrokenEvent, Id, ReportEvent, Text
from agent.models.checks import CheckItem, LintRun, Status
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult


class Item(ReportEvent):
    item_id: Id
    outcome: Literal["finding", "warning"]
    text: Text
    place: Text


class DjangoAnswer(ReportEvent):
    """The result of one of Django's checks."""

    event: Literal["django"]
    items: list[Item]


@dataclass(frozen=True)
class DjangoState:
    """A check by Django itself, in the process that the project's manage.py starts."""

    name: str
    arguments: tuple[str, ...]
    """Arguments of manage.py; the first is the job of our script."""
    kind = LintRun

    def explain_absence(self, site: Site) -> str:
        if site.config.checks.makemigrations == "off":
            return "checks.makemigrations is off"
        return site.project.django.missing.rstrip(".") if site.project.django else ""

    def command(self, site: Site) -> tuple[str, ...]:
        django = site.project.django
        if django is not None and django.manage:
            return ("python", django.manage, *self.arguments)
        settings = site.settings_module
        more = (f"--settings={settings}",) if settings else ()
        return ("python", "-m", "django", *self.arguments, *more)

    def make_request(self, site: Site) -> SandboxRequest:
        return request_django(site, self.arguments[0])

    def read_result(self, site: Site, result: SandboxResult) -> LintRun:
        events = report.read_report(result, (DjangoAnswer,))
        answer, broken = events.first(DjangoAnswer), events.first(BrokenEvent)
        items = tuple(CheckItem(**dict(item)) for item in (answer.items if answer else ()))
        is_red = any(item.outcome == "finding" for item in items)
        status, reason = Status.FAILED if is_red else Status.PASSED, events.problem
        if broken and not reason and result.exit_code:
            status, reason = Status.FAILED, f"Django could not answer: {broken.words}"
        elif answer is None or reason:
            status, reason = Status.UNVERIFIED, reason or "there was no output"
        elif result.exit_code != int(is_red):
            status = Status.UNVERIFIED
            reason = f"the report contradicts exit code {result.exit_code}"
        return replace(check.make_result(self, site, result, status, reason), items=items)


def request_django(site: Site, job: str, **options: object) -> SandboxRequest:
    """Compose the request for a job of our script, in place of manage.py's command."""
    django = site.project.django
    if django is None:
        raise ValueError("not a Django project")
    folder = posixpath.dirname(django.manage) if django.manage else site.project.root
    paths = [posixpath.join(SANDBOX_TREE, path).rstrip("/") for path in django.python_path]
    order = check.request_script(
        site,
        ("mergewright_migrations.py", job),
        site.tool_limits(),
        {
            "manage": posixpath.basename(django.manage) if django.manage else "",
            "settings": site.settings_module or "",
            "python_path": paths,
            **options,
        },
    )
    return replace(order, directory=posixpath.join(SANDBOX_TREE, folder))


MAKEMIGRATIONS = DjangoState("makemigrations", ("makemigrations", "--check", "--dry-run"))
DJANGO_CHECK = DjangoState("django check", ("check",))
