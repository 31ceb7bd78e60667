"""One file with everything that cannot be made again, and its way back.

Owns what belongs in a backup, in which order it is read while the service goes on, and what an
archive has to be like before anything of it is laid out. Caches and secrets are never in it.

Each file is read as it is at one moment, and the moments lie in the order in which a run passes
from one to the next: inbox, store, engine, folders. So whatever an earlier file tells of, a later
one knows as well: a delivery may be settled again and finds its run, a run be begun again and finds
its records, a record be there already.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import IO

from agent import settings
from agent.errors import PermanentError, SettingsInvalid, StorageFull, StoreUnavailable
from agent.models.record import Record
from agent.store import engine as durable
from agent.store import sql_inbox, sql_store, sql_tables

_MANIFEST = "manifest.json"
#: In the order in which they are read.
_DATABASES = (sql_inbox.FILE_NAME, sql_store.FILE_NAME, durable.FILE_NAME)
#: In the order in which they appear: runs that nobody knows of do no harm.
_LAID_OUT = ("runs", *reversed(_DATABASES))
_RUNS = "runs"
_LEDGER = "ledger.jsonl"
_OF_RUN = re.compile(r"runs/[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){1,3}")
_HALF_WRITTEN = re.compile(r"\.new-|\.new$")
_BUSY_SECONDS = 30.0
_MANIFEST_BYTES = 256 * 1024**2
#: How what is no archive of ours, or only a part of one, shows.
_UNREADABLE = (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError)
#: A new file system has this folder of its own.
_NOTHING = frozenset({"lost+found"})


class Part(Record):
    """One file of an archive."""

    path: str
    bytes: int
    sha256: str


class Manifest(Record):
    """What an archive holds; it is its last file."""

    version: str
    """Of Mergewright, when it was made."""
    made_at: float
    schemas: dict[str, str]
    """Version of the tables, by file."""
    parts: tuple[Part, ...]

    @property
    def runs(self) -> int:
        """How many folders of runs there are."""
        return len({part.path.split("/")[1] for part in self.parts if "/" in part.path})


def make(home: Path, file: Path) -> Manifest:
    """Write an archive of a data folder, also while the service is at work on it.

    The file appears under its name when it is complete; only this user may read it.

    Raises:
        SettingsInvalid: There is nothing to keep, or the file is there already or cannot be made.
        StoreUnavailable: A database is damaged, or stays locked.
        StorageFull: There is no space for the file.
    """
    if not (home / sql_store.FILE_NAME).is_file():
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {home} holds no runs, so there is nothing to back up."
        )
    if os.path.lexists(file):
        raise SettingsInvalid(f"{file} is there already. Name a file that is not.")
    with (
        _writing(file) as out,
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch,
    ):
        return _write(home, out, Path(scratch))


def restore(home: Path, file: Path) -> Manifest:
    """Lay an archive out in an empty data folder.

    All of it is held against the manifest before the first file appears under its name.

    Raises:
        SettingsInvalid: The folder is not empty, or the archive is damaged, foreign or of another
            version; nothing was changed.
        StorageFull: There is no space for it; the folder is empty as before.
    """
    _require_empty(home)
    place = home / settings.RESTORING
    with _no_space(home):
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o711)
            place.mkdir(mode=0o700)
        except OSError as problem:
            raise SettingsInvalid(
                f"MERGEWRIGHT_HOME: {home} cannot be used ({problem.strerror})."
            ) from problem
        try:
            manifest = _lay_out(file, place)
        except BaseException:
            shutil.rmtree(place)
            raise
        for name in _LAID_OUT:
            if (place / name).exists():
                (place / name).rename(home / name)
        _sync(home)
        place.rmdir()
    return manifest


# --- writing ---------------------------------------------------------------------------------


def _write(home: Path, out: IO[bytes], scratch: Path) -> Manifest:
    parts: list[Part] = []
    schemas: dict[str, str] = {}
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as archive:
        for name in _DATABASES:
            if (home / name).is_file():
                copy = scratch / name
                _copy_database(home / name, copy)
                schemas[name] = _schema(copy)
                with copy.open("rb") as content:
                    parts.append(_add(archive, name, content, copy.stat().st_size))
                copy.unlink()
        for path in sorted((home / _RUNS).rglob("*")):
            name = path.relative_to(home).as_posix()
            if _HALF_WRITTEN.search(name) or not _OF_RUN.fullmatch(name):
                continue
            with suppress(FileNotFoundError):  # cleaned up in this moment
                if path.is_file() and not path.is_symlink():
                    words = _as_it_is(path)
                    parts.append(_add(archive, name, io.BytesIO(words), len(words)))
        manifest = Manifest(
            version=metadata.version("mergewright"),
            made_at=round(time.time(), 3),
            schemas=schemas,
            parts=tuple(parts),
        )
        told = manifest.model_dump_json(indent=1).encode()
        _add(archive, _MANIFEST, io.BytesIO(told), len(told))
    return manifest


def _copy_database(source: Path, copy: Path) -> None:
    """Copy a database as it is at one moment; whoever writes to it does not wait."""
    try:
        with closing(sqlite3.connect(source, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as problem:
        if getattr(problem, "sqlite_errorname", "") == "SQLITE_FULL":
            told = f"There is no space for the backup in {copy.parent.parent}."
            raise StorageFull(told) from problem
        raise StoreUnavailable(f"{source} cannot be backed up: {problem}.") from problem


def _as_it_is(path: Path) -> bytes:
    """Read a file that may grow meanwhile; of a ledger only whole lines."""
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1] if path.name == _LEDGER else content


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> Part:
    facts = tarfile.TarInfo(name)
    facts.size, facts.mode, facts.mtime = size, 0o600, int(time.time())
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    content.seek(0)
    archive.addfile(facts, content)
    return Part(path=name, bytes=size, sha256=digest)


@contextmanager
def _writing(file: Path) -> Iterator[IO[bytes]]:
    """Give a file that appears under its name at the end of the block, or not at all."""
    with _no_space(file.parent):
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        except OSError as problem:
            if problem.errno == errno.ENOSPC:
                raise
            raise SettingsInvalid(
                f"{file} cannot be written ({problem.strerror}). Name a file in a folder that you"
                " may write to."
            ) from problem
        try:
            with os.fdopen(descriptor, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            # A file that somebody has made meanwhile is not replaced.
            Path(file).hardlink_to(name)
        except FileExistsError as problem:
            raise SettingsInvalid(f"{file} is there already. Name a file that is not.") from problem
        finally:
            Path(name).unlink()
        _sync(file.parent)


# --- reading ---------------------------------------------------------------------------------


def _require_empty(home: Path) -> None:
    settings.require_whole(home)
    with suppress(FileNotFoundError):
        if there := sorted({one.name for one in home.iterdir()} - _NOTHING):
            raise SettingsInvalid(
                f"MERGEWRIGHT_HOME: {home} is not empty ({there[0]} is in it). Stop the service,"
                " and restore into a folder that is empty or not there."
            )


def _lay_out(file: Path, place: Path) -> Manifest:
    found: dict[str, Part] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or manifest is not None:
                    raise _damaged(file, f"{member.name} does not belong in it")
                if member.name == _MANIFEST:
                    manifest = Manifest.model_validate_json(content.read(_MANIFEST_BYTES))
                elif member.name in _DATABASES or _OF_RUN.fullmatch(member.name):
                    found[member.name] = _lay(content, member, place)
                else:
                    raise _damaged(file, f"{member.name} does not belong in it")
    except FileNotFoundError as problem:
        raise SettingsInvalid(f"{file} is not there.") from problem
    except _UNREADABLE as problem:
        raise _damaged(file, str(problem).partition("\n")[0]) from problem
    if manifest is None:
        raise _damaged(file, "its manifest is missing")
    if found != {part.path: part for part in manifest.parts}:
        raise _damaged(file, "its files are not those that the manifest names")
    _require_same_tables(file, manifest)
    return manifest


def _lay(content: IO[bytes], member: tarfile.TarInfo, place: Path) -> Part:
    goal = place / member.name
    goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    goal.touch(mode=0o600, exist_ok=False)
    with goal.open("wb") as out:
        while block := content.read(1024**2):
            digest.update(block)
            size += len(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return Part(path=member.name, bytes=size, sha256=digest.hexdigest())


def _require_same_tables(file: Path, manifest: Manifest) -> None:
    known = {
        sql_inbox.FILE_NAME: str(sql_inbox.VERSION),
        sql_store.FILE_NAME: sql_tables.VERSION,
        durable.FILE_NAME: durable.VERSION,
    }
    if others := sorted(manifest.schemas.items() - known.items()):
        raise SettingsInvalid(
            f"{file} was made by Mergewright {manifest.version}, with other tables in"
            f" {others[0][0]}. Install that version, and restore with it."
        )


def _schema(database: Path) -> str:
    """Read which version the tables of a database have."""
    with closing(sqlite3.connect(database)) as connection:
        if database.name == durable.FILE_NAME:
            return durable.VERSION
        if database.name == sql_inbox.FILE_NAME:
            return str(connection.execute("PRAGMA user_version").fetchone()[0])
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _damaged(file: Path, found: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"{file} is no whole backup ({found}). Nothing was restored; take another one."
    )


@contextmanager
def _no_space(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"There is no sandbox left in {folder}.") from problem
        raise PermanentError(f"{problem}") from problem


def _sync(folder: Path) -> None:
    """Let the names in a folder be on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
