"""`mergewright --version`."""

from __future__ import annotations

from importlib import metadata

import typer


def show(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"mergewright {metadata.version('mergewright')}")
        raise typer.Exit
