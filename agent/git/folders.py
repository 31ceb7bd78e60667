"""Create folders that appear with all their files, and delete folders with foreign content."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.errors import PermanentError


def provide_folder(place: Path, files: Mapping[str, bytes]) -> Path:
    """Return a folder of these files that every user can read; create it if needed.

    Args:
        place: Path of the folder without the digest of its files, which is appended, so that the
            content of one folder never changes.
    """
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    goal = place.with_name(f"{place.name}-{total.hexdigest()[:16]}")
    if goal.is_dir():
        return goal
    part = goal.with_name(f".{goal.name}.{os.getpid()}-{os.urandom(4).hex()}")
    for path, content in files.items():
        file = part / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o444)
    for folder in (part, *(below for below in part.rglob("*") if below.is_dir())):
        folder.chmod(0o755)
    try:
        part.rename(goal)
    except OSError:
        delete_folder(part)  # another process was quicker
        if not goal.is_dir():
            raise
    return goal


def delete_folder(folder: Path) -> None:
    """Delete a file or folder; links are not followed. Raises PermanentError if that fails."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
        return
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # A folder without write permission cannot be emptied, not even by its owner. A link is not
    # followed, unless it replaces a folder of ours between the test and `chmod`.
    with suppress(OSError):
        folder.chmod(0o700)
    for above, below, _ in os.walk(folder):
        for path in (Path(above, name) for name in below):
            with suppress(OSError):  # another user's; deleting it reports that
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
