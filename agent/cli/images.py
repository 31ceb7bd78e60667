"""`mergewright images`: build the images that docker sandboxes are opened from, and show them."""

from __future__ import annotations

from typing import Annotated

import typer

from agent import settings
from agent.cli import terminal

app = typer.Typer(
    name="images",
    help="Images that docker sandboxes are opened from: build, show.",
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
    from agent.sandbox.docker import building

    built = building.build_image(version, packages or [], settings.load_settings())
    print(f"built {built.reference} {built.digest}")


@app.command()
def show(as_json: terminal.Json = False) -> None:
    """List the images that sandboxes can be opened from here."""
    from agent.sandbox.docker import engine

    loaded = settings.load_settings()
    with engine.connect_to_engine(loaded).client() as client:
        found = engine.images(client, loaded).values()
    if as_json:
        terminal.print_json({"images": [image.model_dump() for image in found]})
    elif not found:
        print("no images. Build one: mergewright images build 3.11")
    else:
        rows = (
            (image.reference, image.labels.get(engine.PYTHON_LABEL, "?"), image.digest[7:19])
            for image in found
        )
        terminal.show_table(("image", "python", "digest"), rows)
