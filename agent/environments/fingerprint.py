"""Sum up every byte that has a say in an environment. Pure."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from pathlib import Path

from agent.environments.declare import Declaration
from agent.errors import EnvironmentFailed

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def digest(declaration: Declaration, root: Path) -> str:
    """Sum up what was read, and where something of the tree is built, all of the tree.

    Raises:
        EnvironmentFailed: The tree cannot be read.
    """
    # Which Python was chosen by the hints, and why something was taken, is told elsewhere.
    read = declaration.model_dump(exclude={"python", "choices"})
    total = hashlib.sha256(repr(read).encode())
    if declaration.may_build:
        try:
            total.update(digest_tree(root))
        except OSError as problem:
            raise EnvironmentFailed(f"The tree cannot be read: {problem}.") from problem
    return total.hexdigest()


def digest_tree(root: Path) -> bytes:
    """Sum up all that a build can see: a setup.py may import whatever is in the tree."""
    total = hashlib.sha256()
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = posixpath.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
                kind, content = "folder", b""
            else:
                kind, content = _content(entry)
            total.update(f"{kind}\0{len(content)}\0".encode() + os.fsencode(path) + b"\0")
            total.update(content)
    return total.digest()


def _content(entry: os.DirEntry[str]) -> tuple[str, bytes]:
    """What a file or link is, and a digest of what it holds."""
    facts = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        return "link", os.fsencode(Path(entry.path).readlink())
    if not stat.S_ISREG(facts.st_mode):
        return f"special {facts.st_mode}", b""
    with os.fdopen(os.open(entry.path, _READ), "rb", buffering=0) as file:
        content = hashlib.file_digest(file, "sha256").digest()
    return ("program" if facts.st_mode & stat.S_IXUSR else "file"), content
