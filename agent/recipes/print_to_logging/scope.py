"""Which files a ticket means: names in it against the paths of the tree. Nothing is guessed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

import pathspec

from agent.recipes.print_to_logging import purposes
from agent.recipes.print_to_logging.request import Request
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_SHOWN = 4
#: How far behind the likest name another one may be, to be named as well.
_NEAR = 0.1


@dataclass
class Scope:
    """The files that are meant."""

    paths: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    """Those that are named themselves, or lie in a named folder that would be left alone."""
    words: str = ""
    found: tuple[str, ...] = ()
    """The places that are known, as written."""
    spared: tuple[str, ...] = ()
    """The places that are excepted, as written."""
    questions: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    """Files that the configuration keeps shut, with the key; not those that are named."""


def settle(request: Request, tree: Tree, config: RepoConfig) -> Scope:
    """Find the files that a ticket means, or ask."""
    names = _Names(tree)
    scope = Scope()
    found = _found(_stated(request, names, scope), names, scope)
    scope.found = tuple(found)
    excepted = _found(request.excepted, names, scope)
    scope.spared = tuple(excepted)
    spared = {path for paths in excepted.values() for path in paths}
    if request.whole and found:
        listed = ", ".join(f"`{place}`" for place in found)
        scope.questions.append(
            f"The ticket says “{request.whole[0]}” and names {listed}. Which holds: the whole "
            "repository, or only these?"
        )
    elif not (request.whole or found or request.all_prints or scope.questions):
        scope.questions.append(
            "Where are prints to become log messages? Name files, folders or packages, or say “the "
            "whole repository”."
        )
    paths = sorted({path for match in found.values() for path in match}) if found else names.python
    scope.named = frozenset(
        path for place, match in found.items() for path in match if _names(place, path)
    )
    open_paths: list[str] = []
    for path in paths:
        if path in spared:
            continue
        if path not in scope.named and (key := _closed(path, config)):
            scope.closed[path] = key
        else:
            open_paths.append(path)
    scope.paths = tuple(open_paths)
    scope.words = ", ".join(found) if found else "the whole repository"
    return scope


def _stated(request: Request, names: _Names, scope: Scope) -> list[str]:
    """The places that are named, with the plain words that the tree knows."""
    places = list(request.places)
    if request.whole:
        return places
    places += [word for word in request.maybe if not isinstance(names.find(word), str)]
    if not places and request.maybe:
        scope.questions.append(str(names.find(request.maybe[0])))
    return places


def _found(places: list[str], names: _Names, scope: Scope) -> dict[str, list[str]]:
    """The files of each place, once; unknown ones are asked about."""
    found: dict[str, list[str]] = {}
    for place in places:
        match = names.find(place)
        if isinstance(match, str):
            scope.questions.append(match)
        elif match not in found.values():
            found[place] = match
    return found


def _names(place: str, path: str) -> bool:
    """Whether a place names this file, or the folder that speaks against it.

    `tests/` names the tests in it; `shop` does not name those in `shop/tests/`.
    """
    dotted = path.removesuffix(".py").replace("/", ".")
    bare = place.strip("/").removeprefix("./")
    if bare in (path, dotted) or path.endswith(f"/{bare}") or dotted.endswith(f".{bare}"):
        return True
    folder = bare.replace(".", "/") if "/" not in bare else bare
    return f"{folder}/" in f"/{path}" and purposes.of_path(f"{folder}/x.py") is not None


def _closed(path: str, config: RepoConfig) -> str | None:
    """The key of the configuration that keeps a file shut."""
    scope = config.scope
    for key, patterns in (("human_only", scope.human_only), ("protect", scope.protect)):
        if pathspec.GitIgnoreSpec.from_lines(patterns).match_file(path):
            return f"scope.{key}"
    if not pathspec.GitIgnoreSpec.from_lines(scope.allow).match_file(path):
        return "scope.allow"
    return None


class _Names:
    """The names under which people know files."""

    def __init__(self, tree: Tree) -> None:
        self._all = frozenset(tree.paths())
        self.python = [path for path in tree.paths() if path.endswith(".py")]
        self._by_dotted: dict[str, set[str]] = {}
        for path in self.python:
            parts = path.removesuffix(".py").split("/")
            if parts[-1] == "__init__":
                parts.pop()
            for end in range(1, len(parts) + 1):
                self._by_dotted.setdefault(".".join(parts[:end]), set()).add(path)

    def find(self, place: str) -> list[str] | str:
        """The Python files that a name means; or the question that it leaves open."""
        bare = place.strip().removeprefix("./")
        if bare.rstrip("/") in ("", "."):
            return list(self.python)
        if bare in self._all:
            if bare in self.python:
                return [bare]
            return f"`{place}` is no Python file. Which file is meant?"
        inside = [path for path in self.python if path.startswith(bare.rstrip("/*") + "/")]
        if inside:
            return inside
        dotted = bare.removesuffix(".py").strip("/").replace("/", ".").removesuffix(".*")
        if dotted in self._by_dotted and not bare.endswith(".py"):
            return sorted(self._by_dotted[dotted])
        return self._ending(place, bare, dotted)

    def _ending(self, place: str, bare: str, dotted: str) -> list[str] | str:
        """What a name means that leaves out the folders before it."""
        if bare.endswith(".py"):
            files = [path for path in self.python if path.endswith(f"/{bare}")]
            if len(files) == 1:
                return files
            if files:
                return f"There are several `{place}`: {_listed(files)}. Which one is meant?"
            return self._unknown(place)
        ends = {name for name in self._by_dotted if name.endswith(f".{dotted}")}
        outer = {
            name for name in ends if not any(name.startswith(f"{one}.") for one in ends - {name})
        }
        if len(outer) == 1:
            return sorted(self._by_dotted[outer.pop()])
        if outer:
            paths = sorted(self._shown(name) for name in outer)
            return f"There are several `{place}`: {_listed(paths)}. Which one is meant?"
        return self._unknown(place)

    def _shown(self, dotted: str) -> str:
        path = dotted.replace(".", "/")
        return f"{path}.py" if f"{path}.py" in self._all else f"{path}/"

    def _unknown(self, place: str) -> str:
        near = self._near(place)
        said = f"There is no file, folder, package or module `{place}` in this repository."
        return (
            f"{said} Is it {_listed(near, last='or')}?" if near else f"{said} Which one is meant?"
        )

    def _near(self, place: str) -> list[str]:
        known = {os.path.basename(path): path for path in self.python}
        known |= {path: path for path in self.python}
        known |= {name: self._shown(name) for name in self._by_dotted}
        bare = place.strip("/")
        close = difflib.get_close_matches(bare, known, n=12, cutoff=0.6)
        close = [one for one in close if _likeness(bare, one) > _likeness(bare, close[0]) - _NEAR]
        return list(dict.fromkeys(known[one] for one in close))[:_SHOWN]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def _listed(names: Iterable[str], last: str = "and") -> str:
    shown = [f"`{name}`" for name in names]
    if len(shown) > _SHOWN:
        return f"{', '.join(shown[:_SHOWN])} and {len(shown) - _SHOWN} more"
    *most, end = shown
    return f"{', '.join(most)} {last} {end}" if most else end
