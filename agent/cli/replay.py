"""`mergewright replay`: a run once more, from its ledger, without a key."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from agent import cleaning, settings
from agent.cli import terminal
from agent.cli.progress import Progress
from agent.errors import RepositoryUnfit

if TYPE_CHECKING:
    from agent.replay import Report, Side


def replay(
    ledger: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE",
            help="Id of a run, of which the beginning is enough, or a ledger file.",
            show_default=False,
        ),
    ],
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo",
            help="Folder of a clone that has the base commit. Default: what the run"
            " worked with; a ledger outside of the data folder needs one.",
            exists=True,
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry a run out once more from its ledger, and hold what comes out against what came then.

    Models say what the ledger has of them, so no key is needed and nobody is asked. Tools and
    checks really run; a run of an issue meets a simulated GitHub. At the first thing that is not
    as it was the replay stops, and names conversation, turn and what differs. Exit code 0: the
    same patch and the same text; 1: something differs, or the record ends before that; 2: it
    cannot be replayed, as no follow-up of a pull request can so far; 130: interrupted.
    """
    from agent import recorded, wiring
    from agent import replay as replaying

    loaded = settings.load()
    path = _find(ledger, loaded.home / "runs")
    recording = recorded.read(path)
    wiring.make_home(loaded)
    console = Console(stderr=True, quiet=as_json)
    with Progress(console) as progress:
        try:
            report = replaying.run_again(
                recording,
                loaded,
                wiring.replayed,
                progress,
                progress.said,
                repository=str(repo.resolve()) if repo else None,
                foreign=(loaded.home / "runs").resolve() not in path.resolve().parents,
            )
        except RepositoryUnfit as problem:
            raise typer.BadParameter(problem.message, param_hint="--repo") from problem
        except KeyboardInterrupt:
            print("mergewright: interrupted; nothing is said about the run", file=sys.stderr)
            raise typer.Exit(130) from None
    if as_json:
        print(json.dumps({"same": report.same, **_facts(report)}, indent=2))
    else:
        _show(report, terminal.console())
    raise typer.Exit(0 if report.same else 1)


def _find(named: str, runs: Path) -> Path:
    given = Path(named)
    if given.is_file():
        return given
    if (given / "ledger.jsonl").is_file():
        return given / "ledger.jsonl"
    # It stands in a pattern, and is no more than letters, digits and dashes.
    found = sorted(runs.glob(f"{named}*/ledger.jsonl")) if re.fullmatch(r"[\w-]+", named) else []
    if len(found) == 1:
        return found[0]
    begun = sorted(runs.glob(f"{named}*/")) if re.fullmatch(r"[\w-]+", named) else []
    if not found and begun:
        raise typer.BadParameter(
            f"the run {begun[0].name} never came to its first step, so there is nothing to replay;"
            " begin one with `mergewright run --ticket FILE`",
            param_hint="RUN|FILE",
        )
    said = (
        f"several runs begin with {named!r}: {', '.join(one.parent.name for one in found[:10])}"
        if found
        else f"there is no file {named!r}, and no run below {runs} begins so"
    )
    raise typer.BadParameter(said, param_hint="RUN|FILE")


def _facts(report: Report) -> dict[str, object]:
    facts = report.model_dump(mode="json")
    for name, side in (("patch", report.patch), ("text", report.text)):
        facts[name]["same"] = side.same
    return facts


def _show(report: Report, console: Console) -> None:
    mark = "[bold green]the same[/]" if report.same else "[bold red]not the same[/]"
    turns = f"{report.turns} repl{'y' if report.turns == 1 else 'ies'} given again"
    console.print(f"\n{mark}  run {report.run_id}, {turns}", highlight=False, soft_wrap=True)
    console.print(escape(cleaning.terminal(report.sentence)), highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(f"ledger  {escape(problem)}", highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"ledger  {escape(note)}", highlight=False, soft_wrap=True)
    _show_side("patch", report.patch, console)
    _show_side("text", report.text, console)
    console.print(f"left    {escape(report.folder)}", highlight=False, soft_wrap=True)
    if report.next:
        said = escape(cleaning.terminal(report.next))
        console.print(f"next    {said}", highlight=False, soft_wrap=True)


def _show_side(name: str, side: Side, console: Console) -> None:
    if side.recorded is None and side.now is None:
        return
    if side.same:
        besides = f", but for {side.measured} times measured anew" if side.measured else ""
        told = f"{side.now}  the same{besides}"
    else:
        told = f"{side.recorded or 'none'} then, {side.now or 'none'} now"
    console.print(f"{name:<7} {told}", highlight=False, soft_wrap=True)
