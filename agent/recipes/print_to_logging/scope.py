"""Which files a ticket means: the places it names against the paths of the tree."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

import pathspec

from agent.recipes.print_to_logging import programs
from agent.recipes.print_to_logging.request import Request
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_SHOWN = 4


@dataclass
class Scope:
    """The files that are meant."""

    paths: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    """Those that are named themselves, or lie in a named folder that would be left alone."""
    words: str = ""
    problems: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    """Files that the configuration keeps shut, with the key; not those that are named."""


def settle_scope(request: Request, tree: Tree, config: RepoConfig) -> Scope:
    """Find the files that a ticket means."""
    python = [path for path in tree.paths() if path.endswith(".py")]
    scope = Scope()
    found = {place: _find_files(place, python, scope) for place in request.places}
    spared = {path for place in request.excepted for path in _find_files(place, python, scope)}
    scope.named = frozenset(
        path for place, paths in found.items() for path in paths if _names(place, path)
    )
    wanted = sorted({path for paths in found.values() for path in paths} - spared)
    for path in wanted:
        if path not in scope.named and (key := _find_closing_key(path, config)):
            scope.closed[path] = key
    scope.paths = tuple(path for path in wanted if path not in scope.closed)
    whole = any(place == "." for place in found)
    scope.words = "the whole repository" if whole else ", ".join(found)
    return scope


def _find_files(place: str, python: list[str], scope: Scope) -> list[str]:
    """Find the Python files of a place; what is unknown, or several, is a problem."""
    bare = place.removeprefix("./").rstrip("/")
    if bare in ("", "."):
        return python
    for ways in (
        [bare] if bare in python else [],
        [bare] if any(path.startswith(f"{bare}/") for path in python) else [],
        sorted({way for path in python if (way := _way_to(bare.replace(".", "/"), path))}),
        sorted({way for path in python if (way := _way_to(bare, path))}),
    ):
        if len(ways) == 1:
            return [path for path in python if f"{path}/".startswith(f"{ways[0]}/")]
        if ways:
            scope.problems.append(f"`{place}` may be {', '.join(ways[:_SHOWN])}")
            return []
    near = difflib.get_close_matches(bare, python, n=1)
    hint = f"; is it `{near[0]}`?" if near else ""
    scope.problems.append(f"there is no file, folder, package or module `{place}`{hint}")
    return []


def _way_to(bare: str, path: str) -> str:
    """The file or folder of a path that a name means without the folders before it; else empty."""
    for one in (f"{bare}.py", bare):
        before, found, after = f"/{path}/".partition(f"/{one}/")
        if found and (one.endswith(".py") is (not after.strip("/"))):
            return f"{before}/{one}".lstrip("/")
    return ""


def _names(place: str, path: str) -> bool:
    """Whether a place names this file, or the folder that speaks against it.

    `tests/` names the tests in it; `shop` does not name those in `shop/tests/`.
    """
    dotted = path.removesuffix(".py").replace("/", ".")
    bare = place.strip("/").removeprefix("./")
    if bare in (path, dotted) or path.endswith(f"/{bare}") or dotted.endswith(f".{bare}"):
        return True
    folder = bare.replace(".", "/") if "/" not in bare else bare
    return f"{folder}/" in f"/{path}" and bool(programs.explain_path(f"{folder}/x.py"))


def _find_closing_key(path: str, config: RepoConfig) -> str | None:
    """The key of the configuration that keeps a file shut."""
    scope = config.scope
    for key, patterns in (("human_only", scope.human_only), ("protect", scope.protect)):
        if pathspec.GitIgnoreSpec.from_lines(patterns).match_file(path):
            return f"scope.{key}"
    if not pathspec.GitIgnoreSpec.from_lines(scope.allow).match_file(path):
        return "scope.allow"
    return None
