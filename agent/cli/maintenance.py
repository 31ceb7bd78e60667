"""`mergewright env | images`: stored environments and the images of sandboxes."""

from __future__ import annotations

from typing import Annotated

import typer

from agent import settings
from agent.cli import terminal

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
