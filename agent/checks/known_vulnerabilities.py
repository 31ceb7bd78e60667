"""Known vulnerabilities, as osv.dev's dump for PyPI tells of them, read from the operator's disk.

The dump is a zip file with one JSON object for each record. All of them are read each time, which
takes about a second and happens only where a change brings packages. Nothing is asked over the
network. What cannot be read is named and left out. Sources: ossf.github.io/osv-schema, PEP 440.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.models.packages import Vulnerability

_MOST_BYTES = 4 * 1024**2
_MOST_PROBLEMS = 20
_SUMMARY = 160
_PROBLEMS = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip
#: Which of the names of one vulnerability people look for first.
_PREFERRED = ("MAL-", "GHSA-", "CVE-", "PYSEC-")


class Unusable(Exception):
    """The dump as a whole cannot be read; the message says why."""


@dataclass
class Records:
    """What a dump says of some versions."""

    count: int = 0
    """All records about packages of PyPI that were not withdrawn."""
    newest: str = ""
    """Day on which the newest of them was last edited, ISO 8601."""
    by: dict[tuple[str, str], tuple[Vulnerability, ...]] = field(default_factory=dict)
    """Vulnerabilities by name and version, where there are any."""
    problems: list[str] = field(default_factory=list)
    """Some of the files that cannot be read, each with the reason, and how many more there are."""


def look_up(dump: Path, asked: Iterable[tuple[str, str]]) -> Records:
    """Say which vulnerabilities versions of packages have.

    Args:
        dump: A zip file.
        asked: Normalised names and exact versions.

    Raises:
        Unusable: There is no such dump, or nothing in it can be read.
    """
    versions: dict[str, set[str]] = defaultdict(set)
    for name, version in asked:
        versions[name].add(version)
    hits: dict[tuple[str, str], list[Vulnerability]] = defaultdict(list)
    found = Records()
    try:
        with zipfile.ZipFile(dump) as packed:
            members = [one for one in packed.namelist() if one.endswith(".json")]
            for member in members:
                try:
                    record = _Record.model_validate_json(_read_member(packed, member))
                    for package, name in _packages(record, found):
                        for version in versions.get(name, ()):
                            if _is_vulnerable(package, version):
                                hits[name, version].append(
                                    _make_vulnerability(record, package, version)
                                )
                except (ValueError, *_PROBLEMS) as problem:
                    found.problems.append(f"{member}: {_words(problem)}")
    except _PROBLEMS as problem:
        # Where it lies on this machine is not for those who read what is published.
        raise Unusable(f"MERGEWRIGHT_OSV cannot be read ({_words(problem)})") from problem
    if not found.count:
        unreadable = f", and {found.problems[0]}" if found.problems else ""
        raise Unusable(f"MERGEWRIGHT_OSV holds no record about packages of PyPI{unreadable}")
    found.by = {key: _join_aliases(several) for key, several in hits.items()}
    if more := found.problems[_MOST_PROBLEMS:]:
        found.problems[_MOST_PROBLEMS:] = [f"{len(more)} more"]
    return found


def _read_member(packed: zipfile.ZipFile, member: str) -> bytes:
    with packed.open(member) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"larger than {_MOST_BYTES // 1024**2} MB")
    return content


def _words(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else "no JSON"
    return " ".join(str(problem).split())[:_SUMMARY] or type(problem).__name__


# --- what a record says -----------------------------------------------------------------------


class _Part(BaseModel):
    """A part of a record, as far as it is looked at here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Range(_Part):
    type: str
    events: tuple[dict[str, str], ...] = ()


class _Named(_Part):
    ecosystem: str
    name: str


class _Package(_Part):
    package: _Named | None = None
    ranges: tuple[_Range, ...] | None = None
    versions: tuple[str, ...] | None = None


class _Record(_Part):
    id: str
    aliases: tuple[str, ...] | None = None
    summary: str | None = None
    modified: str | None = None
    withdrawn: str | None = None
    affected: tuple[_Package, ...] | None = None


def _packages(record: _Record, found: Records) -> Iterator[tuple[_Package, str]]:
    """Yield the packages of PyPI that a record speaks of, with their names; count it."""
    own = [one for one in record.affected or () if one.package and one.package.ecosystem == "PyPI"]
    if own and record.withdrawn is None:
        found.count += 1
        found.newest = max(found.newest, (record.modified or "")[:10])
        for one in own:
            yield one, str(canonicalize_name(one.package.name if one.package else ""))


def _is_vulnerable(package: _Package, version: str) -> bool:
    """Whether a version is vulnerable: listed, or within a range as OSV's schema evaluates it."""
    at = _version(version)
    listed = package.versions or ()
    if version in listed or (at and at in map(_version, listed)):
        return True
    return at is not None and any(_is_inside(_events(one), at) for one in package.ranges or ())


def _is_inside(events: list[tuple[Version, str]], at: Version) -> bool:
    inside = False
    for bound, kind in events:
        if kind == "introduced" and at >= bound:
            inside = True
        elif (kind == "fixed" and at >= bound) or (kind == "last_affected" and at > bound):
            inside = False
    return inside


def _events(one: _Range) -> list[tuple[Version, str]]:
    """Return the events of a range of versions in their order; of a range of commits none."""
    if one.type != "ECOSYSTEM":
        return []
    found = []
    for event in one.events:
        for kind, text in event.items():
            if kind == "limit":  # for commits
                continue
            try:
                # Before all versions, also those before 0.
                found.append((Version("0.dev0" if text == "0" else text), kind))
            except InvalidVersion as problem:
                raise ValueError(f"a range with the version {text[:40]}") from problem
    return sorted(found, key=lambda event: (event[0], event[1] != "introduced"))


def _version(text: str) -> Version | None:
    try:
        # What stands behind a plus is the builder's own; the code is that of the release.
        return Version(Version(text).public)
    except InvalidVersion:
        return None


def _make_vulnerability(record: _Record, package: _Package, version: str) -> Vulnerability:
    """Say what people are told, with the first later version that is fixed."""
    at, flat = _version(version), " ".join((record.summary or "").split())
    events = [event for one in package.ranges or () for event in _events(one)]
    fixes = [bound for bound, kind in events if kind == "fixed" and at and bound > at]
    return Vulnerability(
        ids=(record.id, *(record.aliases or ())),
        summary=flat if len(flat) <= _SUMMARY else f"{flat[:_SUMMARY]}…",
        fixed=str(min(fixes)) if fixes else "",
    )


def _join_aliases(hits: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
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
                # Only a version that all of them call fixed is.
                fixed=str(max(fixes)) if len(fixes) == len(several) else "",
            )
        )
    return tuple(sorted(joined, key=lambda one: one.ids))


def _rank(name: str) -> tuple[int, str]:
    known = (place for place, start in enumerate(_PREFERRED) if name.startswith(start))
    return next(known, len(_PREFERRED)), name
