"""`mergewright readiness`: what in a repository makes automation fail, and words to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from agent.cli import repository, suite_runs, terminal
from agent.contract import facts, readiness
from agent.contract.facts import Evidence
from agent.contract.gaps import Aspect

_COLOURS = {"high": "red", "medium": "yellow", "low": "cyan"}


def readiness_table(
    repo: repository.Folder = Path(),
    tickets: Annotated[
        bool, typer.Option("--tickets", help="Print a ticket for each gap, ready to be filed.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option(
            "--run",
            help="Build the environment of the commit that is checked out and run its tests twice,"
            " in rooms: for their time, and for those that are flaky.",
        ),
    ] = False,
    as_json: repository.Json = False,
) -> None:
    """Show how ready a repository is for automated changes: each gap, its place, a ticket for it.

    Nothing of the repository runs unless --run says so. Exit code 0, also with gaps.
    """
    place, tree, read = repository.opened(repo, as_json=as_json)
    folder = read.config.folder or facts.only_folder(tree) or ""
    runs = suite_runs.twice(place, quiet=as_json) if run else None
    found = readiness.of(Evidence(tree, folder), runs)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
    elif tickets:
        print(readiness.tickets(found), end="")
    else:
        _show(found, measured=runs is not None)


def _show(found: tuple[Aspect, ...], *, measured: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "how it stands"):
        table.add_column(title, no_wrap=title == "", overflow="fold")
    for one in found:
        state = one.severity or one.state
        colour = _COLOURS.get(state, "green" if state == "ready" else "dim")
        where = f" ({', '.join(one.places[:3])})" if one.places else ""
        table.add_row(f"[{colour}]{state}[/]", escape(one.name), escape(one.says + where))
    terminal.show(table)
    gaps = sum(one.state == "gap" for one in found)
    if gaps:
        some = "a gap" if gaps == 1 else f"{gaps} gaps"
        print(f"{some}; `mergewright readiness --tickets` prints the words for an issue of each")
    if not measured and any(one.state == "unknown" for one in found):
        print("`mergewright readiness --run` measures the tests: their time, and which are flaky")
