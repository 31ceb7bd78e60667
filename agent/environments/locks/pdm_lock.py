"""Read `pdm.lock`: lock versions 3 to 4.5, with every strategy.

With the strategy `inherit_metadata` (the usual one since 4.4.1) every package names its groups and
its marker. Other locks name neither; there the dependencies that they write down are followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agent.environments import poetry
from agent.environments.locks import lock as locks
from agent.environments.locks import walk
from agent.environments.locks.lock import Lock, Offer, Target
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.ports import IndexWish

PATH = "pdm.lock"
_DEFAULT = "default"
_OLDEST, _BEYOND = Version("3"), Version("5")
_ELSEWHERE = ("git", "hg", "svn", "bzr", "url")


def offer(files: TreeFiles, pyproject: dict[str, Any]) -> Offer | None:
    """What the lock offers; None where there is none, or no project that it belongs to."""
    if not pyproject or files.read(PATH) is None:
        return None
    document = files.toml(PATH)
    _check_version(document)
    extras = locks.names(locks.table(pyproject, "project", "optional-dependencies"))
    groups = locks.names(_groups(pyproject))
    listed = locks.table(document, "metadata").get("groups")
    known = set(locks.names(listed)) if isinstance(listed, list) else {*extras, *groups}
    missing = [name for name in groups if name not in known]
    return Offer(
        kind="pdm",
        path=PATH,
        files=(PATH, "pyproject.toml"),
        extras=tuple(name for name in extras if name in known),
        groups=tuple(name for name in groups if name in known),
        usual_groups=tuple(name for name in groups if name in known),
        builds=any("path" in package for package in _packages(document)),
        indexes=_indexes(pyproject),
        notes=tuple(f"{PATH}: the group {name} is not locked; it is left out" for name in missing),
    )


def requirements(files: TreeFiles, lock: Lock, target: Target) -> Requirements:
    """What the chosen groups and extras install.

    Raises:
        EnvironmentFailed: The lock cannot be read, or a package of these is not on an index.
    """
    document, pyproject = files.toml(PATH), files.toml("pyproject.toml")
    packages = _packages(document)
    missing: tuple[walk.Wish, ...] = ()
    if any("groups" in package for package in packages):
        chosen = _selected(packages, lock, target)
    else:
        reached = _Walk(packages, pyproject, lock, target).reached()
        missing = reached.missing
        chosen = [packages[place] for place, _ in reached.packages]
    notes = tuple(
        f"{PATH}: {wish.by} asks for {wish.name}, which is not locked; it is left out"
        for wish in missing
    )
    old_files = {
        key.lower(): listed for key, listed in locks.table(document, "metadata", "files").items()
    }
    own = canonicalize_name(str(locks.table(pyproject, "project").get("name", "")))
    return Requirements(notes=notes).plus(
        *(
            _installed(files, package, old_files)
            for package in chosen
            if canonicalize_name(str(package["name"])) != own
        )
    )


# --- what the file says ----------------------------------------------------------------------


def _check_version(document: dict[str, Any]) -> None:
    written = str(locks.table(document, "metadata").get("lock_version", "1"))
    try:
        found = Version(written)
    except InvalidVersion as problem:
        raise EnvironmentFailed(f"{PATH}: lock_version `{written}` is not a version.") from problem
    if not _OLDEST <= found < _BEYOND:
        raise EnvironmentFailed(
            f"{PATH}: lock_version {written} is not one of those read here (3 to 4.x). Run "
            "`pdm lock` with another version of PDM and commit the result."
        )


def _packages(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = locks.entries(document, "package", PATH)
    for package in found:
        if "name" not in package:
            raise EnvironmentFailed(f"{PATH}: a [[package]] has no name.")
    return found


def _installed(
    files: TreeFiles, package: dict[str, Any], old_files: dict[str, Any]
) -> Requirements:
    name, version = str(package["name"]), str(package.get("version", ""))
    for kind in _ELSEWHERE:
        if kind in package:
            raise locks.refused(name, f"{kind} address", str(package[kind]), PATH)
    if "path" in package:
        where = str(package["path"])
        if where.endswith((".whl", ".zip", ".tar.gz")):
            raise locks.refused(name, "file", where, PATH)
        return locks.project(files, where, PATH, name)
    listed = package.get("files") or old_files.get(f"{name} {version}".lower()) or ()
    hashes = [str(entry["hash"]) for entry in listed if isinstance(entry, dict) and "hash" in entry]
    return locks.exact(name, version, hashes, PATH)


def _groups(pyproject: dict[str, Any]) -> dict[str, list[Any]]:
    """Development groups of both tables."""
    found: dict[str, list[Any]] = {}
    for table in (
        locks.table(pyproject, "dependency-groups"),
        locks.table(pyproject, "tool", "pdm", "dev-dependencies"),
    ):
        for name, entries in table.items():
            if isinstance(entries, list):
                found[name] = [*found.get(name, []), *entries]
    return found


def _indexes(pyproject: dict[str, Any]) -> tuple[IndexWish, ...]:
    sources = locks.table(pyproject, "tool", "pdm").get("source", [])
    listed = [source for source in sources if isinstance(source, dict)]
    # A source of links is a page, not an index.
    urls = [source.get("url") for source in listed if source.get("type", "index") == "index"]
    return locks.indexes(urls, "pyproject.toml [[tool.pdm.source]]")


# --- packages that name their groups ---------------------------------------------------------


def _selected(packages: list[dict[str, Any]], lock: Lock, target: Target) -> list[dict[str, Any]]:
    wanted = {_DEFAULT, *lock.groups, *lock.extras}
    found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for package in packages:
        marker = str(package.get("marker", ""))
        origin = f"{PATH}: {package['name']}"
        if not wanted.intersection(locks.names(package.get("groups", ()))):
            continue
        if marker and not target.meets(marker, origin, lock.extras):
            continue
        # Of several targets in one lock, each may have a version of its own.
        if not poetry.allows(str(package.get("requires_python", "")), target.python):
            continue
        key = (str(canonicalize_name(package["name"])), locks.names(package.get("extras", ())))
        if key not in found or _order(found[key]) < _order(package):
            found[key] = package
    return list(found.values())


def _order(package: dict[str, Any]) -> Version:
    try:
        return Version(str(package.get("version")))
    except InvalidVersion:
        return Version("0")


# --- packages that do not: along the dependencies --------------------------------------------


class _Walk:
    """Reads the dependencies of the project's tables and of locked packages."""

    def __init__(
        self,
        packages: list[dict[str, Any]],
        pyproject: dict[str, Any],
        lock: Lock,
        target: Target,
    ) -> None:
        self._packages = packages
        self._project = locks.table(pyproject, "project")
        self._optional = {
            str(canonicalize_name(name)): listed
            for name, listed in locks.table(self._project, "optional-dependencies").items()
        }
        self._groups = _groups(pyproject)
        self._lock = lock
        self._target = target

    def reached(self) -> walk.Reached:
        places: dict[str, list[int]] = {}
        for place, package in enumerate(self._packages):
            if poetry.allows(str(package.get("requires_python", "")), self._target.python):
                places.setdefault(_key(package["name"], package.get("extras", ())), []).append(
                    place
                )
        for candidates in places.values():
            candidates.sort(key=lambda place: _order(self._packages[place]), reverse=True)
        return walk.follow(
            self._roots(), places, lambda place: str(self._packages[place].get("version", "")),
            self._needs,
        )  # fmt: skip

    def _roots(self) -> Iterator[walk.Wish]:
        yield from self._wishes(self._project.get("dependencies", []), "pyproject.toml")
        for name in self._lock.extras:
            yield from self._wishes(self._optional.get(name, []), f"the extra {name}")
        for name in self._groups:
            if str(canonicalize_name(name)) in self._lock.groups:
                yield from self._wishes(self._of_group(name), f"the group {name}")

    def _of_group(self, name: str) -> list[Any]:
        """A group with those that it includes."""
        if not any(isinstance(entry, dict) for entry in self._groups[name]):
            return self._groups[name]
        try:
            return [str(entry) for entry in DependencyGroupResolver(self._groups).resolve(name)]
        except (ValueError, LookupError, ExceptionGroup) as problem:
            raise EnvironmentFailed(f"pyproject.toml group {name}: {problem}") from problem

    def _needs(self, place: int, _extras: frozenset[str]) -> Iterator[walk.Wish]:
        package = self._packages[place]
        return self._wishes(package.get("dependencies", []), str(package["name"]))

    def _wishes(self, written: list[Any], by: str) -> Iterator[walk.Wish]:
        for entry in written:
            if match := re.match(r"^-e\s+\S+#egg=([\w.-]+)", str(entry)):
                yield walk.Wish(name=_key(match[1], ()), allowed=lambda _: True, by=by)
                continue
            try:
                asked = Requirement(str(entry))
            except InvalidRequirement as problem:
                raise EnvironmentFailed(
                    f"{PATH}: {by}: `{entry}` is not a requirement."
                ) from problem
            if asked.marker and not self._target.meets(str(asked.marker), f"{PATH}: {by}"):
                continue
            if canonicalize_name(asked.name) == canonicalize_name(self._project.get("name", "")):
                for extra in locks.names(asked.extras):
                    yield from self._wishes(self._optional.get(extra, []), f"the extra {extra}")
                continue
            yield walk.Wish(name=_key(asked.name, asked.extras), allowed=_fits(asked), by=by)


def _key(name: object, extras: Any) -> str:
    """A package with extras is an entry of its own, which asks for the one without."""
    listed = ",".join(sorted(locks.names(extras)))
    return f"{canonicalize_name(str(name))}[{listed}]" if listed else canonicalize_name(str(name))


def _fits(asked: Requirement) -> Any:
    specifier = asked.specifier
    return lambda version: not version or specifier.contains(version, prereleases=True)
