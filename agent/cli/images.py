"""`mergewright images`: the images of docker sandboxes."""

from __future__ import annotations

from typing import Annotated

import typer

from agent import settings

app = typer.Typer(
    name="images",
    help="Images that docker sandboxes are opened from: build.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
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
