"""Django's own questions about a project: missing migrations, conflicts, system check.

The answers are believed only when Django, asked in the same process, also found models and fields
that have no migration and an error that must be found.
"""

from __future__ import annotations

import posixpath
from typing import Literal

from agent.checks import check, sealed, suite
from agent.checks.comparison import REPLACED
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult


class Item(Event):
    """One message of Django."""

    id: Id
    text: Text = ""
    fails: bool = True


class Migrations(Event):
    """What `makemigrations --check` sees."""

    event: Literal["migrations"]
    items: list[Item]
    conflicts: bool
    migrated: list[Text]
    probed: list[Text]
    """Models and fields that were added, and fields that were altered, by app or model."""
    found: list[Text]
    """Those of them that were seen."""
    switched_off: list[Text]


class SystemCheck(Event):
    """The answer of `check`."""

    event: Literal["system_check"]
    items: list[Item]
    seen: bool
    """Whether the error that must be found was."""
    asked: list[Text]
    """Which of our two functions were called."""


class Replaced(Event):
    """What of Django's own functions and classes is another's."""

    event: Literal["replaced"]
    parts: list[Id]
    """Full names, each with a digest."""


class _DjangoState:
    """What both questions share: how the project is entered."""

    job: str

    def explain_absence(self, site: check.Site) -> str:
        if site.config.checks.makemigrations == "off":
            return "checks.makemigrations is off"
        if site.project.django is None:
            return "not a Django project"
        return site.project.django.missing.rstrip(".")

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        django = site.project.django
        if django is None:
            raise ValueError("not a Django project")
        folder = posixpath.dirname(django.manage) if django.manage else site.project.root
        order = check.request_script(
            site,
            secret,
            ("mergewright_migrations.py", self.job),
            limits=site.tool_limits(),
            options={
                "manage": posixpath.basename(django.manage) if django.manage else "",
                "settings": django.settings_module or "",
                "python_path": [
                    posixpath.join(SANDBOX_TREE, path).rstrip("/") for path in django.python_path
                ],
            },
        )
        return order.model_copy(update={"directory": posixpath.join(SANDBOX_TREE, folder)})


def _make_manage_command(site: check.Site, *arguments: str) -> tuple[str, ...]:
    django = site.project.django
    if django is not None and django.manage:
        return ("python", django.manage, *arguments)
    settings = django.settings_module if django else None
    more = (f"--settings={settings}",) if settings else ()
    return ("python", "-m", "django", *arguments, *more)


class Makemigrations(_DjangoState):
    """`makemigrations --check --dry-run`."""

    name = "makemigrations"
    job = "makemigrations"

    def command(self, site: check.Site) -> tuple[str, ...]:
        return _make_manage_command(site, "makemigrations", "--check", "--dry-run")

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        report = sealed.read_report(result, secret, (Migrations, Replaced))
        answer = report.first(Migrations)
        if answer is None:
            return _nothing_said(self, site, report, result)
        problem = report.problem or _migrations_problem(answer)
        found = _result(self, site, result, answer.items, problem, _migrations_note(answer))
        return _with_replaced(found, report)


class DjangoCheck(_DjangoState):
    """Django's system check framework."""

    name = "django check"
    job = "check"

    def command(self, site: check.Site) -> tuple[str, ...]:
        return _make_manage_command(site, "check")

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        report = sealed.read_report(result, secret, (SystemCheck, Replaced))
        answer = report.first(SystemCheck)
        if answer is None:
            return _nothing_said(self, site, report, result)
        problem = report.problem
        if answer.asked != ["fails", "passes"] or not answer.seen:
            problem = "an error that the system check must report was not reported"
        return _with_replaced(_result(self, site, result, answer.items, problem, ""), report)


def _migrations_problem(answer: Migrations) -> str:
    if answer.conflicts:
        # Django's own command goes no further either.
        return "" if answer.items else "conflicts without names"
    if not answer.migrated:
        return ""
    if not answer.probed or set(answer.found) != set(answer.probed):
        missed = sorted(set(answer.probed) - set(answer.found)) or ["a new model in any app"]
        return f"a difference that was made on purpose was not noticed: {missed[0]}"
    return ""


def _migrations_note(answer: Migrations) -> str:
    return "" if answer.migrated else "no installed app has migrations"


def _result(
    asked: check.Check,
    site: check.Site,
    result: SandboxResult,
    items: list[Item],
    problem: str,
    absent: str,
) -> CheckResult:
    failing = any(item.fails for item in items)
    if not problem and result.exit_code != int(failing):
        problem = f"the report does not fit exit code {result.exit_code}"
    status = Status.FAILED if failing else Status.PASSED
    if problem:
        status = Status.UNVERIFIED
    elif absent:
        status = Status.ABSENT
    listed = tuple(
        CheckItem(item_id=item.id, outcome="finding" if item.fails else "warning", text=item.text)
        for item in items
    )
    return check.make_result(
        asked,
        site,
        result,
        status,
        problem or absent,
        limit=check.explain_limit(result, site.tool_limits(), "the check was"),
        items=listed,
        output=suite.shorten_output(result.output),
    )


def _with_replaced(found: CheckResult, report: sealed.Report) -> CheckResult:
    """Add what of Django was replaced; whether base has the same is left to the comparison."""
    answer = report.first(Replaced)
    items = tuple(
        CheckItem(item_id=part, outcome=REPLACED) for part in (answer.parts if answer else ())
    )
    return found.model_copy(update={"items": (*found.items, *items)})


def _nothing_said(
    asked: check.Check, site: check.Site, report: sealed.Report, result: SandboxResult
) -> CheckResult:
    """Tell a project that cannot be entered from one that hides the answer."""
    limit = check.explain_limit(result, site.tool_limits(), "the check was")
    broken = report.first(sealed.Broken)
    if broken is not None and not report.problem and result.exit_code != 0:
        place = f" ({broken.place})" if broken.place else ""
        limit = limit or f"Django could not answer: {broken.text}{place}"
    found = check.make_unverified(
        asked, site, result, limit or report.problem or "nothing was said"
    )
    if not limit:
        return found
    return found.model_copy(update={"status": Status.FAILED})
