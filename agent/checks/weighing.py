"""Have rules weigh what tools have found that base has not."""

from collections.abc import Iterable, Mapping

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
from agent.policy import application, levels, ruff_contract, ruff_rules, test_changes, tool_rules
from agent.policy.contract import added_packages, fastapi_auth, handlers
from agent.policy.integrity import suppressions
from agent.policy.migrations import on_rows, operations
from agent.policy.rule import Rule
from agent.text.check_summary import is_of_tests
from repo_config.schema import RepoConfig

_OF_APPLICATIONS = (
    *handlers.OF_HANDLERS,
    *fastapi_auth.OF_ENDPOINTS,
    *operations.OF_MIGRATIONS,
    *application.OF_APPLICATIONS,
)


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

    def apply_levels(found: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
        return tuple(levels.apply_levels(iter(found), rules, config))

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
            found = _replace_failures(found, apply_levels(problems, ruff_rules.RULES))
        elif check.name == MIGRATE.name and isinstance(after, LintRun):
            tried = apply_levels(on_rows.find_problems(after), (on_rows.ON_ROWS,))
            # It only adds to what the other checks say.
            notes = (item.text for item in after.items if item.outcome != "finding")
            why = after.reason or next(notes, "")
            verdict = Status.UNMEASURABLE if why else Status.PASSED
            update = {"findings": tried, "new_failures": (), "verdict": verdict, "reason": why}
            found = found.model_copy(update=update)
        elif found.new_failures and isinstance(after, LintRun) and after.settings_of_base:
            problems = tool_rules.find_problems(found.new_failures)
            found = _replace_failures(found, apply_levels(problems, (tool_rules.OTHER_SETTINGS,)))
        more: tuple[Finding, ...] = ()
        if isinstance(before, TestRun) and isinstance(after, TestRun) and is_of_tests(check):
            changed = test_changes.find_problems(check, before, after)
            more += apply_levels(changed, test_changes.OF_TESTS)
        if isinstance(before, ApplicationRun) and isinstance(after, ApplicationRun):
            is_needed = handlers.is_asked(config) or head.result(MIGRATE.name) is not None
            found, differing = _weigh_application(found, before, after, config, is_needed=is_needed)
            more += apply_levels(differing, _OF_APPLICATIONS)
        if after is not None and after.silenced:
            problems = suppressions.find_silenced(after.silenced)
            more += apply_levels(problems, suppressions.RULES)
        if isinstance(after, PackageRun):
            of_packages = added_packages.find_package_problems(after.added_packages)
            more += apply_levels(of_packages, added_packages.OF_PACKAGES)
        weighed.append(found.model_copy(update={"findings": (*found.findings, *more)}))
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
        return found.model_copy(update={"verdict": Status.UNMEASURABLE, "reason": said}), problems
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
    kept = found.model_copy(update={"new_failures": left})
    return kept if left else _replace_failures(kept, ())


def _replace_failures(found: LintComparison, findings: tuple[Finding, ...]) -> LintComparison:
    # A check that fails as a whole has no findings that a rule could weigh.
    is_weighed = found.verdict is Status.FAILED and not found.reason
    verdict = Status.PASSED if is_weighed else found.verdict
    update = {"findings": findings, "new_failures": (), "verdict": verdict}
    return found.model_copy(update=update)
