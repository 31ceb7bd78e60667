"""What is told in the end: a table, each difference with its reason, and what nothing has shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from tests.live.comparison import Comparison
from tests.live.measured import Measured
from tests.live.projects import KINDS

_SHOWN = 20


def lacking(found: Sequence[Measured]) -> tuple[str, ...]:
    """Say what a whole run has to show and has not; only what holds shows anything."""
    shown = [one for one in found if one.holds]
    kinds = {one.project.kind for one in shown}
    counts = {
        "projects": (len(shown), 12),
        "projects with a Python other than 3.11": (
            sum(not one.python.startswith("3.11.") for one in shown), 2,
        ),
        "projects with PostgreSQL": (sum(one.project.postgres is not None for one in shown), 1),
        "projects with a version from tags": (
            sum(one.project.version_from_tag for one in shown), 2,
        ),
        "projects with Django's own runner": (sum(one.runner == "django" for one in shown), 3),
    }  # fmt: skip
    few = [
        f"{what}: {there} of {least}" for what, (there, least) in counts.items() if there < least
    ]
    return (*few, *(f"no project declares by {kind}" for kind in sorted(KINDS - kinds)))


def show(found: Sequence[Measured], lacks: Sequence[str], console: Console) -> None:
    """Print the table, and below it what has to be known to read it."""
    table = Table(show_edge=False)
    for name in ("project", "declared by", "Python", "runner"):
        table.add_column(name, no_wrap=name == "project")
    for name in (
        "tests", "passed\nbare/sandbox", "failed\nbare/sandbox", "other\nbare/sandbox", "known", "wrong",
        "bare s", "sandbox s", "environ-\nment s",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(*_row(one))
    console.print(table)
    for one in found:
        _tell(one, console)
    for line in lacks:
        console.print(f"not shown: {line}", style="red", highlight=False, markup=False)


def _row(one: Measured) -> tuple[str, ...]:
    compared = one.comparison
    source = one.project.source
    if compared is None:
        counts = [*[""] * 5, str(len(one.problems))]
    else:
        wrong = len(compared.unknown) + len(compared.stale) + len(one.problems)
        counts = [str(compared.tests), *_by_outcome(compared), str(len(compared.known)), str(wrong)]
    seconds = (one.bare_seconds, one.sandbox_seconds, one.environment_seconds)
    return (
        f"{source.name} {source.version}", one.project.kind, one.python, one.runner,
        *counts, *(f"{number:.1f}" if number else "" for number in seconds),
    )  # fmt: skip


def _by_outcome(compared: Comparison) -> Iterator[str]:
    """Count what passed, failed and did neither, bare and in the sandbox."""
    plain, failing = ("passed",), ("failed", "error")
    sides = [[pair[side] for pair in compared.outcomes.values()] for side in (0, 1)]
    yield "/".join(str(sum(how in plain for how in side)) for side in sides)
    yield "/".join(str(sum(how in failing for how in side)) for side in sides)
    yield "/".join(str(sum(how not in (*plain, *failing) for how in side)) for side in sides)


def _tell(one: Measured, console: Console) -> None:
    def line(text: str, style: str) -> None:
        console.print(f"{one.project.name}: {text}", style=style, highlight=False, markup=False)

    for problem in one.problems:
        line(problem, "red")
    if one.comparison is None:
        return
    for difference in one.comparison.unknown[:_SHOWN]:
        line(str(difference), "red")
    if (more := len(one.comparison.unknown) - _SHOWN) > 0:
        line(f"and {more} more", "red")
    for words in one.comparison.stale:
        line(words, "red")
    for difference, reason in one.comparison.known:
        line(f"{difference}; {reason}", "dim")
