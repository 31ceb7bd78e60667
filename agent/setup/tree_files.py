"""Digests of the content of a work tree, by which a build knows it again."""

import hashlib
import os
import stat
from pathlib import Path

from agent.git import by_descriptor

WHOLE = "."
"""Means all of a tree: a setup.py may import whatever is in it."""


def digest_entry(folder: Path, path: str) -> str:
    """Sum up what is at a path of a tree; of a folder, which names it has."""
    place, total = folder / path, hashlib.sha256()
    try:
        if path == WHOLE:
            every = (str(below.relative_to(folder)) for below in sorted(folder.rglob("*")))
            total.update("".join(digest_entry(folder, below) for below in ("", *every)).encode())
            return total.hexdigest()
        state = place.lstat()
        total.update(f"{stat.S_IFMT(state.st_mode)} {state.st_mode & stat.S_IXUSR} ".encode())
        if stat.S_ISDIR(state.st_mode):
            total.update(b"\0".join(sorted(os.fsencode(below.name) for below in place.iterdir())))
        elif stat.S_ISLNK(state.st_mode):
            total.update(os.fsencode(place.readlink()))
        elif stat.S_ISREG(state.st_mode):
            with os.fdopen(os.open(place, by_descriptor.READ), "rb", buffering=0) as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return ""
    return total.hexdigest()
