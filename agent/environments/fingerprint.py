"""Sum up every byte that has a say in an environment. Pure."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable
from pathlib import Path

from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from repo_config.schema import PythonSection

_ALWAYS = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile",
    "Pipfile.lock",
    "tox.ini",
    "tox.toml",
    "hatch.toml",
    "MANIFEST.in",
    "PKG-INFO",
    ".python-version",
)
_OF_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def digest(
    files: TreeFiles,
    section: PythonSection,
    found: Requirements,
    more: Iterable[str],
    *,
    builds: bool,
) -> str:
    """Sum up the declarations: an equal digest means an equal environment.

    Args:
        files: The tree.
        section: Of the configuration.
        found: What was read; its files count, and those of the projects it names.
        more: Further paths that count.
        builds: Something of the tree is built, so that all of it counts: its code has a say.

    Raises:
        EnvironmentFailed: The tree cannot be read.
    """
    paths = {*_ALWAYS, *found.files, *more}
    # A setup.py often reads these, whatever they are called.
    for folder in ("", "requirements"):
        for name in files.names(folder):
            if "require" in name.lower() or name.endswith(".in"):
                paths.add(posixpath.join(folder, name))
    # What was read counts, too: another version of this program may read the same files otherwise.
    asked = f"{files.base}\0{section.model_dump_json()}\0{found.model_dump_json()}"
    total = hashlib.sha256(asked.encode())
    of_projects = {
        posixpath.join(project.folder, name) for project in found.projects for name in _OF_PROJECTS
    }
    places = [(files, path) for path in sorted(paths)]
    places += [(files.whole(), path) for path in sorted(of_projects)]
    for place, path in places:
        content = place.read(path)
        if content is not None:
            total.update(f"\0{path}\0{len(content)}\0".encode())
            total.update(content)
    if builds:
        try:
            total.update(b"\0tree\0" + digest_tree(files.root))
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
