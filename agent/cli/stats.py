"""`mergewright stats`: figures over the runs of issues that the service keeps."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import runs, terminal
from agent.models.clock import read_clock
from agent.telemetry import statistics
from agent.telemetry.statistics import Figure, RunSummary, Statistics

_UNITS = {"h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_SINCE = re.compile(r"([1-9]\d{0,4})([hdw])")
_NOTHING = "-"


def stats(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="30d",
            help="Only runs started in the last hours (h), days (d) or weeks (w).",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Write an HTML page with plots."
        ),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Show how runs ended, how long it took, and what it cost.

    Unknown values are left out and counted. Dry runs and runs of ticket files are not included.
    Uses only local files.
    """
    begun = find_start(since)
    summaries = _summarize_runs(begun)
    if html is not None:
        # It loads what draws the plots.
        from agent.dashboard import plots

        terminal.write_page(html, plots.write_html(summaries, begun, read_clock()))
        print(f"Wrote {html} ({len(summaries):,} runs).")
        return
    every = statistics.compute_statistics("all", summaries)
    if as_json:
        report = {
            "schema_version": 1,
            "since": runs.format_time(begun or None),
            "all": every.model_dump(mode="json"),
            "categories": [
                figures.model_dump(mode="json")
                for figures in statistics.compute_by_category(summaries)
            ],
        }
        terminal.print_json(report)
    elif not summaries:
        within = f" since {runs.format_time(begun)}" if begun else ""
        print(
            f"No runs of issues{within} in {settings.load_settings().home}. A run starts when"
            " someone with write permission sets the label."
        )
    else:
        _show(every)


def find_start(since: str | None) -> float:
    """Return from when on runs count, in seconds since the epoch; 0: from the first."""
    if since is None:
        return 0.0
    found = _SINCE.fullmatch(since)
    if found is None:
        raise typer.BadParameter(
            f"{since!r} is not a duration; use hours, days or weeks, as in 12h, 30d or 4w",
            param_hint="--since",
        )
    return max(1.0, read_clock() - int(found[1]) * _UNITS[found[2]])


def _summarize_runs(begun: float) -> list[RunSummary]:
    from agent.dashboard.index import RunIndex, summarize_runs

    with runs.open_store(settings.load_settings()) as store:
        return summarize_runs(RunIndex(store).entries(), begun) if store else []


# --- for people -------------------------------------------------------------------------------


def _show(every: Statistics) -> None:
    """Show the figures one below the other."""
    cells = _list_cells(every) | {
        "ended as": format_counts(every.states),
        "without a pull request": format_counts(every.reasons),
    }
    terminal.show_table(("", ""), cells.items())
    print()
    terminal.print_wrapped(
        "Times and rounds are medians. A round is a follow-up on a pull request: a review, a"
        " failing check or a merge of the base branch."
    )
    if any("?)" in value for value in cells.values()):
        print("(+3?) means that 3 more are unknown and left out.")


def _list_cells(figures: Statistics) -> dict[str, str]:
    """Write the figures by their headings."""
    return {
        "runs": str(figures.runs),
        "pull requests": str(figures.pull_requests),
        "merged": _format_figure(figures.merged, "{:.0%}".format),
        "first round passed": _format_figure(figures.first_round, "{:.0%}".format),
        "label to pull request": _format_figure(figures.seconds_to_pull, terminal.format_span),
        "label to merge": _format_figure(figures.seconds_to_merge, terminal.format_span),
        "rounds of review": _format_figure(figures.review_rounds),
        "dollars in total": f"{figures.total_usd:,.2f}",
        "dollars per merge": _format_figure(figures.usd, "{:,.2f}".format),
        "tokens per merge": _format_figure(figures.tokens, "{:,.0f}".format),
    }


def format_counts(counted: dict[str, int]) -> str:
    words = (f"{number} {name.replace('_', ' ')}" for name, number in counted.items())
    return ", ".join(words) or _NOTHING


def _format_figure(figure: Figure, write: Callable[[float], str] = "{:g}".format) -> str:
    unknown = f" (+{figure.unknown}?)" if figure.unknown else ""
    return (_NOTHING if figure.value is None else write(figure.value)) + unknown
