"""Describe a measured base commit."""

import shlex
from collections import Counter

from agent.desk import Desk
from agent.editing.preparation import plan_gate_seconds
from agent.models.base_report import BaseCheck, BaseReport
from agent.models.checks import AnyRun, CheckReport, LintRun, Status, TestRun, split_place
from agent.models.environment import Contract, Prepared
from agent.setup import proposal
from agent.text import failures
from agent.text.check_summary import describe_outcomes, format_count

_MOST_CAUSES = 5
_RED = ("failed", "error", "finding")


def describe_base(
    prepared: Prepared, baseline: CheckReport, original: Contract, desk: Desk
) -> BaseReport:
    """Describe a measured base commit; `original`: the contract before the search for a set-up."""
    environment, config = prepared.environment, prepared.contract.config
    tree, changed = desk.open_base(prepared), proposal.find_difference(original.config, config)
    ran = [result for result in baseline.results if result.status is not Status.ABSENT]
    return BaseReport(
        commit=baseline.commit,
        branch=prepared.checkout.base_branch,
        config_file=original.source,
        set_up=environment.why or ("As configured." if original.config.setup else "By a template."),
        python=environment.interpreter.version,
        setup=environment.sources,
        setup_seconds=round(environment.seconds, 1),
        packages=len(environment.packages),
        system_packages=config.python.system_packages,
        services=tuple(service.title for service in environment.services),
        hosts=environment.hosts,
        left_out=environment.left_out,
        checks=tuple(map(_describe_check, ran)),
        attempt_seconds=round(plan_gate_seconds(baseline, float("inf")), 1),
        minutes=desk.budget.find_minutes(config, desk.facts.suite_seconds),
        usd=desk.budget.find_usd(config),
        unrun=prepared.contract.project.unrun,
        absent=prepared.contract.project.absent,
        configuration=proposal.complete(
            tree, original.config, changed, is_new=original.source is None
        ),
    )


def _describe_check(result: AnyRun) -> BaseCheck:
    items = result.items if isinstance(result, TestRun | LintRun) else ()
    failing = [item for item in items if item.outcome in _RED]
    files = Counter(split_place(item.place)[0] or item.item_id for item in failing)
    names = [f"{name} ({count:,})" for name, count in files.most_common()]
    counts = format_count(len(failing), "finding") if failing else ""
    kinds = failures.group_failures(result) if isinstance(result, TestRun) else []
    if isinstance(result, TestRun):
        counts, names = describe_outcomes(result), [item.item_id for item in failing]
    return BaseCheck(
        name=result.name,
        command=shlex.join(result.command),
        result=result.status,
        counts=counts,
        reason=result.reason,
        failing=tuple(names),
        failing_count=len(failing),
        causes=tuple(map(failures.count_error, kinds[:_MOST_CAUSES])),
        seconds=round(result.seconds, 1),
    )
