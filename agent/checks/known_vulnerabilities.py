"""Known vulnerabilities, as records of the OSV format tell of them, read from the operator's disk.

The format is that of osv.dev's dumps: one JSON object for each record, in a folder or a zip file.
Which packages each record speaks of is noted once for a dump and kept as a cache, so that a look
reads the few records of the packages that are asked for. Nothing is asked over the network. What
cannot be read is named and left out. Sources: ossf.github.io/osv-schema, PEP 440.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.checks import reports
from agent.models.packages import Vulnerability
from agent.models.record import Record

#: Of the cached index; changes when what is noted of a record does.
_FORMAT = 1
_MOST_BYTES = 4 * 1024**2
_MOST_SKIPPED = 20
_SUMMARY = 160
_PROBLEMS = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip
#: Which of the names of one vulnerability people look for first.
_PREFERRED = ("MAL-", "GHSA-", "CVE-", "PYSEC-")


class Index(Record):
    """What is noted of a dump."""

    format: int = _FORMAT
    count: int
    """Records about packages of PyPI that were not withdrawn."""
    newest: str = ""
    """When the newest of them was last edited, ISO 8601."""
    members: dict[str, tuple[str, ...]]
    """Files by the normalised name of the package that they speak of."""
    skipped: tuple[str, ...] = ()
    """Some of the files that cannot be read, each with the reason."""
    unreadable: int = 0
    """How many those are."""


class Unusable(Exception):
    """The dump as a whole cannot be read; the message says why."""


class Records:
    """One dump."""

    def __init__(self, place: Path, cache: Path) -> None:
        """Take the dump; what is noted of it is made where it is not there, or is of another one.

        Args:
            place: A folder, or a zip file.
            cache: Folder of the index.

        Raises:
            Unusable: There is no such dump, or nothing in it can be read.
        """
        self._place = place
        try:
            mark = _mark(place)
            kept = _kept(cache, mark)
            self.index = kept or _noted(place)
        except _PROBLEMS as problem:
            # Where it lies on this machine is not for those who read what is published.
            raise Unusable(f"MERGEWRIGHT_OSV cannot be read ({_words(problem)})") from problem
        if not self.index.count:
            unreadable = f", and {self.index.skipped[0]}" if self.index.skipped else ""
            raise Unusable(f"MERGEWRIGHT_OSV holds no record about packages of PyPI{unreadable}")
        if kept is None:
            _keep(cache, mark, self.index)

    def about(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Affected]:
        """Say which vulnerabilities versions of packages have.

        Args:
            asked: Normalised names and exact versions.
        """
        found: dict[tuple[str, str], Affected] = {}
        with _opened(self._place) as read:
            for name, version in asked:
                problems: list[str] = []
                hits: list[Vulnerability] = []
                for member in self.index.members.get(name, ()):
                    try:
                        record = _Whole.model_validate_json(read(member))
                        hits += _hit(record, name, version)
                    except (ValueError, *_PROBLEMS) as problem:
                        problems.append(f"{member}: {_words(problem)}")
                found[name, version] = Affected(by=_joined(hits), problems=tuple(problems))
        return found


class Affected(Record):
    """What is known of one version."""

    by: tuple[Vulnerability, ...] = ()
    problems: tuple[str, ...] = ()
    """Records about the package that cannot be read, each with the reason."""


# --- what a record says -----------------------------------------------------------------------


class _Part(BaseModel):
    """A part of a record, as far as it is looked at here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Event(_Part):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class _Range(_Part):
    type: str
    events: tuple[_Event, ...] = ()


class _Package(_Part):
    ecosystem: str
    name: str


class _Said(_Part):
    package: _Package | None = None
    ranges: tuple[_Range, ...] | None = None
    versions: tuple[str, ...] | None = None


class _Whole(_Part):
    id: str
    aliases: tuple[str, ...] | None = None
    summary: str | None = None
    modified: str | None = None
    withdrawn: str | None = None
    affected: tuple[_Said, ...] | None = None

    def packages(self) -> Iterator[tuple[str, _Said]]:
        """Yield the packages of PyPI that it speaks of, with what it says of them."""
        for one in self.affected or ():
            if one.package and one.package.ecosystem == "PyPI":
                yield str(canonicalize_name(one.package.name)), one


def _hit(record: _Whole, name: str, version: str) -> Iterator[Vulnerability]:
    """Yield the vulnerability, if the version has it."""
    hit, fixed = False, set[Version]()
    for package, said in record.packages():
        if package != name:
            continue
        listed = said.versions or ()
        hit = hit or any(_is_same(one, version) for one in listed)
        for one in said.ranges or ():
            if one.type == "ECOSYSTEM":
                events = _events(one)
                inside = _is_inside(events, version)
                hit = hit or inside
                # Beside a list of versions, ranges may say no more than what mends them.
                if inside or listed:
                    fixed.update(_fixed_after(events, version))
    if hit:
        yield Vulnerability(
            ids=(record.id, *(record.aliases or ())),
            summary=_flat(record.summary or ""),
            fixed=str(min(fixed)) if fixed else "",
        )


def _events(one: _Range) -> list[tuple[Version, str]]:
    """Return the events of a range in the order of their versions."""
    found = []
    for event in one.events:
        for kind, text in event.model_dump(exclude_none=True).items():
            if (kind, text) == ("limit", "*"):
                continue
            try:
                # Before all versions, also those before 0.
                found.append((Version("0.dev0" if text == "0" else text), kind))
            except InvalidVersion as problem:
                raise ValueError(f"a range with the version {text[:40]}") from problem
    return sorted(found, key=lambda event: (event[0], event[1] != "introduced"))


def _is_inside(events: list[tuple[Version, str]], version: str) -> bool:
    """Whether a version lies in a range, as the schema of OSV evaluates it."""
    at = _version(version)
    if at is None:
        return False
    limits = [bound for bound, kind in events if kind == "limit"]
    if limits and not any(at < bound for bound in limits):
        return False
    inside = False
    for bound, kind in events:
        if kind == "introduced" and at >= bound:
            inside = True
        elif (kind == "fixed" and at >= bound) or (kind == "last_affected" and at > bound):
            inside = False
    return inside


def _fixed_after(events: list[tuple[Version, str]], version: str) -> Iterator[Version]:
    at = _version(version)
    after = (bound for bound, kind in events if kind == "fixed" and at and bound > at)
    if (first := next(after, None)) is not None:
        yield first


def _is_same(listed: str, version: str) -> bool:
    one, other = _version(listed), _version(version)
    return listed == version if one is None or other is None else one == other


def _version(text: str) -> Version | None:
    try:
        # What stands behind a plus is the builder's own; the code is that of the release.
        return Version(Version(text).public)
    except InvalidVersion:
        return None


def _joined(hits: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """Join records that tell of the same vulnerability under other names."""
    joined: list[Vulnerability] = []
    for hit in hits:
        same = [one for one in joined if set(one.ids) & set(hit.ids)]
        joined = [one for one in joined if one not in same]
        several = [*same, hit]
        ids = {name for one in several for name in one.ids}
        fixes = [Version(one.fixed) for one in several if one.fixed]
        joined.append(
            Vulnerability(
                ids=tuple(sorted(ids, key=_rank)),
                summary=next((one.summary for one in several if one.summary), ""),
                # Only a version that all of them call mended is.
                fixed=str(max(fixes)) if len(fixes) == len(several) else "",
            )
        )
    return tuple(sorted(joined, key=lambda one: one.ids))


def _rank(name: str) -> tuple[int, str]:
    known = (place for place, start in enumerate(_PREFERRED) if name.startswith(start))
    return next(known, len(_PREFERRED)), name


def _flat(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SUMMARY else f"{flat[:_SUMMARY]}…"


def _words(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else "no JSON"
    return " ".join(str(problem).split())[:_SUMMARY] or type(problem).__name__


# --- the dump and what is noted of it ---------------------------------------------------------


def _opened(place: Path) -> AbstractContextManager[Callable[[str], bytes]]:
    """Open the dump for reading single records."""
    if place.is_dir():
        return nullcontext(lambda member: _of_file(place / member))
    return _Packed(place)


class _Packed(AbstractContextManager[Callable[[str], bytes]]):
    def __init__(self, place: Path) -> None:
        self._packed = zipfile.ZipFile(place)

    def __enter__(self) -> Callable[[str], bytes]:
        return self._read

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def _read(self, member: str) -> bytes:
        with self._packed.open(member) as file:
            return _bounded(file.read(_MOST_BYTES + 1))


def _of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file.read(_MOST_BYTES + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > _MOST_BYTES:
        raise ValueError(f"larger than {_MOST_BYTES // 1024**2} MB")
    return content


def _members(place: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of each file that may be a record, sorted."""
    if not place.is_dir():
        with zipfile.ZipFile(place) as packed:
            entries = [one for one in packed.infolist() if one.filename.endswith(".json")]
        return sorted((one.filename, one.file_size, one.CRC) for one in entries)
    found = []
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            if name.endswith(".json") and path.is_file():
                facts = path.stat()
                found.append((str(path.relative_to(place)), facts.st_size, facts.st_mtime_ns))
    return sorted(found)


def _mark(place: Path) -> str:
    """Return what is another one for another dump."""
    if place.is_dir():
        listed: object = _members(place)
    else:
        facts = place.stat()
        listed = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return hashlib.sha256(json.dumps([str(place), listed]).encode()).hexdigest()


def _noted(place: Path) -> Index:
    """Read every record once."""
    members: dict[str, list[str]] = {}
    skipped: list[str] = []
    count, unreadable, newest = 0, 0, ""
    names = [name for name, *_ in _members(place)]
    with _opened(place) as read:
        for member in names:
            try:
                record = _Whole.model_validate_json(read(member))
                packages = {name for name, _ in record.packages()}
            except (ValueError, *_PROBLEMS) as problem:
                unreadable += 1
                if len(skipped) < _MOST_SKIPPED:
                    skipped.append(f"{member}: {_words(problem)}")
                continue
            if packages and record.withdrawn is None:
                count += 1
                newest = max(newest, record.modified or "")
                for name in packages:
                    members.setdefault(name, []).append(member)
    return Index(
        count=count,
        newest=newest[:10],
        members={name: tuple(found) for name, found in members.items()},
        skipped=tuple(skipped),
        unreadable=unreadable,
    )


def _kept(cache: Path, mark: str) -> Index | None:
    try:
        found = Index.model_validate_json((cache / f"{mark}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if found.format == _FORMAT else None


def _keep(cache: Path, mark: str, index: Index) -> None:
    """Keep what was noted of this dump, in place of what was noted of others."""
    for old in cache.glob("*.json"):
        old.unlink(missing_ok=True)
    reports.write(cache / f"{mark}.json", index.model_dump_json())
