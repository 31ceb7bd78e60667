"""`mergewright stats`: figures over the runs of issues that the service keeps."""

from __future__ import annotations

import json
import re
import time
from typing import Annotated, get_args

import typer
from rich.table import Table
from rich.text import Text

from agent import settings
from agent.cli import kept, terminal
from agent.telemetry import figures
from agent.telemetry.figures import By, Figures, Middle, PerLine, Share, Told
from agent.text import cleaning

SCHEMA_VERSION = 1
_UNITS = {"h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_SINCE = re.compile(r"([1-9]\d{0,4})([hdw])")
_NOTHING = "-"
_ALL = "all"


def stats(
    by: Annotated[
        By | None,
        typer.Option("--by", metavar="|".join(get_args(By)), help="A line for each of them."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="30d", help="Only runs begun since: hours (h), days (d), weeks (w)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how runs ended, how long it took, what people changed before they merged, what it cost.

    What is not known is left out, and counted as such. Dry runs and runs of ticket files are not
    in it. It asks nobody but the files of this machine.
    """
    begun = _begun(since)
    told = _told(begun)
    every = figures.of(_ALL, told)
    groups = figures.grouped(told, by) if by else ()
    if as_json:
        report = {
            "schema_version": SCHEMA_VERSION,
            "since": kept.moment(begun or None),
            "by": by,
            "all": every.model_dump(mode="json"),
            "groups": [one.model_dump(mode="json") for one in groups],
        }
        print(json.dumps(report, indent=2))
    elif not told:
        within = f" since {kept.moment(begun)}" if begun else ""
        print(
            f"No runs of issues{within} in {settings.load().home}. One begins when somebody with"
            " write permission sets the label."
        )
    elif by:
        _show(_side_by_side(by, groups, every))
    else:
        _show(_one(every))


def _begun(since: str | None) -> float:
    """Return from when on runs count, in seconds since the epoch; 0: from the first."""
    if since is None:
        return 0.0
    found = _SINCE.fullmatch(since)
    if found is None:
        raise typer.BadParameter(
            f"{since!r} is no length of time; write hours, days or weeks, as in 12h, 30d or 4w",
            param_hint="--since",
        )
    return max(1.0, time.time() - int(found[1]) * _UNITS[found[2]])


def _told(begun: float) -> list[Told]:
    with kept.opened(settings.load()) as store:
        if store is None:
            return []
        ends = {ended.run_id: (ended, found) for ended, found in store.ends}
        return [
            figures.told(one, ends.get(one.run.run_id))
            for one in store.begun_since(begun)
            if not one.run.dry_run
        ]


# --- for people -------------------------------------------------------------------------------


def _one(every: Figures) -> Table:
    """Lay out the figures of all runs, one below the other."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "runs": str(every.runs),
        "ended as": _counts(every.states),
        "without a pull request": _counts(every.reasons),
        "pull requests": str(every.pull_requests),
        "merged": _share(every.merged),
        "first round passed": _share(every.first_round),
        "label to pull request": _middle(every.seconds_to_pull, spans=True),
        "label to merge": _middle(every.seconds_to_merge, spans=True),
        "lines people changed": _middle(every.edit_distance),
        "merged as it was": _share(every.as_it_was),
        "rounds of review": _middle(every.review_rounds),
        "dollars per merged line": _per_line(every.usd, 4),
        "tokens per merged line": _per_line(every.tokens, 0),
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def _side_by_side(by: By, groups: tuple[Figures, ...], every: Figures) -> Table:
    """Lay out a row for each group, and one for all."""
    table = Table(box=None, pad_edge=False)
    table.add_column(by, no_wrap=True)
    for heading in (
        "runs", "pulls", "merged", "1st round", "to pull", "to merge", "changed", "as it was",
        "rounds", "$/line", "tokens/line",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in (*groups, every):
        table.add_row(
            Text(cleaning.terminal(one.group)),
            str(one.runs),
            str(one.pull_requests),
            _share(one.merged, short=True),
            _share(one.first_round, short=True),
            _middle(one.seconds_to_pull, spans=True),
            _middle(one.seconds_to_merge, spans=True),
            _middle(one.edit_distance),
            _share(one.as_it_was, short=True),
            _middle(one.review_rounds),
            _per_line(one.usd, 4),
            _per_line(one.tokens, 0),
        )
    return table


def _show(table: Table) -> None:
    terminal.show(table)
    print(
        "\nTimes, lines and rounds are medians; a line that was changed counts twice, as one"
        " removed and one added. Rounds are all that followed a pull request: answers to reviews,"
        " checks that were mended, bases brought in."
    )
    if any("?)" in cell for column in table.columns for cell in map(str, column.cells)):
        print("(+3?) says that 3 more are not known and left out.")


def _counts(counted: dict[str, int]) -> str:
    words = (f"{number} {name.replace('_', ' ')}" for name, number in counted.items())
    return ", ".join(words) or _NOTHING


def _unknown(number: int) -> str:
    return f" (+{number}?)" if number else ""


def _share(one: Share, *, short: bool = False) -> str:
    if one.share is None:
        return _NOTHING + _unknown(one.unknown)
    counted = "" if short else f", {one.count} of {one.known}"
    return f"{one.share:.0%}{counted}{_unknown(one.unknown)}"


def _middle(one: Middle, *, spans: bool = False) -> str:
    if one.median is None:
        return _NOTHING + _unknown(one.unknown)
    value = _span(one.median) if spans else f"{one.median:g}"
    return value + _unknown(one.unknown)


def _per_line(one: PerLine, digits: int) -> str:
    if one.per_line is None:
        return _NOTHING + _unknown(one.unknown)
    return f"{one.per_line:,.{digits}f}{_unknown(one.unknown)}"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
