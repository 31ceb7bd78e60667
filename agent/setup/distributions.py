"""Read the metadata of installed distributions, from the files of an environment in the store.

Authors of packages wrote these files, so their form is not trusted.
"""

import filecmp
import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import file_digest
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.models.environment import Environment

BYTECODE = "__pycache__"
_MOST_BYTES = 16 * 1024**2
_ADDRESS = re.compile(r'"url"\s*:\s*"([^"]{1,1000})"')
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
#: Files in which tools record how they have installed a package.
_OF_INSTALLERS = frozenset({"RECORD", "REQUESTED", "INSTALLER", "WHEEL", "uv_cache.json"})


@dataclass(frozen=True)
class Distribution:
    """An installed package, as it describes itself."""

    name: str
    """Normalised."""
    version: str
    _found: metadata.Distribution = field(repr=False, compare=False)

    @cached_property
    def _address(self) -> str:
        """Address that it was installed from; empty: a package index."""
        match = _ADDRESS.search(self._found.read_text("direct_url.json") or "")
        return match[1] if match else ""

    @property
    def is_local(self) -> bool:
        """Whether it was built from the repository itself."""
        return self._address.startswith("file://")

    @property
    def source(self) -> str:
        """Address that it was installed from; empty: the repository itself or a package index."""
        return "" if self.is_local else self._address

    @property
    def requires(self) -> set[str]:
        """Normalised names of the packages that it or one of its extras requires."""
        heads = map(_NAME.match, map(str, self._found.metadata.get_all("Requires-Dist") or []))
        return {str(canonicalize_name(head[0])) for head in heads if head}

    def read_files(self) -> dict[str, str]:
        """Return the SHA-256 of its files, or "", by path in the environment's site-packages."""
        return {str(file): file.hash.value if file.hash else "" for file in self._found.files or ()}


def find_unmet(declared: Iterable[str], environment: Environment) -> tuple[str, ...]:
    """List the requirements that an environment does not meet, each with the installed version."""
    versions, python = environment.versions, environment.interpreter.version
    minor = ".".join(python.split(".")[:2])
    facts = {"python_version": minor, "python_full_version": python}
    unmet = []
    for required in map(Requirement, declared):
        version = versions.get(str(canonicalize_name(required.name)))
        if required.marker is not None and not required.marker.evaluate(facts):
            continue
        if version is None or not required.specifier.contains(version, prereleases=True):
            unmet.append(f"{required.name}{required.specifier} (has {version or 'none'})")
    return tuple(unmet)


def find_unasked(
    base: str, head: str, declared: Collection[str], sources: Collection[str]
) -> tuple[str, ...]:
    """List packages that only the change's environment has, and that no declaration requires.

    Args:
        declared: Normalised names of packages that the change's files declare.
        sources: Declarations that may name an address.

    Returns:
        Names; `NAME from ADDRESS` if a package comes from an undeclared address.
    """
    old, new = map(list_installed, (base, head))
    # What local packages require does not count: the change's own build can write it.
    required, waiting = {name for name, package in new.items() if package.is_local}, {*declared}
    while waiting:
        name = waiting.pop()
        if name not in required:
            required.add(name)
            waiting |= new[name].requires if name in new else set()
    unasked = [name for name in sorted(new) if name not in old and name not in required]
    for name in sorted(new.keys() & required):
        source = new[name].source
        is_other = source and (name not in old or old[name].source != source)
        if is_other and not any(source in declaration for declaration in sources):
            unasked.append(f"{name} from {source}")
    return tuple(unasked)


def find_altered(base: str, head: str) -> tuple[str, ...]:
    """Find installed files of a change that no package of an index accounts for.

    Code that the change builds during set-up can write any file: one of a package that base has in
    the same version, or one that belongs to no package.
    """
    old, new = _list_owners(base), _list_owners(head)
    altered = []
    for place in sorted(Path(head).glob("lib/python3*/site-packages/**/*")):
        in_base = Path(base, place.relative_to(head))
        # After the set-up lines, all bytecode is compiled again.
        is_compiled = place.parent.name == BYTECODE
        if not place.is_file() or is_compiled or place.name in _OF_INSTALLERS:
            continue
        path = str(Path(*place.relative_to(head).parts[3:]))
        had, has = old.get(path), new.get(path)
        is_same = in_base.is_file() and filecmp.cmp(place, in_base, shallow=False)
        is_other = has != had or (has and had and has.source != had.source)
        is_newer = has is not None and not has.is_local and is_other
        is_own = has is not None and has.is_local and (had is None or had.is_local)
        # If two packages of base have this file, the content of either is expected.
        if not (is_same or is_newer or is_own or (path, _hash_file(place)) in _list_hashes(base)):
            altered.append(path)
    return tuple(altered)


def _hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in the form of a RECORD."""
    with path.open("rb") as file:
        return urlsafe_b64encode(file_digest(file, "sha256").digest()).decode().rstrip("=")


@lru_cache(maxsize=8)  # an environment is read-only once it is made
def _list_hashes(environment: str) -> frozenset[tuple[str, str]]:
    """List the files of an environment's packages by path and SHA-256, as they are recorded."""
    packages = list_installed(environment).values()
    return frozenset(pair for package in packages for pair in package.read_files().items())


def _list_owners(environment: str) -> dict[str, Distribution]:
    """Return which package has each file, by the file's path in the environment's site-packages."""
    installed = list_installed(environment).values()
    return {file: owner for owner in installed for file in owner.read_files()}


@lru_cache(maxsize=8)  # an environment never changes once it is built
def list_modules(environment: str) -> frozenset[str]:
    """List the top-level modules of packages, except those built from the repository itself."""
    owners = _list_owners(environment)
    files = (path for path, owner in owners.items() if not owner.is_local)
    names = (Path(path).parts[0].partition(".")[0] for path in files)
    return frozenset(name for name in names if name.isidentifier())


def list_installed(environment: str) -> dict[str, Distribution]:
    """Return the packages of a virtual environment on the host, by their normalised names."""
    found = {}
    for place in sorted(Path(environment).glob("lib/python3*/site-packages/*.*-info")):
        if place.is_dir() and _is_bounded(place):
            one = metadata.Distribution.at(place)
            if name := str(canonicalize_name(_read_field(one, "Name"))):
                found[name] = Distribution(name, _read_field(one, "Version"), one)
    return found


def _is_bounded(place: Path) -> bool:
    """Check that the files of a package's metadata have a usual size."""
    read = (place / name for name in ("METADATA", "PKG-INFO", "RECORD", "direct_url.json"))
    return all(path.stat().st_size <= _MOST_BYTES for path in read if path.is_file())


def _read_field(one: metadata.Distribution, name: str) -> str:
    return str((one.metadata.get_all(name) or [""])[0]).strip()
