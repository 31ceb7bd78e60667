"""Read `poetry.lock`: lock versions 1.0 to 2.1, and the hashes of all of them.

Since 2.1 every package names its groups and its marker. Older locks name neither (or, before 2.0,
a `category`, which knows no further groups), so what the chosen groups lead to is followed along
the dependencies that they write down.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agent.environments import poetry
from agent.environments.locks import lock as locks
from agent.environments.locks import walk
from agent.environments.locks.lock import Lock, Offer, Target
from agent.environments.requirement_files import Line, Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

PATH = "poetry.lock"
_MAIN = "main"
#: Since this version of the format, packages name their groups and markers.
_SELF_CONTAINED = Version("2.1")
_NEWEST = Version("3")
#: Never locked before 1.3, since every virtual environment had them. Packages of that time import
#: pkg_resources, which later versions of setuptools lack.
_LEFT_TO_ENVIRONMENTS = {"setuptools": "setuptools<81", "pip": "pip", "wheel": "wheel"}
_LISTED = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?")
#: What a dependency of the tables may be instead of a version.
_ELSEWHERE = ("git", "path", "url", "file")


def offer(files: TreeFiles, pyproject: dict[str, Any]) -> Offer | None:
    """What the lock offers; None where there is none, or no project that it belongs to."""
    if not pyproject or files.read(PATH) is None:
        return None
    document = files.toml(PATH)
    _format(document)
    table = locks.table(pyproject, "tool", "poetry")
    own = locks.table(table, "group")
    named = ["dev"] if table.get("dev-dependencies") else []
    named += [*own, *locks.table(pyproject, "dependency-groups")]
    optional = {name for name, group in own.items() if locks.table(group).get("optional") is True}
    return Offer(
        kind="poetry",
        path=PATH,
        files=(PATH, "pyproject.toml"),
        extras=locks.names(locks.table(document, "extras")),
        groups=locks.names(named),
        usual_groups=locks.names(name for name in named if name not in optional),
        builds=any(_source(package)[0] == "directory" for package in _packages(document)),
        indexes=locks.indexes(
            (
                locks.table(package, "source").get("url")
                for package in _packages(document)
                if locks.table(package, "source").get("type") == "legacy"
            ),
            PATH,
        ),
    )


def requirements(files: TreeFiles, lock: Lock, target: Target) -> Requirements:
    """What the chosen groups and extras install.

    Raises:
        EnvironmentFailed: The lock cannot be read, or a package of these is not on an index.
    """
    document, pyproject = files.toml(PATH), files.toml("pyproject.toml")
    if _format(document) >= _SELF_CONTAINED:
        places = _selected(document, lock, target)
        missing: tuple[walk.Wish, ...] = ()
    else:
        reached = _Walk(document, pyproject, lock, target).reached()
        places, missing = [place for place, _ in reached.packages], reached.missing
    packages = _packages(document)
    own = _own_name(pyproject)
    return _unlocked(missing).plus(
        *(
            _installed(files, document, packages[place])
            for place in places
            if canonicalize_name(str(packages[place]["name"])) != own
        )
    )


def _unlocked(missing: Iterable[walk.Wish]) -> Requirements:
    """What is asked for and not locked: old locks leave the installers to the environment."""
    found = Requirements()
    for wish in missing:
        if wish.name in _LEFT_TO_ENVIRONMENTS:
            line = Line(text=_LEFT_TO_ENVIRONMENTS[wish.name], origin=f"{PATH}: {wish.by}")
            found = found.plus(Requirements(lines=(line,)))
            continue
        note = f"{PATH}: {wish.by} asks for {wish.name}, which is not locked; it is left out"
        found = found.plus(Requirements(notes=(note,)))
    # One line each, whoever asks.
    lines = {line.text: line for line in reversed(found.lines)}
    return found.model_copy(update={"lines": tuple(lines.values())})


# --- what the file says ----------------------------------------------------------------------


def _format(document: dict[str, Any]) -> Version:
    written = str(locks.table(document, "metadata").get("lock-version", "1.0"))
    try:
        found = Version(written)
    except InvalidVersion as problem:
        raise EnvironmentFailed(f"{PATH}: lock-version `{written}` is not a version.") from problem
    if found >= _NEWEST:
        raise EnvironmentFailed(
            f"{PATH}: lock-version {written} is newer than what is read here (1.0 to 2.x)."
        )
    return found


def _packages(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = locks.entries(document, "package", PATH)
    for package in found:
        if not {"name", "version"} <= package.keys():
            raise EnvironmentFailed(f"{PATH}: a [[package]] has no name or no version.")
    return found


def _source(package: dict[str, Any]) -> tuple[str, str]:
    """Where a package comes from: the type, empty for the index, and the address."""
    source = locks.table(package, "source")
    kind = str(source.get("type", ""))
    return ("" if kind in ("legacy", "pypi") else kind), str(source.get("url", ""))


def _installed(files: TreeFiles, document: dict[str, Any], package: dict[str, Any]) -> Requirements:
    name, version = str(package["name"]), str(package["version"])
    kind, url = _source(package)
    if kind == "directory":
        return locks.project(files, url, PATH, name)
    if kind:
        raise locks.refused(name, f"{kind} source", url, PATH)
    return locks.exact(name, version, _hashes(document, package), PATH)


def _hashes(document: dict[str, Any], package: dict[str, Any]) -> Iterator[str]:
    """Of the files of a package; where old locks keep them, those of all its versions."""
    metadata = locks.table(document, "metadata")
    name = str(package["name"])
    listed = package.get("files")
    if listed is None:
        listed = locks.table(metadata, "files").get(name)
    if listed is None:
        listed = [{"hash": one} for one in locks.table(metadata, "hashes").get(name, [])]
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("hash"), str):
            yield entry["hash"]


def _own_name(pyproject: dict[str, Any]) -> str:
    table, project = locks.table(pyproject, "tool", "poetry"), locks.table(pyproject, "project")
    return str(canonicalize_name(str(project.get("name") or table.get("name") or "")))


# --- 2.1: packages name their groups ---------------------------------------------------------


def _selected(document: dict[str, Any], lock: Lock, target: Target) -> list[int]:
    wanted = {_MAIN, *lock.groups}
    found = []
    for place, package in enumerate(_packages(document)):
        groups = wanted.intersection(locks.names(package.get("groups", ())))
        markers = package.get("markers", "")
        if isinstance(markers, dict):
            known = {str(canonicalize_name(group)): text for group, text in markers.items()}
            texts = [str(known.get(group, "")) for group in groups]
        else:
            texts = [str(markers)] if groups else []
        origin = f"{PATH}: {package['name']}"
        if any(not text or target.meets(text, origin, lock.extras) for text in texts):
            found.append(place)
    return found


# --- before 2.1: along the dependencies ------------------------------------------------------


class _Walk:
    """Reads the dependencies of the project's tables and of locked packages."""

    def __init__(
        self, document: dict[str, Any], pyproject: dict[str, Any], lock: Lock, target: Target
    ) -> None:
        self._packages = _packages(document)
        self._own = _own_name(pyproject)
        self._table = locks.table(pyproject, "tool", "poetry")
        self._lock = lock
        self._target = target
        self._optional = self._of_extras(locks.table(document, "extras"))

    def reached(self) -> walk.Reached:
        places: dict[str, list[int]] = {}
        for place, package in enumerate(self._packages):
            python = str(package.get("python-versions", "*"))
            if poetry.allows(python, self._target.python):
                places.setdefault(str(canonicalize_name(package["name"])), []).append(place)
        for candidates in places.values():
            candidates.sort(key=lambda place: _order(self._version(place)), reverse=True)
        return walk.follow(self._roots(), places, self._version, self._needs)

    def _version(self, place: int) -> str:
        return str(self._packages[place]["version"])

    def _roots(self) -> Iterator[walk.Wish]:
        by = "pyproject.toml"
        yield from self._wishes(locks.table(self._table, "dependencies"), by, self._optional)
        for name in self._lock.groups:
            if name == "dev":
                yield from self._wishes(locks.table(self._table, "dev-dependencies"), by, set())
            for written, group in locks.table(self._table, "group").items():
                if canonicalize_name(written) == name:
                    yield from self._wishes(locks.table(group, "dependencies"), by, set())

    def _needs(self, place: int, extras: frozenset[str]) -> Iterator[walk.Wish]:
        package = self._packages[place]
        offered = {
            str(canonicalize_name(extra)): listed
            for extra, listed in locks.table(package, "extras").items()
        }
        together, waiting = set(extras), list(extras)
        own = canonicalize_name(str(package["name"]))
        while waiting:
            # An extra may consist of others of the same package.
            for entry in offered.get(waiting.pop(), ()):
                match = _LISTED.match(str(entry))
                if match and canonicalize_name(match[1]) == own:
                    more = set(locks.names(filter(None, (match[2] or "").split(",")))) - together
                    together |= more
                    waiting += more
        optional = _listed([entry for extra in together for entry in offered.get(extra, ())])
        table = locks.table(package, "dependencies")
        yield from self._wishes(table, str(package["name"]), optional, together)

    def _wishes(
        self,
        table: dict[str, Any],
        by: str,
        optional: set[str],
        extras: Collection[str] = (),
    ) -> Iterator[walk.Wish]:
        """The dependencies of one table that hold here; `optional` are those that are taken."""
        for name, written in table.items():
            project = str(canonicalize_name(name))
            if project in ("python", self._own):
                continue
            for entry in written if isinstance(written, list) else [written]:
                asked = entry if isinstance(entry, dict) else {"version": str(entry)}
                # The first locks name the extra only in the marker.
                by_marker = "extra" in str(asked.get("markers", ""))
                taken = not asked.get("optional") or by_marker or project in optional
                if taken and self._holds(asked, f"{PATH}: {by}: {name}", extras):
                    yield self._wish(project, asked, by)

    def _wish(self, project: str, asked: dict[str, Any], by: str) -> walk.Wish:
        version = str(asked.get("version", "*"))
        anywhere = any(key in asked for key in _ELSEWHERE)
        return walk.Wish(
            name=project,
            allowed=lambda found: anywhere or poetry.allows(version, found),
            by=by,
            extras=frozenset(locks.names(asked.get("extras", ()))),
        )

    def _holds(self, asked: dict[str, Any], origin: str, extras: Collection[str]) -> bool:
        marker = str(asked.get("markers", ""))
        if not poetry.allows(str(asked.get("python", "*")), self._target.python):
            return False
        if asked.get("platform") not in (None, "linux"):
            return False
        return not marker or self._target.meets(marker, origin, extras)

    def _of_extras(self, table: dict[str, Any]) -> set[str]:
        """Projects that the chosen extras of the project name."""
        return _listed(
            [
                entry
                for extra, listed in table.items()
                if canonicalize_name(extra) in self._lock.extras and isinstance(listed, list)
                for entry in listed
            ]
        )


def _listed(entries: list[object]) -> set[str]:
    """Names at the beginning of entries such as `redis (>=4)`."""
    matches = (_LISTED.match(str(entry)) for entry in entries)
    return {str(canonicalize_name(match[1])) for match in matches if match}


def _order(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return Version("0")
