"""Read what installed distributions say of themselves: version, extras.

From the files of an environment in the store, as data: they were written by whoever made the
packages, so nothing in them is believed to have the right form.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.models.environment import Environment
from agent.models.record import Record

BYTECODE = "__pycache__"
_MOST_BYTES = 16 * 1024**2
_ADDRESS = re.compile(r'"url"\s*:\s*"([^"]{1,1000})"')
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_COMMAND = re.compile(r"/management/commands/([^/_][^/]*)\.py\Z")
#: Files in which tools note how they have installed a package.
_OF_INSTALLERS = frozenset({"RECORD", "REQUESTED", "INSTALLER", "WHEEL", "uv_cache.json"})


class Distribution(Record):
    name: str
    """Normalised."""
    version: str
    is_local: bool = False
    """Whether it was built from the repository itself."""
    source: str = ""
    """Address that it was taken from, where that is no package index."""
    requires: tuple[str, ...] = ()
    """Normalised names of what it needs, with any extra."""


def find_unmet(
    declared: Iterable[str], environment: Environment, has: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Say which requirements an environment does not meet, each with the version that it has.

    Args:
        has: Versions by their normalised names, in place of those of the environment.
    """
    has, facts = environment.versions if has is None else has, environment.marker_facts
    unmet = []
    for text in declared:
        one = Requirement(text)
        version = has.get(str(canonicalize_name(one.name)))
        if one.marker is not None and not one.marker.evaluate(facts):
            continue
        if version is None or not one.specifier.contains(version, prereleases=True):
            unmet.append(f"{one.name}{one.specifier} (has {version or 'none'})")
    return tuple(unmet)


def read_distributions(environment: str, wanted: Collection[str]) -> dict[str, Distribution]:
    """Read the metadata of some packages.

    Returns:
        By name; what is not installed, or says nothing that can be read, is not in it.
    """
    return {
        name: _read_metadata(name, one)
        for name, one in list_installed(environment)
        if name in wanted
    }


def find_unasked(
    base: str, head: str, declared: Collection[str], sources: Collection[str]
) -> tuple[str, ...]:
    """Find what is installed with a change alone though nothing that declares packages asks for it.

    Args:
        base: Folder of base's environment.
        head: That of the change's.
        declared: Normalised names of what the change's files declare.
        sources: Addresses that they declare.

    Returns:
        Names; where a package comes from an address that nobody declares, with that.
    """
    old, new = (
        {name: _read_metadata(name, one) for name, one in list_installed(folder)}
        for folder in (base, head)
    )
    # The project's own package says what its build makes up.
    asked, waiting = {name for name, one in new.items() if one.is_local}, {*declared}
    while waiting:
        name = waiting.pop()
        if name not in asked:
            asked.add(name)
            waiting |= {*new[name].requires} if name in new else set()
    found = [name for name in sorted(new) if name not in old and name not in asked]
    moved = (one for name, one in sorted(new.items()) if name in asked and one.source)
    return (
        *found,
        *(
            f"{distribution.name} from {distribution.source}"
            for distribution in moved
            if (
                distribution.name not in old or old[distribution.name].source != distribution.source
            )
            and not any(distribution.source in source for source in sources)
        ),
    )


def find_altered(base: str, head: str) -> tuple[str, ...]:
    """Find installed files of a change that no package of an index accounts for.

    What the change itself builds may write what it likes while it is set up: a file of a package
    that base has in the same version, or one that belongs to no package.
    """
    old, new = _list_owners(base), _list_owners(head)
    found = []
    for place in sorted(Path(head).glob("lib/python3*/site-packages/**/*")):
        in_base = Path(base, place.relative_to(head))
        # Bytecode is made anew once the lines have ended.
        is_compiled = place.parent.name == BYTECODE
        if not place.is_file() or is_compiled or place.name in _OF_INSTALLERS:
            continue
        path = str(Path(*place.relative_to(head).parts[3:]))
        had, has = old.get(path), new.get(path)
        is_same = in_base.is_file() and filecmp.cmp(place, in_base, shallow=False)
        is_newer = has is not None and not has.is_local and has != had
        is_own = has is not None and has.is_local and (had is None or had.is_local)
        if not (is_same or is_newer or is_own):
            found.append(path)
    return tuple(found)


def _list_owners(environment: str) -> dict[str, Distribution]:
    """List the files of an environment's packages, by their paths in its site-packages."""
    return {
        str(file): owner
        for name, one in list_installed(environment)
        for owner in (_read_metadata(name, one),)
        for file in one.files or ()
    }


@lru_cache(maxsize=8)  # an environment is read-only once it is made
def list_modules(environment: str) -> frozenset[str]:
    """Name what is imported from packages, but for those of the repository itself."""
    owners = _list_owners(environment).items()
    names = (Path(path).parts[0].partition(".")[0] for path, owner in owners if not owner.is_local)
    return frozenset(name for name in names if name.isidentifier())


@lru_cache(maxsize=8)
def list_commands(environment: str) -> frozenset[str]:
    """Name the management commands of Django and other packages, but for the repository's own."""
    owners = _list_owners(environment).items()
    found = (_COMMAND.search(path) for path, owner in owners if not owner.is_local)
    return frozenset(one[1] for one in found if one)


def list_installed(environment: str) -> Iterator[tuple[str, metadata.Distribution]]:
    """Yield the packages of a virtual environment on the host, each with its normalised name."""
    for place in sorted(Path(environment).glob("lib/python3*/site-packages/*.*-info")):
        if place.is_dir() and _is_bounded(place):
            one = metadata.Distribution.at(place)
            if name := _field(one, "Name"):
                yield str(canonicalize_name(name)), one


def _is_bounded(place: Path) -> bool:
    """Whether what a package says of itself is of a size that packages have."""
    read = (place / name for name in ("METADATA", "PKG-INFO", "RECORD", "direct_url.json"))
    return all(path.stat().st_size <= _MOST_BYTES for path in read if path.is_file())


def _read_metadata(name: str, one: metadata.Distribution) -> Distribution:
    direct = one.read_text("direct_url.json") or ""
    is_local = "file://" in direct
    address = _ADDRESS.search(direct)
    heads = map(_NAME.match, map(str, one.metadata.get_all("Requires-Dist") or []))
    return Distribution(
        name=name,
        version=_field(one, "Version"),
        is_local=is_local,
        source=address[1] if address and not is_local else "",
        requires=tuple(str(canonicalize_name(head[0])) for head in heads if head),
    )


def _field(one: metadata.Distribution, name: str) -> str:
    return str((one.metadata.get_all(name) or [""])[0]).strip()
