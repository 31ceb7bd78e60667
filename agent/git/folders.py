"""Delete folders whose content we did not make ourselves."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from agent.errors import PermanentError


def delete_folder(folder: Path) -> None:
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
    # A folder without write permission keeps what is in it, also from its owner. A link is not
    # followed, except by an exchange in this very moment, in a folder of our own.
    with suppress(OSError):
        folder.chmod(0o700)
    for above, below, _ in os.walk(folder):
        for path in (Path(above, name) for name in below):
            with suppress(OSError):  # another user's; deleting it says so
                if not path.is_symlink():
                    path.chmod(0o700)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise PermanentError(
            f"{problem.filename} cannot be deleted: {problem.strerror}. "
            f"Delete it as its owner or as root: rm -r {folder}"
        ) from problem
