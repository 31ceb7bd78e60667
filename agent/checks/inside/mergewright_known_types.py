"""Take mypy's cache of libraries into a room, and hand one out; see `agent/checks/type_cache.py`.

Whatever is in a cache, modules of the tree are taken out of it before mypy reads it and before it
is handed out. Where anything is in the way, there is no cache: then mypy takes longer.

Runs inside the room, on any Python from 3.9, with the standard library alone.
"""

from __future__ import annotations

import os
import shutil
import sys

#: Name and place of a module are the first that its record tells.
_RECORD_HEAD = 1024


def may_be_used(order, options):
    """Say whether a type check may have a cache: not where its plugins run code of the tree."""
    if not (order["known"] or order["hand_out"]) or options is None:
        return False
    if getattr(options, "plugins", None) or not getattr(options, "incremental", True):
        return False
    # Who says where the cache is, or what it is to hold, has reasons.
    python = getattr(options, "python_executable", None)
    if (
        python
        and not order["python"]
        and os.path.realpath(python) != os.path.realpath(sys.executable)
    ):
        return False
    if getattr(options, "bazel", False) or getattr(options, "cache_map", None):
        return False
    try:
        import sqlite3  # noqa: F401
    except ImportError:
        return False
    return True


def places_of_tree(order, sources, options):
    """Return the folders in which mypy looks for modules of the tree."""
    found = [order["tree"], os.getcwd()]
    found += [os.path.join(place, "src") for place in tuple(found)]
    found += [source.base_dir for source in sources if getattr(source, "base_dir", None)]
    found += list(getattr(options, "mypy_path", None) or ())
    found += os.environ.get("MYPYPATH", "").split(os.pathsep)
    return {os.path.realpath(place) for place in found if place}


def take(order, cache, places):
    """Copy the cache that is shown to where mypy finds it."""
    try:
        shutil.copytree(order["known"], cache)
        _without_tree(order, cache, places)
    except Exception:
        shutil.rmtree(cache, ignore_errors=True)


def hand_out(order, cache, places):
    """Leave the cache where the host collects it."""
    goal = order["hand_out"]
    try:
        _without_tree(order, cache, places)
        if sum(os.path.getsize(file) for file in _databases(cache)) <= order["hand_out_bytes"]:
            for file in _databases(cache):
                copy = os.path.join(goal, os.path.relpath(file, cache))
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(file, copy)
    except Exception:
        shutil.rmtree(goal, ignore_errors=True)


def _databases(cache):
    return [
        os.path.join(folder, file)
        for folder, _, files in os.walk(cache)
        for file in files
        if file.startswith("cache") and file.endswith(".db")
    ]


def _without_tree(order, cache, places):
    """Remove all but modules found in libraries and of names that the tree does not have."""
    import sqlite3

    found = _found_in_libraries(order, cache)
    libraries = _libraries_beside(order, places)
    for file in _databases(cache):
        base = sqlite3.connect(file)
        try:
            base.execute("PRAGMA synchronous=OFF")
            paths = [row[0] for row in base.execute("SELECT path FROM files2")]
            foreign = [
                (path,)
                for path in paths
                if not _is_library(path, libraries)
                or not (path.startswith("@") or _module(path) in found)
            ]
            base.executemany("DELETE FROM files2 WHERE path = ?", foreign)
            base.commit()
            if foreign:
                base.execute("VACUUM")
        finally:
            base.close()


def _found_in_libraries(order, cache):
    """Return the modules whose record begins with a place in a library's folder.

    A module of the tree can be found by a name of any kind: `mypy_path`, or a folder without
    `__init__.py`, makes it one of the top level.
    """
    import sqlite3

    places = [folder.encode() + b"/" for folder in order["libraries"]]
    found = set()
    for file in _databases(cache):
        base = sqlite3.connect(file)
        try:
            query = "SELECT path, CAST(data AS BLOB) FROM files2 WHERE path LIKE '%.meta.%'"
            for path, data in base.execute(query):
                if any(place in bytes(data[:_RECORD_HEAD]) for place in places):
                    found.add(_module(path))
        finally:
            base.close()
    return found


def _module(path):
    folder, name = os.path.split(path)
    return os.path.join(folder, name.partition(".")[0])


def _is_library(path, libraries):
    if path.startswith("@"):
        return True
    first = path.replace(os.sep, "/").partition("/")[0].partition(".")[0]
    return first in libraries


def _libraries_beside(order, places):
    """Return the names of top-level modules that a library has and the tree has not."""
    import mypy

    typeshed = os.path.join(os.path.dirname(mypy.__file__), "typeshed", "stdlib")
    theirs, ours = set(), set()
    for place in (typeshed, *order["libraries"]):
        theirs |= _names(place)
    for place in places:
        ours |= _names(place)
    return theirs - ours


def _names(folder):
    """Return the names of what lies in a folder, as modules are called."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return set()
    found = set()
    for entry in entries:
        found.add(entry.partition(".")[0].removesuffix("-stubs"))
    return found
