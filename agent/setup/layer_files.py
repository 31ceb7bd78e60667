"""Clean the files that set-up commands and packages leave; they become layers below work trees.

Foreign code wrote them, so no link in them is followed.
"""

import filecmp
import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.git import folders

ENVIRONMENT = "environment"
#: Folders with more entries are mounted in each sandbox; smaller ones are copied into it.
_FEW_ENTRIES = 2000


def _walk(top: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield all paths below a folder, each folder before its entries. No link is followed.

    A folder that the caller removes meanwhile is not entered.
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
    """Return a mark of each file and link, by path; the mark changes when it is written to."""
    return {
        path: (str(place.readlink()),)
        if stat.S_ISLNK(state.st_mode)
        else (state.st_size, state.st_mtime_ns, state.st_ino)
        for path, place, state in _walk(top)
        if stat.S_ISLNK(state.st_mode) or stat.S_ISREG(state.st_mode)
    }


def remove_special(top: Path, links: dict[str, tuple[object, ...]] | None = None) -> None:
    """Remove special files; with `links`, also all links that differ from these marks."""
    for path, place, state in _walk(top):
        if stat.S_ISLNK(state.st_mode):
            if links is not None and links.get(path) != (str(place.readlink()),):
                place.unlink()
        elif not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            place.unlink()


def delete_repository_files(top: Path, tree: Path) -> list[str]:
    """Remove written files that the repository has, too; return the paths that commands altered.

    Args:
        top: Folder with the files that the commands have written.
    """
    remove_special(top)
    altered = []
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
                altered.append(path)
        folders.delete_folder(place)
    return sorted(altered)


def separate_large_folders(part: Path, tree: Path) -> list[str]:
    """Move large new folders to `bulk`, so that sandboxes can mount them; return their paths."""
    sizes: dict[str, int] = {}
    for path, _, _ in _walk(part / "tree"):
        while path := posixpath.dirname(path):
            sizes[path] = sizes.get(path, 0) + 1
    moved: list[str] = []
    for path in sorted(sizes):
        is_within = any(path.startswith(f"{folder}/") for folder in moved)
        if not os.path.lexists(tree / path) and not is_within and sizes[path] > _FEW_ENTRIES:
            (part / "bulk").mkdir(exist_ok=True)
            (part / "tree" / path).rename(part / "bulk" / str(len(moved)))
            moved.append(path)
    return moved


def _is_same(place: Path, original: Path) -> bool:
    if place.is_symlink() or original.is_symlink():
        both = place.is_symlink() and original.is_symlink()
        return both and place.readlink() == original.readlink()
    return place.is_file() and original.is_file() and filecmp.cmp(place, original, shallow=False)
