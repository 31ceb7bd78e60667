"""One file with everything that cannot be made again, and its way back; no caches, no secrets.

Files are read in the order in which a run passes from one to the next: inbox, store, engine,
folders. So whatever an earlier file tells of, a later one knows as well.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from agent import settings
from agent.environments import storage
from agent.errors import SettingsInvalid, StoreUnavailable
from agent.models.clock import read_clock
from agent.store import engine as durable
from agent.store import sql_inbox, sql_run_store, sql_tables

_MANIFEST = "manifest.json"
#: In the order in which they are read, each with the version of its tables.
_DATABASES = {
    sql_inbox.FILE_NAME: sql_inbox.VERSION,
    sql_run_store.FILE_NAME: sql_tables.VERSION,
    durable.FILE_NAME: durable.VERSION,
}
_OF_RUN = re.compile(r"runs/[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){1,3}")


def make(home: Path, file: Path) -> dict[str, Any]:
    """Write an archive of a data folder, also while the service is at work on it.

    The file appears under its name when it is complete; only this user may read it.

    Returns:
        `runs`, the number of them; `made_at`; and the version of the `tables` by file.
    """
    runs = [path for path in (home / "runs").glob("*") if path.is_dir()]
    if not runs and not (home / sql_run_store.FILE_NAME).is_file():
        raise SettingsInvalid(f"MERGEWRIGHT_HOME: {home} is no data folder of a service.")
    if os.path.lexists(file) or not os.access(file.parent, os.W_OK):
        raise SettingsInvalid(f"{file} is there already, or cannot be made. Name another file.")
    databases = {name: version for name, version in _DATABASES.items() if (home / name).is_file()}
    manifest = {"runs": len(runs), "made_at": round(read_clock(), 3), "tables": databases}
    with (
        storage.no_space("the backup"),
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as name,
    ):
        scratch = Path(name)
        with tarfile.open(scratch / "archive", mode="w:gz", compresslevel=6) as archive:
            for database in databases:
                _copy_database(home / database, scratch / database)
                archive.add(scratch / database, database)
            for path in sorted((home / "runs").rglob("*")):
                there = path.relative_to(home).as_posix()
                whole = _OF_RUN.fullmatch(there) and not re.search(r"\.new(-|$)", there)
                with suppress(FileNotFoundError):  # cleaned up in this moment
                    if whole and path.is_file() and not path.is_symlink():
                        _add(archive, there, path.read_bytes())
            _add(archive, _MANIFEST, json.dumps(manifest).encode())
        with (scratch / "archive").open("rb") as written:
            os.fsync(written.fileno())
        (scratch / "archive").chmod(0o600)
        (scratch / "archive").rename(file)
    return manifest


def restore(home: Path, file: Path) -> dict[str, Any]:
    """Lay an archive out in an empty data folder, or leave it empty; return what `make` has."""
    settings.require_whole(home)
    if home.exists() and (there := {one.name for one in home.iterdir()} - {"lost+found"}):
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {home} is not empty ({min(there)} is in it). Stop the service, and"
            " restore into a folder that is empty or not there."
        )
    place = home / settings.RESTORING
    with storage.no_space("the restored data"):
        home.mkdir(parents=True, exist_ok=True, mode=0o711)
        place.mkdir(mode=0o700)
        try:
            manifest = _unpack(file, place)
        except BaseException:
            shutil.rmtree(place)
            raise
        os.sync()
        # Runs that no database knows of do no harm, so they come first.
        for name in ("runs", *reversed(_DATABASES)):
            if (place / name).exists():
                (place / name).rename(home / name)
        place.rmdir()
    return manifest


def _unpack(file: Path, place: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            for member in archive:
                _extract(archive, member, place)
        manifest: dict[str, Any] = json.loads((place / _MANIFEST).read_bytes())
        others = manifest["tables"].items() - _DATABASES.items()
        lost = [name for name in manifest["tables"] if not (place / name).exists()]
    except FileNotFoundError as problem:
        raise SettingsInvalid(f"{problem.filename} is not there.") from problem
    except (tarfile.TarError, zlib.error, EOFError, ValueError, KeyError) as problem:
        raise SettingsInvalid(f"{file} is no whole backup ({problem}). Take another.") from problem
    if others or lost:
        words = f"{file} has other tables in {min([*lost, *(name for name, _ in others)])}"
        raise SettingsInvalid(f"{words}. Install the version that made it, and restore with that.")
    (place / _MANIFEST).unlink()
    return manifest


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    known = member.name in (_MANIFEST, *_DATABASES) or _OF_RUN.fullmatch(member.name)
    content = archive.extractfile(member) if known and member.isreg() else None
    if content is None:
        raise tarfile.ReadError(f"{member.name} does not belong in it")
    goal = place / member.name
    goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    goal.touch(mode=0o600, exist_ok=False)
    with goal.open("wb") as out:
        shutil.copyfileobj(content, out)


def _copy_database(source: Path, copy: Path) -> None:
    """Copy a database as it is at one moment; whoever writes to it does not wait."""
    try:
        with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(copy)) as here:
            there.backup(here)
    except sqlite3.Error as problem:
        raise StoreUnavailable(f"{source} cannot be backed up: {problem}.") from problem


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    if name.endswith("/ledger.jsonl"):  # It may grow: whole lines only.
        content = content[: content.rfind(b"\n") + 1]
    facts = tarfile.TarInfo(name)
    facts.size = len(content)
    archive.addfile(facts, io.BytesIO(content))
