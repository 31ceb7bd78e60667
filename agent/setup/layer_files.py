"""Files that set-up commands and packages leave, as layers below trees: files of strangers.

Nobody follows a link in them.
"""

import filecmp
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.git import folders

ENVIRONMENT = "environment"
#: Folders with more than these are mounted; smaller ones are copied into each sandbox.
_FEW_ENTRIES = 2000


def _walk(top: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield all that is below a folder; what is in a folder comes after it. No link is followed.

    A folder that is removed meanwhile is not gone into.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        if not (top / folder).is_dir():
            continue
        for entry in sorted(os.scandir(top / folder), key=lambda entry: entry.name):
            path = posixpath.join(folder, entry.name)
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(state.st_mode):
                waiting.append(path)
            yield path, top / path, state


def mark_entries(top: Path) -> dict[str, tuple[object, ...]]:
    """Return by path what tells whether a file or link was written to."""
    return {
        path: (str(place.readlink()),)
        if stat.S_ISLNK(state.st_mode)
        else (state.st_size, state.st_mtime_ns, state.st_ino)
        for path, place, state in _walk(top)
        if stat.S_ISLNK(state.st_mode) or stat.S_ISREG(state.st_mode)
    }


def remove_special(top: Path, links: dict[str, tuple[object, ...]] | None = None) -> None:
    """Remove what is neither file nor folder nor link; of links all but these, where given."""
    for path, place, state in _walk(top):
        if stat.S_ISLNK(state.st_mode):
            if links is not None and links.get(path) != (str(place.readlink()),):
                place.unlink()
        elif not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            place.unlink()


def delete_repository_files(top: Path, tree: Path, gone: Iterable[str]) -> list[str]:
    """Remove from what commands have left all that the tree has; name what of it was altered.

    Args:
        top: Where the files are that the commands have written.
        gone: Paths that the commands have removed, as they say.
    """
    remove_special(top)
    altered = {path for path in gone if _has_file(tree, path)}
    for path, place, state in _walk(top):
        try:
            original = (tree / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            if path != ".git":
                continue
        else:
            if stat.S_ISDIR(state.st_mode) and stat.S_ISDIR(original.st_mode) and path != ".git":
                continue
            if path != ".git" and not _is_same(place, tree / path):
                altered.add(path)
        folders.delete_folder(place)
    return sorted(altered)


def separate_large_folders(part: Path, tree: Path) -> list[str]:
    """Move large folders that are new as a whole, so that sandboxes can mount them; return them."""
    sizes: dict[str, int] = {}
    for path, _, _ in _walk(part / "tree"):
        while path := posixpath.dirname(path):
            sizes[path] = sizes.get(path, 0) + 1
    found: list[str] = []
    for path in sorted(sizes):
        is_within = any(path.startswith(f"{other}/") for other in found)
        if not os.path.lexists(tree / path) and not is_within and sizes[path] > _FEW_ENTRIES:
            (part / "bulk").mkdir(exist_ok=True)
            (part / "tree" / path).rename(part / "bulk" / str(len(found)))
            found.append(path)
    return found


def _has_file(tree: Path, path: str) -> bool:
    clean = posixpath.normpath(path)
    if clean.startswith(("/", "../")) or clean in (".", "..") or "\0" in clean:
        return False
    return os.path.lexists(tree / clean) and not stat.S_ISDIR((tree / clean).lstat().st_mode)


def _is_same(place: Path, other: Path) -> bool:
    if place.is_symlink() or other.is_symlink():
        both = place.is_symlink() and other.is_symlink()
        return both and place.readlink() == other.readlink()
    return place.is_file() and other.is_file() and filecmp.cmp(place, other, shallow=False)
