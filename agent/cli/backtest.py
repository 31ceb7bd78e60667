"""`mergewright backtest`: redo past changes, and judge them by the tests that were merged."""

from __future__ import annotations

import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Never

import typer

from agent.cli import interrupts, repository, result, run, terminal
from agent.errors import Interrupted, RequestRefused
from agent.models.record import replace
from agent.text.redaction import Redactor
from agent.text.sanitise import list_some

if TYPE_CHECKING:
    from agent.backtest.campaign import Order
    from agent.backtest.tasks import PastChange, SkippedChange
    from agent.models.backtest import BacktestResult
    from agent.settings import Settings

_MOST_SHOWN = 20


Repository = Annotated[
    str,
    typer.Option(
        "--repo",
        help="A local clone (for its commits), or a GitHub repository (for merged pull requests"
        " that closed an issue).",
        metavar="DIR|OWNER/NAME",
    ),
]
Commits = Annotated[
    str | None,
    typer.Option("--commits", help="Range of commits in the clone. Default: all.", metavar="A..B"),
]
Last = Annotated[
    int, typer.Option("--last", min=1, help="Maximum number of changes, newest first.")
]
Tasks = Annotated[
    Path | None,
    typer.Option(
        "--tasks",
        help="Tasks in SWE-bench format.",
        exists=True,
        dir_okay=False,
        metavar="FILE.jsonl",
    ),
]
Clones = Annotated[
    Path | None,
    typer.Option(
        "--clones",
        help="Folder with clones of the repositories in --tasks.",
        exists=True,
        file_okay=False,
        metavar="DIR",
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Model for all runs, as in `mergewright run`.", metavar="NAME"),
]
Dollars = Annotated[
    float | None,
    typer.Option("--usd", min=0.0, help="Maximum total cost; no run starts once it is reached."),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=16, help="Number of parallel runs.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the newest backtest, or the given one.")
]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="BACKTEST",
        help="With --resume: the backtest's name, or its first characters.",
        show_default=False,
    ),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", dir_okay=False, help="Write the result as HTML."),
]


def backtest(  # noqa: PLR0913, PLR0917  each is an option of the command
    repo: Repository = ".",
    commits: Commits = None,
    last: Last = 10,
    tasks: Tasks = None,
    clones: Clones = None,
    config: repository.ConfigFile = None,
    model: Model = None,
    usd: Dollars = None,
    jobs: Jobs = 1,
    resume: Resume = False,
    name: Name = None,
    html: HtmlFile = None,
    as_json: terminal.Json = False,
) -> None:
    """Redo past changes and judge each by the tests merged with it.

    Each run sees the repository as it was before the change. Nothing is pushed. Results that
    were ready but wrong are listed first. Resolved is defined as in SWE-bench: every test that
    the merged change fixed passes, and no test that passed with it fails. Exit code 0: all tasks
    ran; 1: some did not start; 130: interrupted by Ctrl-C or SIGTERM, continue with --resume.
    """
    from agent.backtest import campaign, folders

    interrupts.end_on_signals()
    settings = _load_settings(model)
    if resume:
        folder = campaign.find(settings.home, name)
        order = campaign.Order.model_validate_json((folder / folders.ORDER).read_bytes())
    else:
        if name is not None:
            raise typer.BadParameter("a backtest name requires --resume", param_hint="BACKTEST")
        past = _find_tasks(repo, commits, last, tasks, clones, settings)
        order = campaign.Order(
            tasks=tuple(past),
            config_text=repository.read_config_text(config),
            config_name=str(config) if config else None,
            model=model,
            usd=usd,
            command=Redactor()(shlex.join(("mergewright", *sys.argv[1:]))),
            version=metadata.version("mergewright"),
        )
        folder = campaign.begin(order, settings.home)
    _run(folder, order, settings, jobs, html, as_json=as_json)


def _load_settings(model: str | None) -> Settings:
    """Load the settings of the runs, which have a data folder of their own."""
    from agent import wiring
    from agent.backtest import campaign

    loaded = run.load_settings_with(model)
    wiring.require_machine(loaded)
    wiring.require_models(loaded)
    return replace(loaded, home=campaign.make_home(loaded.home))


def _find_tasks(
    repo: str,
    commits: str | None,
    last: int,
    file: Path | None,
    clones: Path | None,
    settings: Settings,
) -> list[PastChange]:
    """Read tasks from a file, a clone or GitHub; name changes that are left out."""
    from agent.backtest import tasks

    left: list[SkippedChange] = []
    if commits and file:
        raise typer.BadParameter("use one of them", param_hint="--commits, --tasks")
    if file:
        past = tasks.read_rows(file, clones)[:last]
    elif commits or Path(repo).exists():
        place = repository.find_clone(Path(repo))
        past, left = tasks.read_commits(place, commits or "HEAD", most=last)
    else:
        past, left = _read_pulls(repo, last, settings)
    for skipped in left[:_MOST_SHOWN]:
        terminal.print_aside(f"skipped: {skipped.name}: {skipped.why}")
    if len(left) > _MOST_SHOWN:
        terminal.print_aside(f"skipped: {len(left) - _MOST_SHOWN} more")
    if not past:
        raise RequestRefused("No tasks found; nothing was started.")
    return past


def _run(
    folder: Path, order: Order, settings: Settings, jobs: int, html: Path | None, *, as_json: bool
) -> Never:
    """Run the tasks that are left, and report all of them."""
    from agent import wiring
    from agent.backtest import campaign, folders

    made = campaign.Campaign(folder, order, settings, wiring.make_local_desk, terminal.print_aside)
    terminal.print_aside(f"backtest {folder.name}: {len(order.tasks)} tasks")
    try:
        rows = made.run_tasks(jobs, lambda row: terminal.print_aside(_describe(row)))
    except KeyboardInterrupt as interruption:
        raise Interrupted(
            f"Interrupted; {len(folders.load_stored(folder).rows)} of {len(order.tasks)} tasks are"
            f" done. To continue, run `mergewright backtest --resume {folder.name}`."
        ) from interruption
    _report_results(folder, rows, html, as_json=as_json)
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
    folder: Path, rows: tuple[BacktestResult, ...], html: Path | None, *, as_json: bool
) -> None:
    from agent.backtest import campaign, folders
    from agent.models.backtest import compute_figures

    figures, predictions = compute_figures(rows), folder / "predictions.jsonl"
    campaign.write_predictions(rows, predictions)
    if html is not None:
        from agent.dashboard import backtest_page

        page = backtest_page.render_page(folders.load_stored(folder))
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as problem:
            raise RequestRefused(f"{html} cannot be written ({problem.strerror}).") from problem
    if as_json:
        terminal.print_json(
            {
                "schema_version": result.SCHEMA_VERSION,
                "backtest": folder.name,
                "figures": figures.model_dump(mode="json"),
                "tasks": [row.model_dump(mode="json", exclude={"patch", "merged"}) for row in rows],
                "predictions": str(predictions),
            }
        )
        return
    headings = ("task", "end", "judged", "requests", "dollars", "time", "title")
    shown = sorted(rows, key=lambda row: not row.is_wrongly_ready)
    terminal.show_table(headings, map(_make_row, shown))
    print()
    lines = {name.replace("_", " "): _format_figure(value) for name, value in figures}
    terminal.show_table(("", ""), [*lines.items(), ("predictions", str(predictions))])
    for row in rows:
        if row.failing and not row.why_not:
            print(terminal.make_line(f"fails  {row.instance_id}: {list_some(row.failing, 1)}"))


def _make_row(row: BacktestResult) -> tuple[str, ...]:
    from agent.backtest import folders

    judged, usd = folders.JUDGED[row.resolved], _format_figure(row.usd)
    time = terminal.format_span(row.seconds)
    return row.instance_id, row.end.value, judged, str(row.requests), usd, time, row.title


def _format_figure(figure: Any) -> str:
    if isinstance(figure, dict):
        counts = (f"{count} {name.replace('_', ' ')}" for name, count in figure.items())
        return ", ".join(counts) or "-"
    return "unknown" if figure is None else f"{figure:,.2f}".removesuffix(".00")
