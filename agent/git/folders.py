"""Delete and measure folders whose content we did not make ourselves."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from agent.errors import PermanentError


def delete(folder: Path) -> None:
    """Delete a folder or file with all that is in it; links in it are not followed.

    Raises:
        PermanentError: Something in it belongs to another user; the message says what to do.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
        return
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # A folder without write permission keeps what is in it, also from its owner.
    for above, below, _ in os.walk(folder, onerror=None):
        _open_up(Path(above))
        for name in below:
            _open_up(Path(above, name))
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise PermanentError(
            f"{problem.filename} cannot be deleted: {problem.strerror}. "
            f"Delete it as its owner or as root: rm -r {folder}"
        ) from problem


def size(folder: Path) -> int:
    """Bytes on disk of all that is in a folder."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(above, name).lstat().st_blocks * 512
    return total


def _open_up(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        # Not readable to open; a link is not a folder, so that this cannot lead elsewhere
        # except by an exchange in this moment, in a folder of our own.
        if not folder.is_symlink():
            _try_chmod(folder)
        return
    except OSError:
        return
    try:
        _try_chmod(descriptor)
    finally:
        os.close(descriptor)


def _try_chmod(folder: Path | int) -> None:
    try:
        os.chmod(folder, 0o700)  # noqa: PTH101 - also by descriptor
    except PermissionError:
        return  # another user's; deleting it says so
