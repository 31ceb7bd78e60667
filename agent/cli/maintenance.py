"""`mergewright backup | restore | env | images`: the data folder and the images of sandboxes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import terminal
from agent.errors import SettingsInvalid
from agent.settings import Settings

env_app = typer.Typer(
    name="env",
    help="Stored environments of repositories: prune.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
images_app = typer.Typer(
    name="images",
    help="Images that docker sandboxes are opened from: build.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
_File = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a tar with gzip.")]


def backup(file: _File, as_json: terminal.Json = False) -> None:
    """Write runs, deliveries, records and logs into one file; the service may go on meanwhile.

    Secrets, settings and caches are not in it. The words of private repositories are.
    """
    # The databases are loaded only by the commands that need them.
    from agent.service import backup as archive

    facts = archive.make(_find_files().home, file.absolute())
    _show_archive("make", file, facts, as_json=as_json)


def restore(file: _File, as_json: terminal.Json = False) -> None:
    """Lay a backup out in an empty MERGEWRIGHT_HOME; open runs go on when the service starts."""
    from agent.service import backup as archive

    facts = archive.restore(_find_files().home, file.absolute())
    _show_archive("restore", file, facts, as_json=as_json)


def _find_files() -> Settings:
    """Load the settings; SettingsInvalid where a server has what a backup would be of."""
    loaded = settings.load_settings()
    if settings.find_database(loaded) is not None:
        raise SettingsInvalid(
            "The runs are in PostgreSQL. Use pg_dump and pg_restore; deploy/README.md has the"
            " commands."
        )
    return loaded


def _show_archive(verb: str, file: Path, facts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({**facts, "file": str(file)})
    else:
        when = time.strftime("%F %T", time.localtime(facts["made_at"]))
        print(f"{verb}: {file} has {facts['runs']} runs, as of {when}")


@env_app.command()
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
        typer.Option("--all", help="Remove all, with caches, tools and baselines."),
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Remove stored environments and other caches. What is in use is never removed."""
    from agent.environments import prune as pruning

    if older_than is None and keep_mb is None and not everything:
        raise typer.BadParameter("say what to remove: --older-than DAYS, --keep-mb MB or --all")
    done = pruning.prune_environments(
        settings.load_settings(),
        older_than_days=older_than,
        keep_bytes=None if keep_mb is None else int(keep_mb * 1024**2),
        everything=everything,
    )
    if as_json:
        terminal.print_json(done.model_dump(mode="json"))
        return
    print(f"removed {len(done.removed)}, freed {terminal.format_megabytes(done.bytes_freed)}")
    for what, size in done.freed.items():
        print(f"  {what:<12} {terminal.format_megabytes(size)}")
    if done.commits:
        print(f"let go of {done.commits} commits that no run keeps")
    for key in done.in_use:
        print(f"kept {key[:12]}: it is in use")


@images_app.command()
def build(
    version: Annotated[str, typer.Argument(help="Minor version of Python, as 3.11.")],
    packages: Annotated[
        list[str] | None, typer.Argument(help="Further Debian packages.", show_default=False)
    ] = None,
) -> None:
    """Build the image for a version of Python on MERGEWRIGHT_DOCKER_BASE, and try its Python.

    Exit code 2: it cannot be built here, and why.
    """
    from agent.sandbox import docker_engine

    built = docker_engine.build_image(version, packages or [], settings.load_settings())
    print(f"built {built.reference} {built.digest}")
