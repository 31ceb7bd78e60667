"""`mergewright images`: the images of docker sandboxes."""

from typing import Annotated

import typer

from agent import settings

app = typer.Typer(
    name="images",
    help="Build images for docker sandboxes.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def build(
    version: Annotated[str, typer.Argument(help="Python version, such as 3.11.")],
    packages: Annotated[
        list[str] | None, typer.Argument(help="Additional Debian packages.", show_default=False)
    ] = None,
) -> None:
    """Build and test the image for a Python version, based on MERGEWRIGHT_DOCKER_BASE.

    Exit code 2: it cannot be built here.
    """
    from agent.sandbox import docker_engine

    built = docker_engine.build_image(version, packages or [], settings.load_settings())
    print(f"built {built.reference} {built.digest}; used with MERGEWRIGHT_SANDBOX=docker")
