"""The readiness of a repository: every aspect, gaps first, as a table and in Markdown."""

from __future__ import annotations

from agent import cleaning
from agent.contract.code_gaps import told_by_code
from agent.contract.facts import Evidence
from agent.contract.gaps import ORDER, Aspect, told_by_files
from agent.contract.measured import told_by_runs
from agent.domain import CheckResult


def of(
    evidence: Evidence, runs: tuple[CheckResult, CheckResult] | None = None
) -> tuple[Aspect, ...]:
    """List every aspect: gaps by severity, then what is not known, then what is ready.

    Args:
        runs: Two runs of the tests, which tell more than files where they were made.
    """
    measured = told_by_runs(*runs) if runs else ()
    told = {one.name for one in measured if one.state != "unknown"}
    found = [*told_by_files(evidence), *told_by_code(evidence)]
    marked = {one.name for one in found if one.state == "gap"}
    # That two runs agree takes back no mark that people have set.
    chosen = {one.name: one for one in measured if one.name in told or one.name not in marked}
    found = [*(one for one in found if one.name not in chosen), *chosen.values()]
    states = ("gap", "unknown", "ready")

    def rank(one: Aspect) -> tuple[int, int]:
        return states.index(one.state), ORDER.index(one.severity) if one.severity else 0

    return tuple(sorted(found, key=rank))


def markdown(found: tuple[Aspect, ...]) -> str:
    """Write the table for a pull request; nothing of it is more than words or code there."""
    lines = ["| | what | how it stands |", "|---|---|---|"]
    for one in found:
        where = ", ".join(cleaning.cell(place) for place in one.places[:3])
        says = cleaning.words(one.says).replace("|", "\\|") + (f" ({where})" if where else "")
        lines.append(f"| {one.severity or one.state} | {one.name} | {says} |")
    return "\n".join(lines)


def tickets(found: tuple[Aspect, ...]) -> str:
    """Write the words for an issue of each gap."""
    written = [one.ticket for one in found if one.ticket]
    return "\n".join(f"# {ticket.title}\n\n{ticket.body}" for ticket in written)
