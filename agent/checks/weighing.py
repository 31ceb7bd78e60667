"""Have rules weigh what tools have found that base has not."""

from collections.abc import Mapping

from agent.checks import readers
from agent.checks.django_state import MIGRATE
from agent.models.change import Finding
from agent.models.checks import (
    AnyComparison,
    AnyRun,
    ApplicationRun,
    CheckReport,
    LintComparison,
    LintRun,
    PackageRun,
    Status,
    TestRun,
    split_place,
)
from agent.models.record import replace
from agent.policy import (
    application,
    fastapi_auth,
    gate_files,
    handlers,
    levels,
    new_dependencies,
    operations,
    ruff_contract,
    test_changes,
)
from agent.text.check_summary import is_of_tests
from repo_config.schema import RepoConfig


def weigh_comparisons(
    compared: tuple[AnyComparison, ...],
    base: CheckReport,
    head: CheckReport,
    config: RepoConfig,
    tools: Mapping[str, str],
) -> tuple[AnyComparison, ...]:
    """Replace findings of some tools by those of rules, and add them to what others measure.

    Args:
        tools: The known tools that checks are, by the names of the checks.
    """
    weighed = []
    for check in compared:
        after, before = head.result(check.name), base.result(check.name)
        found = check
        if isinstance(found, LintComparison) and tools.get(check.name) in readers.FORMATTERS:
            found = _drop_unformatted(found, before)
        if not isinstance(found, LintComparison):
            pass
        elif check.name == ruff_contract.CHECK:
            problems = ruff_contract.find_problems(found.new_failures, config)
            found = _replace_failures(found, levels.apply_levels(problems, config))
        elif check.name == MIGRATE.name and isinstance(after, LintRun):
            tried = levels.apply_levels(operations.find_trial_problems(after), config)
            # It only adds to what the other checks say.
            notes = (item.text for item in after.items if item.outcome != "finding")
            why = after.reason or next(notes, "")
            verdict = Status.UNMEASURABLE if why else Status.PASSED
            found = replace(found, findings=tried, new_failures=(), verdict=verdict, reason=why)
        elif found.new_failures and isinstance(after, LintRun) and after.settings_of_base:
            problems = gate_files.find_by_base_settings(found.new_failures)
            found = _replace_failures(found, levels.apply_levels(problems, config))
        more: list[Finding] = []
        if isinstance(before, TestRun) and isinstance(after, TestRun) and is_of_tests(check):
            more += test_changes.find_problems(check, before, after)
        if isinstance(before, ApplicationRun) and isinstance(after, ApplicationRun):
            is_needed = handlers.is_asked(config) or head.result(MIGRATE.name) is not None
            found, differing = _weigh_application(found, before, after, config, is_needed=is_needed)
            more += differing
        if isinstance(after, PackageRun):
            more += new_dependencies.find_package_problems(after.added_packages)
        findings = (*found.findings, *levels.apply_levels(more, config))
        weighed.append(replace(found, findings=findings))
    return tuple(weighed)


def _weigh_application(
    found: AnyComparison,
    before: ApplicationRun,
    after: ApplicationRun,
    config: RepoConfig,
    *,
    is_needed: bool,
) -> tuple[AnyComparison, list[Finding]]:
    """Compare what both sides have once they have started; where one does not, it is no failure.

    Args:
        is_needed: Whether rules have to know: of new migrations, or by the configuration.
    """
    if before.facts is None or after.facts is None:
        reason = before.reason or after.reason
        parts = "its routes, settings, receivers and migrations were not compared"
        said = f"{reason.rstrip('.')}; {parts}"
        is_new = before.facts is not None
        problems = [application.explain_unknown(said)] if is_new or is_needed else []
        return replace(found, verdict=Status.UNMEASURABLE, reason=said), problems
    sides = before.facts, after.facts
    return found, [
        *handlers.find_problems(config, *sides),
        *fastapi_auth.find_problems(config.fastapi, *sides),
        *operations.find_problems(*sides),
        *application.find_problems(*sides),
    ]


def _drop_unformatted(found: LintComparison, before: AnyRun | None) -> LintComparison:
    """Drop the findings in files that base does not pass either: nobody enforces their format."""
    items = before.items if isinstance(before, LintRun) else ()
    paths = {split_place(item.place)[0] for item in items}
    left = tuple(item for item in found.new_failures if split_place(item.place)[0] not in paths)
    kept = replace(found, new_failures=left)
    return kept if left else _replace_failures(kept, ())


def _replace_failures(found: LintComparison, findings: tuple[Finding, ...]) -> LintComparison:
    # A check that fails as a whole has no findings that a rule could weigh.
    is_weighed = found.verdict is Status.FAILED and not found.reason
    verdict = Status.PASSED if is_weighed else found.verdict
    return replace(found, findings=findings, new_failures=(), verdict=verdict)
