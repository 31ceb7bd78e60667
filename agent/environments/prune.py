"""List what the store of environments holds, and remove what is not needed any more."""

from __future__ import annotations

import time
from pathlib import Path

from agent.domain import Record
from agent.environments import build, storage
from agent.settings import Settings

_DAY = 86_400
#: What `everything` removes besides the environments; all of it is made again when needed.
_PARTS = ("gates", "builders", "wheels", "interpreters", "scripts", "tools", "fetch/cache")


class Kept(Record):
    """One stored environment."""

    key: str
    python: str
    sources: tuple[str, ...]
    packages: int
    bytes_on_disk: int
    created: float
    """Seconds since the epoch, as is `used`."""
    used: float
    seconds: float
    """How long it took to build."""


class Pruned(Record):
    """What was removed."""

    removed: tuple[str, ...]
    in_use: tuple[str, ...]
    """Keys that should have gone, but somebody works with them."""
    bytes_freed: int


def listing(settings: Settings) -> tuple[Kept, ...]:
    """List the stored environments, the most recently used first."""
    kept = []
    for one in build.stored(settings):
        place = storage.ready(settings, one.environment.key)
        kept.append(
            Kept(
                key=one.environment.key,
                python=one.environment.python,
                sources=one.environment.sources,
                packages=len(one.environment.packages),
                bytes_on_disk=storage.size(place),
                created=one.created,
                used=place.stat().st_mtime,
                seconds=one.seconds,
            )
        )
    return tuple(sorted(kept, key=lambda one: one.used, reverse=True))


def prune(
    settings: Settings,
    *,
    older_than_days: float | None = None,
    keep_bytes: int | None = None,
    everything: bool = False,
) -> Pruned:
    """Remove environments, never one in use.

    Args:
        settings: Say where they are.
        older_than_days: Remove what was not used for longer.
        keep_bytes: Remove the least recently used until the rest takes no more.
        everything: Remove all, and every part they were made of.
    """
    storage.sweep(settings)
    removed: list[str] = []
    in_use: list[str] = []
    freed = taken = 0
    now = time.time()
    known = {one.key: one.bytes_on_disk for one in listing(settings)}
    for place in _by_use(settings):
        size = known.get(place.name) or storage.size(place)
        old = older_than_days is not None and now - place.stat().st_mtime > older_than_days * _DAY
        too_much = keep_bytes is not None and taken + size > keep_bytes
        # What cannot be read is of another version of ours: nothing will ever ask for it.
        if not (everything or old or too_much or place.name not in known):
            taken += size
            continue
        with storage.unused(settings, place.name) as free:
            if free:
                storage.remove(place)
                removed.append(place.name)
                freed += size
            else:
                in_use.append(place.name)
                taken += size
    if everything and not in_use:
        with storage.unused(settings, storage.PARTS) as free:
            freed += _remove_parts(settings) if free else 0
    return Pruned(removed=tuple(removed), in_use=tuple(in_use), bytes_freed=freed)


def _by_use(settings: Settings) -> list[Path]:
    places = [place for place in storage.ready(settings, "").glob("*") if place.is_dir()]
    return sorted(places, key=lambda place: place.stat().st_mtime, reverse=True)


def _remove_parts(settings: Settings) -> int:
    """Remove caches and tools."""
    freed = 0
    for name in _PARTS:
        place = storage.folder(settings) / name
        if place.is_dir():
            freed += storage.size(place)
            storage.remove(place)
    (storage.folder(settings) / "interpreters.json").unlink(missing_ok=True)
    return freed
