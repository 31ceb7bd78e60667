"""The outline of a repository: what each file defines and who imports whom, most relevant first.

Kept on disk by commit, and known by the files' object ids: a new commit reads anew only the files
that differ, and a change under way only its own. Who imports whom is worked out as for the tests
that a change reaches (`agent.checks.affected`), from the names that `sketch` has read.
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path

import structlog
from pydantic_core import from_json

from agent import worktree
from agent.checks import reports
from agent.checks.affected import Imports
from agent.domain import Checkout
from agent.editing import sketch
from agent.editing.sketch import Sketch
from agent.errors import EditFailed, StorageFull
from agent.policy.layout import is_test
from agent.repository.tree import WorkTree

FOLDER = "outlines"
"""Of what is kept, below the data folder."""
MOST_SHOWN = 8_000
#: Of the room, for what is shown by its names alone, and for what is only counted.
_FOR_NAMES = 0.3
_FOR_COUNTS = 0.1
_MOST_OF_A_FILE = 2_000
_MOST_IMPORTERS = 20
_MOST_COMMITS = 3
_MOST_REPOSITORIES = 40
_NOTHING = Sketch([], [], 0)
_WORD = re.compile(r"[A-Za-z_][\w./-]*\w|[A-Za-z_]")

_log = structlog.get_logger()

Sketches = Mapping[str, Sketch]


class Outline:
    """What is known of the Python files of a tree."""

    def __init__(self, sketches: Sketches) -> None:
        """Take what was read of each file, by path."""
        self._sketches = sketches

    def of_file(self, path: str) -> str:
        """Show what one file defines, and who imports it."""
        found = self._sketches[path]
        lines = [f"{path} ({found.length:,} lines)", *found.lines]
        importers = self._imports.importers_of(path)
        lines.append(f"imported by {_some(importers) if importers else 'no file'}")
        return _bounded(lines, MOST_SHOWN)

    def has(self, path: str) -> bool:
        """Whether it knows this file."""
        return path in self._sketches

    def whole(self, words: str = "", folder: str = "", limit: int = MOST_SHOWN) -> str:
        """Show all files, or those in a folder, within a number of characters.

        Files that the words name come first, then those that many others import; what there is no
        room for is shown by its names, then counted by folder.

        Args:
            words: Of the ticket.
        """
        start = f"{folder}/" if folder else ""
        paths = [path for path in self._sketches if path.startswith(start)]
        ranked = self._ranked(paths, words)
        shown: list[str] = []
        left, count = limit, 0
        for path in ranked:
            text = _bounded(self._lines(path), _MOST_OF_A_FILE)
            if left - len(text) < limit * _FOR_NAMES:
                break
            shown.append(text)
            left -= len(text) + 1
            count += 1
        names = _fitting([self._named(path) for path in ranked[count:]], left - limit * _FOR_COUNTS)
        rest = Counter(_folder(path) for path in ranked[count + len(names) :])
        shown += names
        left -= sum(len(line) + 1 for line in names)
        counted = [f"{name}: {number:,} more" for name, number in rest.most_common()]
        return "\n".join([*shown, *_fitting(counted, left)])

    def _lines(self, path: str) -> list[str]:
        found = self._sketches[path]
        number = len(self._imports.importers_of(path))
        known = f", imported by {number:,}" if number else ""
        return [f"{path} ({found.length:,} lines{known})", *found.lines]

    def _named(self, path: str) -> str:
        names = " ".join(dict.fromkeys(self._sketches[path].names))
        return f"{path}: {names[:200]}" if names else path

    # --- relevance ----------------------------------------------------------------------------

    def _ranked(self, paths: list[str], words: str) -> list[str]:
        """Sort paths, what matters most first."""
        asked = frozenset(word.strip("./-") for word in _WORD.findall(words))
        lowered = frozenset(word.lower() for word in asked)
        scores = {path: self._score(path, asked, lowered) for path in paths}
        return sorted(paths, key=lambda path: (-scores[path], path))

    def _score(self, path: str, asked: frozenset[str], lowered: frozenset[str]) -> float:
        stem = path.removesuffix(".py")
        parts = stem.split("/")
        score = min(10.0, 2 * math.log2(1 + len(self._imports.importers_of(path))))
        if not asked.isdisjoint({path, posixpath.basename(path), stem.replace("/", ".")}):
            score += 100
        names = set(self._sketches[path].names)
        if any("_" in name or not name.islower() for name in names & asked):
            score += 40
        elif not lowered.isdisjoint(name.lower() for name in names):
            score += 15
        if not lowered.isdisjoint(parts):
            score += 8
        if is_test(path):
            score -= 6
        if "migrations" in parts:
            score -= 30
        return score if self._sketches[path].lines else score - 20

    @cached_property
    def _imports(self) -> Imports:
        return Imports.of({path: found.imports for path, found in self._sketches.items()})


def of(tree: WorkTree, checkout: Checkout, kept: Path) -> Outline:
    """Read the outline of a tree; files that were read before are not read again.

    Args:
        kept: Folder of what was read of all repositories; it may go at any time.
    """
    sketches = dict(_of_commit(tree, checkout, kept))
    for file in tree.changes():
        if not file.path.endswith(".py"):
            continue
        if file.after is None:
            sketches.pop(file.path, None)
        else:
            sketches[file.path] = sketch.of(file.path, file.after)
    return Outline(sketches)


# --- what is kept ---------------------------------------------------------------------------------


_Kept = dict[str, tuple[str, Sketch]]
"""By path: the object id of what was read, and what it said."""


def _of_commit(tree: WorkTree, checkout: Checkout, kept: Path) -> Sketches:
    folder = kept / hashlib.sha256(checkout.mirror.encode()).hexdigest()[:32]
    place = folder / f"{checkout.commit}-{_version()}.json"
    loaded = _loaded(place)
    if loaded is None:
        loaded = _read(tree, worktree.object_ids(checkout), _latest(folder))
        _keep(place, loaded)
    return {path: found for path, (_, found) in loaded.items()}


def _read(tree: WorkTree, ids: Mapping[str, str], earlier: _Kept) -> _Kept:
    """Read the files of a commit, but those that an earlier one had in the same place."""
    # What is changed by now is not on disk any more.
    originals = {file.path: file.before for file in tree.changes()}
    read: _Kept = {}
    for path, blob in ids.items():
        if not path.endswith(".py"):
            continue
        before, found = earlier.get(path, ("", _NOTHING))
        if before != blob:
            content = originals.get(path) or _content(tree, path)
            found = sketch.of(path, content)
        read[path] = (blob, found)
    return read


def _content(tree: WorkTree, path: str) -> bytes:
    try:
        return tree.read(path)
    except EditFailed:  # gone, or no plain file: there is nothing to show of it
        return b""


@lru_cache(maxsize=1)
def _version() -> str:
    """Tell apart what other versions of this code and of the grammar have read."""
    code = Path(sketch.__file__).read_bytes() + metadata.version("tree-sitter-python").encode()
    return hashlib.sha256(code).hexdigest()[:12]


def _latest(folder: Path) -> _Kept:
    """Return what is known of the commit that was read last."""
    for place in _newest_first(folder, f"*-{_version()}.json"):
        if (loaded := _loaded(place)) is not None:
            return loaded
    return {}


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern), key=lambda one: one.stat().st_mtime, reverse=True)
    except OSError:
        return []


def _loaded(place: Path) -> _Kept | None:
    try:
        content = place.read_bytes()
    except OSError:
        return None
    try:
        return {
            path: (blob, Sketch(imports, lines, length))
            for path, (blob, imports, lines, length) in from_json(content).items()
        }
    except (ValueError, TypeError, AttributeError):
        return None  # damaged: it is read anew and replaced


def _keep(place: Path, read: _Kept) -> None:
    told = json.dumps({path: [blob, *found] for path, (blob, found) in read.items()})
    try:
        reports.write(place, told)
        for old in _newest_first(place.parent, "*.json")[_MOST_COMMITS:]:
            old.unlink(missing_ok=True)
        for folder in _newest_first(place.parent.parent, "*")[_MOST_REPOSITORIES:]:
            shutil.rmtree(folder, ignore_errors=True)
    except (StorageFull, OSError) as problem:  # it would only have been quicker
        _log.warning("the outline is not kept", error=repr(problem))


# --- words ----------------------------------------------------------------------------------------


def _folder(path: str) -> str:
    return f"{path.partition('/')[0]}/" if "/" in path else "the root"


def _some(paths: frozenset[str]) -> str:
    listed = sorted(paths)
    more = f" and {len(listed) - _MOST_IMPORTERS:,} more" if len(listed) > _MOST_IMPORTERS else ""
    return ", ".join(listed[:_MOST_IMPORTERS]) + more


def _bounded(lines: list[str], most: int) -> str:
    taken = _fitting(lines, most - 40)
    left = len(lines) - len(taken)
    return "\n".join([*taken, *([f"[{left:,} more lines]"] if left else [])])


def _fitting(lines: list[str], most: float) -> list[str]:
    taken: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        taken.append(line)
    return taken
