"""One-time links by which whoever runs the service signs in, and the key that signs sessions.

A link is a file named by the digest of its code: to follow it removes the file, so it works once,
also over restarts and between processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from agent.errors import SettingsInvalid

LINK_SECONDS = 600.0
"""A link works for so long."""
_KEY_BYTES = 32
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


def make_link(home: Path, address: str) -> str:
    """Make a link that signs in once, within ten minutes.

    Args:
        address: Of the dashboard, without slash at the end.

    Raises:
        SettingsInvalid: The data folder cannot be written to.
    """
    code = secrets.token_urlsafe(32)
    try:
        ours = _make_folder(home)
        folder = ours / "links"
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > LINK_SECONDS:
                old.unlink(missing_ok=True)
        (folder / _digest(code)).touch(mode=0o600)
    except OSError as problem:
        raise _unwritable(home, problem) from problem
    return f"{address}/sign-in/once?code={code}"


def use_code(home: Path, code: str) -> bool:
    """Use the code of a link up; return whether it is one that still counts."""
    if not _CODE.fullmatch(code):
        return False
    path = home / "dashboard" / "links" / _digest(code)
    try:
        made = path.stat().st_mtime
        path.unlink()
    except OSError:
        return False
    return time.time() - made <= LINK_SECONDS


def read_key(home: Path) -> bytes:
    """Read the key that signs sessions; make one where there is none.

    Raises:
        SettingsInvalid: It cannot be read or made.
    """
    try:
        folder = _make_folder(home)
        path = folder / "key"
        if not path.exists():
            passing = path.with_name(f"key.{os.getpid()}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(passing, flags, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            # Where another process was first, its key counts.
            with suppress(FileExistsError):
                os.link(passing, path)
            passing.unlink()
        key = path.read_bytes()
    except OSError as problem:
        raise _unwritable(home, problem) from problem
    if len(key) != _KEY_BYTES:
        raise SettingsInvalid(f"{path} is no key of the dashboard. Remove it, and start again.")
    return key


def _make_folder(home: Path) -> Path:
    folder = home / "dashboard"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _unwritable(home: Path, problem: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"MERGEWRIGHT_HOME: {home} cannot be used ({problem.strerror}). Name the service's data"
        " folder, as the user that the service runs as."
    )
