"""One-time links by which the operator of the service signs in.

A link is a file named by the digest of its code. Using the link removes the file, so it works once,
also over restarts and between processes.
"""

import hashlib
import re
import secrets
from pathlib import Path

from agent.errors import SettingsInvalid
from agent.models.clock import read_clock

LINK_SECONDS = 600.0
"""Seconds for which a link works."""
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


def create_sign_in_link(home: Path, address: str) -> str:
    """Create a link that signs in once, within ten minutes. Raises SettingsInvalid."""
    code = secrets.token_urlsafe(32)
    try:
        folder = home / "dashboard" / "links"
        for made in (folder.parent, folder):
            made.mkdir(mode=0o700, exist_ok=True)
        for old in folder.iterdir():
            if read_clock() - old.stat().st_mtime > LINK_SECONDS:
                old.unlink(missing_ok=True)
        (folder / _digest(code)).touch(mode=0o600)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {home} cannot be used ({problem.strerror}). Use the service's"
            " data folder, and run this as the service's user."
        ) from problem
    return f"{address}/sign-in/once?code={code}"


def use_code(home: Path, code: str) -> bool:
    """Use up the code of a link; return whether the link was valid."""
    if not _CODE.fullmatch(code):
        return False
    path = home / "dashboard" / "links" / _digest(code)
    try:
        made = path.stat().st_mtime
        path.unlink()
    except OSError:
        return False
    return read_clock() - made <= LINK_SECONDS


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
