"""`mergewright env`: list the stored environments, and remove what is not needed any more."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from agent import settings
from agent.cli import terminal
from agent.environments import prune as pruning

app = typer.Typer(
    name="env",
    help="Stored environments of repositories: list, prune.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("list")
def list_stored(as_json: terminal.Json = False) -> None:
    """List the stored environments."""
    loaded = settings.load_settings()
    rows = pruning.list_environments(loaded)
    if as_json:
        terminal.print_json({"environments": [row.model_dump(mode="json") for row in rows]})
    elif rows:
        titles = ("key", "python", "packages", "size", "age", "used", "from")
        terminal.show_table(titles, map(_make_row, rows))
    else:
        print(f"no environments below {loaded.home}")


def _make_row(row: pruning.StoredEnvironment) -> tuple[str, ...]:
    now, sources = time.time(), ", ".join(row.sources) or "nothing declared"
    return (
        row.key[:12],
        row.python,
        str(row.packages),
        terminal.megabytes(row.bytes_on_disk),
        terminal.span(now - row.created),
        terminal.span(now - row.used),
        sources,
    )


@app.command()
def prune(
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Remove what was not used for so many days."),
    ] = None,
    keep_mb: Annotated[
        float | None,
        typer.Option(min=0, metavar="MB", help="Remove the least recently used above this size."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Remove all, with caches, tools, mirrors and baselines."),
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Remove stored environments and other caches. What is in use is never removed."""
    if older_than is None and keep_mb is None and not everything:
        raise typer.BadParameter("say what to remove: --older-than DAYS, --keep-mb MB or --all")
    keep_bytes = None if keep_mb is None else int(keep_mb * 1024**2)
    loaded = settings.load_settings()
    done = pruning.prune_environments(
        loaded, older_than_days=older_than, keep_bytes=keep_bytes, everything=everything
    )
    if as_json:
        terminal.print_json(done.model_dump(mode="json"))
        return
    print(f"removed {len(done.removed)}, freed {terminal.megabytes(done.bytes_freed)}")
    for what, size in done.freed.items():
        print(f"  {what:<12} {terminal.megabytes(size)}")
    if done.commits:
        print(f"let go of {done.commits} commits that no run keeps")
    for name in done.mirrors_in_use:
        print(f"kept the mirror {terminal.line(name)}: a run is under way")
    for key in done.in_use:
        print(f"kept {key[:12]}: it is in use")
