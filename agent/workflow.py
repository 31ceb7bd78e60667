"""The run on one screen: the order of the stages, and nothing else.

No I/O here, no clock, no chance: everything happens in a step, whose name is stable and unique
and whose result is a small record. So a durable engine can stand under `step` and repeat the
function from the top; a finished step is then remembered, not done again.
"""

from __future__ import annotations

from agent.domain import (
    Change,
    CheckReport,
    ClearedChange,
    Outcome,
    Prepared,
    Run,
    Ticket,
)
from agent.ports import Step
from agent.services import Services
from agent.stages import (
    baseline,
    checkout,
    checks,
    decide,
    edit,
    environment,
    onboard,
    plan,
    policy,
    publish,
    repair,
    review,
    triage,
)


def resolve_ticket(run: Run, step: Step, svc: Services) -> Outcome:
    """Carry one ticket to a branch that passed the checks, with the text and log that prove it.

    Raises:
        RunStopped: The run ends without a branch; the error says why.
    """
    ticket = step("read ticket", svc.forge.ticket, run)
    step("announce", svc.forge.begin, run)
    decision = step("triage", triage.decide, ticket)
    base = step("checkout", checkout.prepare, run, svc)
    contract = step("read config", checkout.contract, run, base, svc)
    if step.changed("onboarding"):
        step("onboard", onboard.settle, run, base, contract, svc)
    facts = step("clarify", plan.settle, ticket, decision, run, base, contract, svc)
    built = step("environment", environment.build, run, base, contract, svc)
    prepared = Prepared(run=run, checkout=base, contract=contract, environment=built)
    before = step("baseline", baseline.measure, prepared, svc)
    agreed = step("plan", plan.draft, decision, facts)
    change = step("edit", edit.carry_out, agreed, prepared, svc)
    cleared, after = _until_green(change, ticket, prepared, before, step, svc)
    notes = step("review", review.examine, cleared, agreed)
    compared = step("compare", checks.compare, before, after, prepared, svc)
    verdict = step("decide", decide.weigh, compared, cleared, contract)
    decided = publish.Decided(
        ticket=ticket,
        plan=agreed,
        cleared=cleared,
        after=after,
        compared=compared,
        notes=notes,
        verdict=verdict,
    )
    return step("publish", publish.open_pull_request, prepared, decided, svc)


def _until_green(
    change: Change,
    ticket: Ticket,
    prepared: Prepared,
    before: CheckReport,
    step: Step,
    svc: Services,
) -> tuple[ClearedChange, CheckReport]:
    """Policy, checks, repair; and again while repair has something new to try."""
    attempt = 1
    while True:
        cleared = step(f"policy {attempt}", policy.clear, change, ticket, prepared, svc)
        after = step(f"checks {attempt}", checks.run, cleared, before, prepared, svc)
        revised = step(f"repair {attempt}", repair.revise, cleared, before, after)
        if revised is None:
            return cleared, after
        change, attempt = revised, attempt + 1
