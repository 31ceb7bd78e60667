"""Render the text that goes with a result: facts first, from records only."""

from __future__ import annotations

import shlex

import jinja2

from agent import cleaning, telemetry
from agent.domain import (
    CheckReport,
    Comparison,
    Finding,
    Outcome,
    Prepared,
    Record,
    ReviewNotes,
    Status,
    Ticket,
    Verdict,
)

_LOG_LIMIT = 20_000
_LISTED = 10


class Evidence(Record):
    """What a decided run can show; every field comes from a step's result."""

    prepared: Prepared
    ticket: Ticket
    title: str
    steps: tuple[str, ...]
    """What was planned, in words."""
    notes: tuple[str, ...]
    """What was done, in words."""
    paths: tuple[str, ...]
    diff: str
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    after: CheckReport
    review: ReviewNotes
    verdict: Verdict
    branch: str | None
    commit: str | None
    log_path: str


def pull_request(evidence: Evidence) -> str:
    """Render the pull-request text of a run whose change passed."""
    return _render("pull_request.md.j2", evidence)


def withheld(evidence: Evidence) -> str:
    """Render the text of a run whose change did not pass: failing check, tests, log."""
    return _render("withheld.md.j2", evidence)


def stopped(outcome: Outcome, ticket: Ticket | None, log_path: str) -> str:
    """Render the text of a run that ended before a change could be judged."""
    template = _environment().get_template("stopped.md.j2")
    text = template.render(outcome=outcome, ticket=ticket, log_path=log_path)
    return cleaning.cut(text, cleaning.TEXT_LIMIT, where=log_path)


def _render(name: str, evidence: Evidence) -> str:
    # The log is what gives way when the text grows too long; facts are never cut for it.
    log = telemetry.tell(evidence.after)
    for limit in (_LOG_LIMIT, _LOG_LIMIT // 4, 0):
        text = (
            _environment()
            .get_template(name)
            .render(
                evidence=evidence,
                config=evidence.prepared.contract.config,
                project=evidence.prepared.contract.project,
                environment=evidence.prepared.environment,
                log=cleaning.cut(log, limit, where=evidence.log_path),
                listed=_LISTED,
                total_seconds=sum(result.seconds for result in evidence.after.results),
                commands=[
                    shlex.join(result.command)
                    for result in evidence.after.results
                    if result.command
                ],
            )
        )
        if len(text) <= cleaning.TEXT_LIMIT:
            return text
    return cleaning.cut(text, cleaning.TEXT_LIMIT, where=evidence.log_path)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent.publishing"),
        # The output is Markdown: each foreign text goes through one of the filters below.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        words=cleaning.words, code=cleaning.code, fenced=cleaning.fenced, cell=_cell
    )
    return environment


def _cell(comparison: Comparison, side: str) -> str:
    """One table cell: how a check ended on one side, with its counts."""
    status = comparison.base if side == "base" else comparison.head
    count = comparison.base_count if side == "base" else comparison.head_count
    failures = comparison.base_failures if side == "base" else comparison.head_failures
    if status is Status.ABSENT:
        return "not there"
    if status is Status.UNVERIFIED:
        return "unverified"
    if comparison.counts_tests:
        return f"{count - failures} of {count} passed" if failures else f"{count} passed"
    return f"{count} finding{'s' * (count != 1)}" if count else "clean"
