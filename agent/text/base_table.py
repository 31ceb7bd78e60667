"""Describe a base commit: its checks as rows, and what it takes to run them. Pure.

`mergewright check` prints these; the pull request that proposes a configuration, and models, get
the same ones.
"""

from collections.abc import Iterator

from agent.models.base_report import BaseReport
from agent.models.checks import Status
from agent.text import sanitise
from agent.text.check_summary import format_count

HEADINGS = ("check", "command", "result", "fails already", "seconds")
#: Maximum names of a check's failures, for people and for models.
_MOST_LISTED, _MOST_OF_MODEL = 5, 40
_LONGEST = 100


def list_rows(report: BaseReport) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table, below `HEADINGS`."""
    for check in report.checks:
        result = check.counts or check.result.value
        if check.result is not Status.PASSED and check.reason:
            result = f"{check.result.value}: {check.reason}"
        failing = f"{check.failing_count:,}" if check.failing_count else ""
        yield check.name, check.command, result, failing, f"{check.seconds:.1f}"


def write_lines(report: BaseReport) -> str:
    """Write rows and facts, one per line, with more names of what fails already; for models."""
    rows = (
        f"{name}: {' '.join(filter(None, (command, f'({result}; {seconds} s)')))}"
        for name, command, result, _, seconds in list_rows(report)
    )
    facts = _list_facts_of_base(report, _MOST_OF_MODEL)
    return "\n".join((*rows, *(f"{title}: {words}" if title else words for title, words in facts)))


def list_facts(report: BaseReport) -> Iterator[tuple[str, str]]:
    """Yield facts with their titles: about the base commit, then what a ticket may take."""
    yield from _list_facts_of_base(report, _MOST_LISTED)
    if report.python:
        yield "a ticket", _estimate_time(report)


def _list_facts_of_base(report: BaseReport, most: int) -> Iterator[tuple[str, str]]:
    """Yield what fails already (at most `most` names of a check), is installed, and is not run."""
    for check in report.checks:
        if check.failing:
            names = (sanitise.shorten(name, _LONGEST) for name in check.failing)
            yield f"failing: {check.name}", sanitise.list_some(names, most)
            yield from (("", sanitise.shorten(line, 2 * _LONGEST)) for line in check.causes)
    if report.python:
        packages = format_count(report.packages, "package")
        yield "set-up", f"{report.set_up} Python {report.python}, {packages}."
        yield from (("", sanitise.shorten(line, _LONGEST)) for line in report.setup)
    several = {
        "Debian packages": report.system_packages,
        "servers": report.services,
        "downloaded from": report.hosts,
        "not installed": report.left_out,
        **{f"{kind}, not run": names for kind, names in report.unrun.items()},
        "not in the checkout": report.absent,
    }
    for title, listed in several.items():
        if listed:
            yield title, sanitise.list_some(listed, 2 * _MOST_LISTED)


def _estimate_time(report: BaseReport) -> str:
    """Describe the maximum time of a ticket, and how it is computed."""
    return (
        f"Set-up: {report.setup_seconds:.0f} s, once for the same dependencies. The checks of one"
        f" change: at most about {report.attempt_seconds:.0f} s (twice the slowest check, and"
        f" 30 s). The whole ticket: at most {report.minutes} minutes (`limits.minutes`)."
    )
