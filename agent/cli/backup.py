"""`mergewright backup` and `mergewright restore`: one file with all that cannot be made again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import terminal

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a tar with gzip.")]


def backup(file: _File, as_json: terminal.Json = False) -> None:
    """Write runs, deliveries, records and logs into one file; the service may go on meanwhile.

    Secrets, settings and caches are not in it. The words of private repositories are.
    """
    _carry("make", file, as_json=as_json)


def restore(file: _File, as_json: terminal.Json = False) -> None:
    """Lay a backup out in an empty MERGEWRIGHT_HOME; open runs go on when the service starts."""
    _carry("restore", file, as_json=as_json)


def _carry(verb: str, file: Path, *, as_json: bool) -> None:
    # The databases are loaded only by the commands that need them.
    from agent.service import backup as archive

    work = archive.make if verb == "make" else archive.restore
    facts = work(settings.load_settings().home, file.absolute())
    if as_json:
        terminal.print_json({**facts, "file": str(file)})
    else:
        when = time.strftime("%F %T", time.localtime(facts["made_at"]))
        print(f"{verb}: {file} has {facts['runs']} runs, as of {when}")
