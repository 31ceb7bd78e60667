"""Files that set-up commands and packages leave, as layers below trees: files of strangers.

Nobody follows a link in them.
"""

from __future__ import annotations

import filecmp
import os
import posixpath
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.environments import storage
from agent.models.environment import Layer

ENVIRONMENT = "environment"
#: Folders with more than these are set apart; smaller ones are copied into each sandbox.
_FEW_ENTRIES = 2000


def _walk(top: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield all that is below a folder; what is in a folder comes after it. No link is followed.

    A folder that is removed meanwhile is not gone into.
    """
    folders = [""]
    while folders:
        folder = folders.pop()
        if not (top / folder).is_dir():
            continue
        for entry in sorted(os.scandir(top / folder), key=lambda entry: entry.name):
            path = posixpath.join(folder, entry.name)
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(state.st_mode):
                folders.append(path)
            yield path, top / path, state


def mark_entries(top: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield what tells whether a file or link was written to."""
    for path, place, state in _walk(top):
        if stat.S_ISLNK(state.st_mode):
            yield path, (str(place.readlink()),)
        elif stat.S_ISREG(state.st_mode):
            yield path, (state.st_size, state.st_mtime_ns, state.st_ino)


def remove_special(top: Path, links: dict[str, tuple[object, ...]] | None = None) -> None:
    """Remove what is neither file nor folder nor link; of links all but these, where given."""
    for path, place, state in _walk(top):
        if stat.S_ISLNK(state.st_mode) and links is not None:
            if links.get(path) != (str(place.readlink()),):
                place.unlink()
        elif not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            if not stat.S_ISLNK(state.st_mode):
                place.unlink()


def keep_new(top: Path, tree: Path, gone: list[str]) -> list[str]:
    """Remove what the tree has itself; name what of it was altered."""
    remove_special(top)
    altered = {path for path in gone if _has_file(tree, path)}
    for path, place, state in _walk(top):
        is_folder = stat.S_ISDIR(state.st_mode)
        if path == ".git":
            _remove_place(place)
            continue
        try:
            original = (tree / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if is_folder and stat.S_ISDIR(original.st_mode):
            continue
        if not _is_same(place, state, tree / path, original):
            altered.add(path)
        _remove_place(place)
    return sorted(altered)


def set_bulk_apart(part: Path, tree: Path) -> list[str]:
    """Set large folders apart that are new as a whole, so that sandboxes need not copy them."""
    sizes: dict[str, int] = {}
    for path, _, _ in _walk(part / "tree"):
        while path := posixpath.dirname(path):
            sizes[path] = sizes.get(path, 0) + 1
    found: list[str] = []
    for path in sorted(sizes):
        is_new = not (tree / path).exists() and not (tree / path).is_symlink()
        is_within = any(path.startswith(f"{other}/") for other in found)
        if is_new and not is_within and sizes[path] > _FEW_ENTRIES:
            (part / "bulk").mkdir(exist_ok=True)
            (part / "tree" / path).rename(part / "bulk" / str(len(found)))
            found.append(path)
    return found


def _has_file(tree: Path, path: str) -> bool:
    clean = posixpath.normpath(path)
    if clean.startswith(("/", "../")) or clean in (".", "..") or "\0" in clean:
        return False
    try:
        return not stat.S_ISDIR((tree / clean).lstat().st_mode)
    except OSError:
        return False


def _is_same(place: Path, state: os.stat_result, other: Path, original: os.stat_result) -> bool:
    if stat.S_IFMT(state.st_mode) != stat.S_IFMT(original.st_mode):
        return False
    if stat.S_ISLNK(state.st_mode):
        return place.readlink() == other.readlink()
    return stat.S_ISREG(state.st_mode) and filecmp.cmp(place, other, shallow=False)


def _remove_place(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        storage.remove_folder(place)
    else:
        place.unlink()


def take_from_base(
    part: Path, bulk: tuple[str, ...], layers: Sequence[Layer], is_rule: Callable[[str], bool]
) -> None:
    """Have rules and $HOME as the set-up of base has made them, and no packages."""
    for name in ("home", ENVIRONMENT, "generated"):
        storage.remove_folder(part / name)
    (part / "home").mkdir()
    tops = {"": part / "tree"}
    tops |= {path: part / "bulk" / str(number) for number, path in enumerate(bulk)}
    for folder, top in tops.items():
        for path, place, state in _walk(top):
            if not stat.S_ISDIR(state.st_mode) and is_rule(posixpath.join(folder, path)):
                place.unlink()
    for layer in reversed(layers):
        _merge_files(Path(layer.folder, "home"), part / "home", lambda path: True)
        _merge_files(Path(layer.folder, "tree"), part / "tree", is_rule)


def _merge_files(source: Path, target: Path, wants: Callable[[str], bool]) -> None:
    """Copy files and links to where nothing is yet; no link is followed."""
    for path, place, state in _walk(source):
        if stat.S_ISDIR(state.st_mode) or not wants(path) or not _is_free(target, path):
            continue
        goal = target / path
        goal.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(state.st_mode):
            goal.symlink_to(place.readlink())
        else:
            shutil.copy2(place, goal)


def _is_free(top: Path, path: str) -> bool:
    """Whether nothing but folders is on the way to a path, and nothing in its place."""
    *folders, name = path.split("/")
    here = top
    for folder in folders:
        here /= folder
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            return False
    return not (here / name).is_symlink() and not (here / name).exists()
