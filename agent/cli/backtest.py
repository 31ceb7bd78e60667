"""`mergewright backtest`: redo past changes, and judge them by the tests that were merged."""

from __future__ import annotations

import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import interrupts, repository, result, run, terminal
from agent.errors import Interrupted, RequestRefused
from agent.models.record import replace
from agent.text.redaction import Redactor
from agent.text.sanitise import list_some

if TYPE_CHECKING:
    from agent.backtest.campaign import Campaign
    from agent.backtest.tasks import PastChange, SkippedChange
    from agent.models.backtest import BacktestResult
    from agent.settings import Settings

_MOST_SHOWN = 20


def backtest(  # noqa: PLR0913, PLR0917  each is an option of the command
    repo: Annotated[
        str,
        typer.Option(
            "--repo",
            help="A local clone (for its commits), or a GitHub repository (for merged pull requests"
            " that closed an issue).",
            metavar="DIR|OWNER/NAME",
        ),
    ] = ".",
    commits: Annotated[
        str | None,
        typer.Option(
            "--commits", help="Range of commits in the clone. Default: all.", metavar="A..B"
        ),
    ] = None,
    last: Annotated[
        int, typer.Option("--last", min=1, help="Maximum number of changes, newest first.")
    ] = 10,
    tasks: Annotated[
        Path | None,
        typer.Option(
            "--tasks",
            help="Tasks in SWE-bench format.",
            exists=True,
            dir_okay=False,
            metavar="FILE.jsonl",
        ),
    ] = None,
    clones: Annotated[
        Path | None,
        typer.Option(
            "--clones",
            help="Folder with clones of the repositories in --tasks.",
            exists=True,
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    config: repository.ConfigFile = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Model for all runs, as in `mergewright run`.", metavar="NAME"
        ),
    ] = None,
    usd: Annotated[
        float | None,
        typer.Option(
            "--usd", min=0.0, help="Maximum total cost; no run starts once it is reached."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=16, help="Number of parallel runs.")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the newest backtest, or the given one.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="BACKTEST",
            help="With --resume: the backtest's name, or its first characters.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Write the result as an HTML page."
        ),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Redo past changes and judge each by the tests merged with it.

    Each run sees the repository as it was before the change. Nothing is pushed. Results that
    were ready but wrong are listed first. Resolved is defined as in SWE-bench: every test that
    the merged change fixed passes, and no test that passed with it fails. Exit code 0: all tasks
    ran; 1: some did not start; 130: interrupted by Ctrl-C or SIGTERM, continue with --resume.
    """  # fmt: skip
    from agent import wiring
    from agent.backtest import campaign, folders
    from agent.backtest import tasks as past_changes

    interrupts.end_on_signals()
    loaded = run.load_settings_with(model)
    wiring.require_machine(loaded)
    wiring.require_models(loaded)
    home = campaign.make_home(loaded.home)
    own_settings = replace(loaded, home=home)
    left: list[SkippedChange] = []
    if resume:
        folder = campaign.find(home, name)
        order = campaign.Order.model_validate_json((folder / folders.ORDER).read_bytes())
    else:
        if name is not None:
            raise typer.BadParameter("a backtest name requires --resume", param_hint="BACKTEST")
        if commits and tasks:
            raise typer.BadParameter("use one of them", param_hint="--commits, --tasks")
        if tasks:
            past, left = past_changes.read_rows(tasks, clones)[:last], []
        elif commits or Path(repo).exists():
            place = repository.find_clone(Path(repo))
            past, left = past_changes.read_commits(place, commits or "HEAD", most=last)
        else:
            past, left = _read_pulls(repo, last, own_settings)
        for skipped in left[:_MOST_SHOWN]:
            terminal.print_aside(f"skipped: {skipped.name}: {skipped.why}")
        if len(left) > _MOST_SHOWN:
            terminal.print_aside(f"skipped: {len(left) - _MOST_SHOWN} more")
        if not past:
            raise RequestRefused("No tasks found; nothing was started.")
        order = campaign.Order(
            tasks=tuple(past),
            config_text=repository.read_config_text(config),
            config_name=str(config) if config else None,
            model=model,
            usd=usd,
            command=Redactor()(shlex.join(("mergewright", *sys.argv[1:]))),
            version=metadata.version("mergewright"),
        )
        folder = campaign.begin(order, home)
    made = campaign.Campaign(
        folder, order, own_settings, wiring.make_local_desk, terminal.print_aside
    )
    terminal.print_aside(f"backtest {folder.name}: {len(order.tasks)} tasks")
    try:
        rows = made.run_tasks(jobs, lambda row: terminal.print_aside(_describe(row)))
    except KeyboardInterrupt as interruption:
        raise Interrupted(
            f"Interrupted; {len(folders.load_stored(folder).rows)} of {len(order.tasks)} tasks are"
            f" done. To continue, run `mergewright backtest --resume {folder.name}`."
        ) from interruption
    _report_results(made, rows, html, as_json=as_json)
    raise typer.Exit(len(rows) != len(order.tasks))


def _read_pulls(
    repo: str, last: int, loaded: Settings
) -> tuple[list[PastChange], list[SkippedChange]]:
    from agent import wiring
    from agent.backtest import tasks
    from agent.git import history
    from agent.github import merged_pulls

    name = run.read_repository_name(repo, loaded.github_url)
    remote, token, pulls = merged_pulls.open_repository(wiring.make_access(loaded), name)
    place, limit = loaded.home / "mirrors", loaded.max_repository_mb
    opened = history.read_pulls(remote.url, token, remote.default_branch, place, max_mb=limit)
    with opened as (mirror, read):
        return tasks.read_pulls(name, pulls, read, mirror, most=last)


def _describe(row: BacktestResult) -> str:
    from agent.backtest import folders

    mark = "WRONGLY READY  " if row.is_wrongly_ready else ""
    why = f": {row.why_not}" if row.why_not else ""
    return f"{mark}{row.instance_id}: {row.end}, {folders.JUDGED[row.resolved]}{why}"


def _report_results(
    made: Campaign, rows: tuple[BacktestResult, ...], html: Path | None, *, as_json: bool
) -> None:
    from agent.backtest import campaign, folders
    from agent.models.backtest import compute_figures

    figures = compute_figures(rows)
    predictions = made.folder / "predictions.jsonl"
    campaign.write_predictions(rows, predictions)
    if html is not None:
        from agent.dashboard import backtest_page

        page = backtest_page.render_page(folders.load_stored(made.folder))
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as problem:
            raise RequestRefused(f"{html} cannot be written ({problem.strerror}).") from problem
    if as_json:
        terminal.print_json(
            {
                "schema_version": result.SCHEMA_VERSION,
                "backtest": made.folder.name,
                "figures": figures.model_dump(mode="json"),
                "tasks": [row.model_dump(mode="json", exclude={"patch", "merged"}) for row in rows],
                "predictions": str(predictions),
            }
        )
        return
    headings = ("task", "end", "judged", "requests", "dollars", "time", "title")
    terminal.show_table(
        headings,
        (
            (
                row.instance_id, row.end.value, folders.JUDGED[row.resolved], str(row.requests),
                _format_figure(row.usd), terminal.format_span(row.seconds), row.title,
            )
            for row in sorted(rows, key=lambda row: not row.is_wrongly_ready)
        ),
    )  # fmt: skip
    print()
    lines = {name.replace("_", " "): _format_figure(value) for name, value in figures}
    lines["predictions"] = str(predictions)
    if html is not None:
        lines["page"] = str(html)
    terminal.show_table(("", ""), lines.items())
    for row in rows:
        if row.why_not:
            print(terminal.make_line(f"not judged  {row.instance_id}: {row.why_not}"))
        elif row.failing:
            print(terminal.make_line(f"fails  {row.instance_id}: {list_some(row.failing, 1)}"))


def _format_figure(figure: Any) -> str:
    if isinstance(figure, dict):
        counts = (f"{count} {name.replace('_', ' ')}" for name, count in figure.items())
        return ", ".join(counts) or "-"
    return "unknown" if figure is None else f"{figure:,.2f}".removesuffix(".00")
