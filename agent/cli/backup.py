"""`mergewright backup` and `mergewright restore`: one file with all that cannot be made again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import settings
from agent.cli import terminal

if TYPE_CHECKING:
    from agent.service.backup import Manifest

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a tar with gzip.")]


def backup(file: _File, as_json: terminal.Json = False) -> None:
    """Write runs, deliveries, records and logs into one file; the service may go on meanwhile.

    Secrets and settings are not in it, nor what can be made again: mirrors, environments. The words
    of private repositories are: only this user may read the file.
    """
    # The databases are loaded only by the commands that need them.
    from agent.service import backup as archive

    _tell(
        archive.make(settings.load_settings().home, file.absolute()),
        file,
        as_json=as_json,
        done="made",
    )


def restore(file: _File, as_json: terminal.Json = False) -> None:
    """Lay a backup out in an empty MERGEWRIGHT_HOME.

    Runs that were under way then go on when the service is started; what they had written to GitHub
    since is found again there.
    """
    from agent.service import backup as archive

    loaded = settings.load_settings()
    manifest = archive.restore(loaded.home, file.absolute())
    _tell(manifest, file, as_json=as_json, done="restored")


def _tell(manifest: Manifest, file: Path, *, as_json: bool, done: str) -> None:
    size = sum(part.bytes for part in manifest.parts)
    if as_json:
        facts = manifest.model_dump(mode="json", exclude={"parts"})
        terminal.print_json({**facts, "file": str(file), "runs": manifest.runs, "bytes": size})
        return
    when = time.strftime("%F %T", time.localtime(manifest.made_at))
    runs = f"{manifest.runs} runs" if manifest.runs else "no run of an issue"
    print(f"{done} {file}: {runs}, {terminal.megabytes(size)}, as of {when}")
