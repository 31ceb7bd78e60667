"""`mergewright backup` and `mergewright restore`: one file with all that cannot be made again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from agent import settings

if TYPE_CHECKING:
    from agent.service.backup import Manifest

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a tar with gzip.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def backup(file: _File, as_json: _Json = False) -> None:
    """Write runs, deliveries, records and logs into one file; the service may go on meanwhile.

    Secrets and settings are not in it, nor what can be made again: mirrors, environments. The words
    of private repositories are: only this user may read the file.
    """
    # The databases are loaded only by the commands that need them.
    from agent.service import backup as archive

    _tell(archive.make(settings.load().home, file.absolute()), file, as_json=as_json, done="made")


def restore(file: _File, as_json: _Json = False) -> None:
    """Lay a backup out in an empty MERGEWRIGHT_HOME.

    Runs that were under way then go on when the service is started; what they had written to GitHub
    since is found again there.
    """
    from agent.service import backup as archive

    loaded = settings.load()
    manifest = archive.restore(loaded.home, file.absolute())
    _tell(manifest, file, as_json=as_json, done="restored")


def _tell(manifest: Manifest, file: Path, *, as_json: bool, done: str) -> None:
    size = sum(part.bytes for part in manifest.parts)
    if as_json:
        facts = manifest.model_dump(mode="json", exclude={"parts"})
        print(
            json.dumps({**facts, "file": str(file), "runs": manifest.runs, "bytes": size}, indent=2)
        )
        return
    when = time.strftime("%F %T", time.localtime(manifest.made_at))
    Console().print(
        f"{done} {escape(str(file))}: {manifest.runs} runs, {size / 1024**2:.1f} MB, as of {when}",
        soft_wrap=True,
    )
