"""Read from Django's settings which servers they speak to; they are never imported.

Only what stands there literally counts. What a settings module takes over by `import *` is
followed, and the module that assigns a name last has the say.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.environments.hints.sightings import Sightings
from repo_config.detect import Project
from repo_config.project_files import Files

#: Settings that name servers, with what stands for each, in the order in which it is looked for.
_SERVERS = {
    "DATABASES": (
        ("sqlite", re.compile(r"\w[\w.]*\.(?:sqlite3|spatialite)|(?:sqlite|spatialite):.*")),
        ("postgres", re.compile(r"\w[\w.]*\.(?:postgresql\w*|postgis)|(?:postgres\w*|psql|postgis|pgsql)://.*")),
        ("mysql", re.compile(r"\w[\w.]*\.mysql|mysql\w*://.*")),
        ("oracle", re.compile(r"\w[\w.]*\.oracle|oracle\w*://.*")),
    ),
    "CACHES": (
        ("redis", re.compile(r"\w[\w.]*\.RedisCache|rediss?://.*")),
        ("memcached", re.compile(r"\w[\w.]*\.PyMemcacheCache|\w[\w.]*\.PyLibMCCache")),
    ),
}  # fmt: skip
#: Of these a room needs no server.
_NO_SERVERS = frozenset({"sqlite"})
_MOST_MODULES = 20


def collect(files: Files, seen: Sightings, project: Project) -> None:
    """Note the servers that the settings for tests speak to.

    Args:
        files: Of the project's folder.
        seen: Takes what is found.
        project: What is known of how Django is started.
    """
    django = project.django
    if django is None or django.settings_module is None:
        return
    folders = [_below(project.root, path) for path in django.python_path]
    path = _file(files, django.settings_module, folders)
    said: dict[str, tuple[ast.expr, str]] = {}
    for one, module in _chain(files, path, folders, set()) if path else ():
        for name, value in _assigned(module):
            said[name] = (value, f"{one}:{value.lineno} {name}")
    for name, (value, where) in said.items():
        found = _servers(name, value)
        # One of several is chosen by what the environment says; nothing is known of that.
        if len(found) == 1 and not _NO_SERVERS & found:
            seen.note("service", found.pop(), where)


def _servers(name: str, value: ast.expr) -> set[str]:
    """Which servers the texts of an assigned value stand for."""
    texts = [
        node.value.strip()
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {
        server
        for text in texts
        for server, pattern in _SERVERS[name]
        if pattern.fullmatch(text)
    }  # fmt: skip


def _chain(
    files: Files, path: str, folders: list[str], known: set[str]
) -> Iterator[tuple[str, list[ast.stmt]]]:
    """The statements of a module and of those that it takes everything from, in their order."""
    if path in known or len(known) >= _MOST_MODULES:
        return
    known.add(path)
    own: list[ast.stmt] = []
    for statement in files.module(path).body:
        own.append(statement)
        if not isinstance(statement, ast.ImportFrom) or statement.names[0].name != "*":
            continue
        if other := _imported(files, path, statement, folders):
            yield path, own
            own = []
            yield from _chain(files, other, folders, known)
    yield path, own


def _imported(files: Files, path: str, statement: ast.ImportFrom, folders: list[str]) -> str | None:
    module = statement.module or ""
    if not statement.level:
        return _file(files, module, folders)
    folder = posixpath.dirname(path)
    for _ in range(statement.level - 1):
        folder = posixpath.dirname(folder)
    return _file(files, module, [folder])


def _file(files: Files, module: str, folders: list[str]) -> str | None:
    for folder in [*folders, ""]:
        place = posixpath.join(folder, *module.split("."))
        for path in (f"{place}.py", posixpath.join(place, "__init__.py")):
            if files.has(path):
                return path
    return None


def _assigned(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Values of the settings at the level of the module: `X = …`, `X["default"] = …`."""
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            named = _settled(target)
            if isinstance(named, ast.Name) and named.id in _SERVERS:
                yield named.id, value


def _settled(target: ast.expr) -> ast.expr:
    """What is assigned to, where it is an entry called `default` that of which it is one."""
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant):
        return target
    return target.value if target.slice.value == "default" else target


def _below(root: str, path: str) -> str:
    """A path of the repository as one of the project's folder."""
    inner = posixpath.relpath(path or ".", root or ".")
    return "" if inner == "." else inner
