"""`mergewright images`: build the images that docker rooms are opened from, and show them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings
from agent.cli import terminal
from agent.cli.progress import Progress

app = typer.Typer(
    name="images",
    help="Images that docker rooms are opened from: build, show.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def build(
    version: Annotated[str, typer.Argument(help="Minor version of Python, as 3.11.")],
    base: Annotated[
        Literal["auto", "registry", "debootstrap"],
        typer.Option(
            help="What the image is based on. auto: an image of a registry, or a tree made by"
            " debootstrap where no registry can be reached."
        ),
    ] = "auto",
    packages: Annotated[
        list[str] | None,
        typer.Option(
            "--package", help="A further Debian package; can be given again.", metavar="NAME"
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Build the image for a version of Python, try it out, and record what it is made of.

    Exit code 2: it cannot be built here, and why.
    """
    from agent.adapters.docker_rooms import building

    loaded = settings.load()
    begun = time.monotonic()
    with Progress(Console(stderr=True, quiet=as_json)) as progress:
        more = tuple(packages or ())
        built = building.build(version, base, loaded, progress.said, more_packages=more)
    if as_json:
        print(json.dumps(built.model_dump()))
        return
    console = terminal.console()
    console.print(f"[bold green]built[/] {built.reference} in {time.monotonic() - begun:.0f} s")
    for line in _words(built.model_dump()):
        console.print(line, soft_wrap=True)


@app.command()
def show(as_json: _Json = False) -> None:
    """List the images that rooms can be opened from here, and what they are made of."""
    from agent.adapters.docker_rooms import building, engine

    loaded = settings.load()
    made = building.recorded(loaded)
    with engine.connect(loaded).client() as client:
        found = engine.images(client, loaded)
    rows: list[dict[str, Any]] = []
    for version, image in sorted(found.items(), key=lambda one: int(one[0].split(".")[1])):
        known = made.get(version)
        ours = known is not None and known.digest == image.digest
        rows.append(
            {
                "version": version,
                "reference": image.reference,
                "digest": image.digest,
                "python": image.labels.get(engine.PYTHON_LABEL),
                "made": known.model_dump() if known is not None and ours else None,
            }
        )
    if as_json:
        print(json.dumps({"images": rows}))
        return
    console = terminal.console()
    if not rows:
        console.print("no images. Build one: mergewright images build 3.11")
        return
    table = Table("image", "python", "digest", "base", show_edge=False)
    for row in rows:
        source = row["made"]["source"] if row["made"] else "not built by this data folder"
        table.add_row(
            escape(row["reference"]), row["python"] or "?", row["digest"][7:19], escape(source)
        )  # fmt: skip
    console.print(table)


def _words(built: dict[str, Any]) -> Iterator[str]:
    yield f"python   {built['python']}"
    yield f"digest   {built['digest']}"
    yield f"base     {escape(built['source'])}"
    yield f"packages {built['packages']}, {built['packages_digest'][:16]}"
