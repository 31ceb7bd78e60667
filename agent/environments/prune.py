"""List what the store of environments holds, and remove what is not needed any more.

Environments, and measured base commits. What a run leaves for people (its text, log and ledger) is
never touched.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

from agent.environments import build, storage
from agent.git import mirror as mirror_store
from agent.models.record import Record
from agent.settings import Settings

_DAY = 86_400
#: What `everything` removes besides the environments; all of it is made again when needed.
_PARTS = (
    "gates", "builders", "exports", "wheels", "interpreters", "services", "scripts", "tools",
    "fetch/cache",
)  # fmt: skip
#: A commit of ours that no kept run knows of stays pinned for so long.
COMMIT_DAYS = 14.0
_COMMIT = re.compile(rb"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b")


class StoredEnvironment(Record):
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
    freed: dict[str, int] = {}
    """Bytes by what they were: environments, tools, baselines."""
    commits: int = 0
    """Commits of ours that mirrors no longer keep."""


def list_environments(settings: Settings) -> tuple[StoredEnvironment, ...]:
    """List the stored environments, the most recently used first."""
    found = []
    for one in build.list_stored(settings):
        place = storage.locate_environment(settings, one.environment.key)
        found.append(
            StoredEnvironment(
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
    return tuple(sorted(found, key=lambda one: one.used, reverse=True))


def prune_environments(
    settings: Settings,
    *,
    older_than_days: float | None = None,
    keep_bytes: int | None = None,
    everything: bool = False,
) -> Pruned:
    """Remove environments, never one in use.

    Args:
        settings: Say where they are.
        older_than_days: Remove what was not used for longer, and base commits that were measured
            before that.
        keep_bytes: Remove the least recently used until the rest takes no more.
        everything: Remove all, every part they were made of, and measured base commits.
    """
    storage.remove_leftovers(settings)
    removed: list[str] = []
    in_use: list[str] = []
    freed = taken = 0
    oldest = None if older_than_days is None else time.time() - older_than_days * _DAY
    known = {one.key: one.bytes_on_disk for one in list_environments(settings)}
    places = filter(Path.is_dir, storage.locate_environment(settings, "").glob("*"))
    for place in sorted(places, key=lambda place: place.stat().st_mtime, reverse=True):
        size = known.get(place.name) or storage.size(place)
        old = oldest is not None and place.stat().st_mtime < oldest
        too_much = keep_bytes is not None and taken + size > keep_bytes
        # What cannot be read is of another version of ours: nothing will ever ask for it.
        unread = place.name not in known and not place.name.startswith(storage.LAYERS)
        if not (everything or old or too_much or unread):
            taken += size
            continue
        with storage.hold_if_unused(settings, place.name) as free:
            if free:
                storage.remove_folder(place)
                removed.append(place.name)
                freed += size
            else:
                in_use.append(place.name)
                taken += size
    amounts = {"environments": freed}
    if everything and not in_use:
        with storage.hold_if_unused(settings, storage.PARTS) as free:
            amounts["tools"] = _remove_parts(settings) if free else 0
    if everything or oldest is not None:
        amounts["baselines"] = _remove_baselines(settings, time.time() if everything else oldest)
    days = COMMIT_DAYS if older_than_days is None else max(older_than_days, 1.0)
    return Pruned(
        removed=tuple(removed),
        in_use=tuple(in_use),
        bytes_freed=sum(amounts.values()),
        freed=amounts,
        commits=release_commits(settings, days),
    )


def release_commits(settings: Settings, days: float = COMMIT_DAYS) -> int:
    """Unpin commits of ours that are older and that no kept run knows of; return how many."""
    known: set[str] = set()
    gone = 0
    for mirror in mirror_store.list_mirrors(settings.home / "mirrors"):
        if not (mirror / mirror_store.PINS).is_dir() and not (mirror / "packed-refs").exists():
            continue
        known = known or _list_commits_of_runs(settings)
        with mirror_store.hold_if_unused(mirror) as held:
            if held is not None:
                before = time.time() - days * _DAY
                gone += len(mirror_store.let_go(held, before, known.__contains__))
    return gone


def _list_commits_of_runs(settings: Settings) -> set[str]:
    """Every commit that the ledger of a kept run names."""
    found: set[str] = set()
    for ledger in (settings.home / "runs").glob("*/ledger.jsonl"):
        with suppress(OSError), ledger.open("rb") as lines:
            for line in lines:
                found |= {commit.decode() for commit in _COMMIT.findall(line)}
    return found


def _remove_parts(settings: Settings) -> int:
    """Remove caches and tools."""
    freed = 0
    for name in _PARTS:
        place = storage.folder(settings) / name
        if place.is_dir():
            freed += storage.size(place)
            storage.remove_folder(place)
    (storage.folder(settings) / "interpreters.json").unlink(missing_ok=True)
    return freed


def _remove_baselines(settings: Settings, before: float | None) -> int:
    """Remove what was measured on base commits before a moment; it is measured again."""
    freed = 0
    for place in (settings.home / "baselines").glob("*"):
        with suppress(FileNotFoundError):
            state = place.lstat()
            if state.st_mtime <= (before or 0):
                place.unlink()
                freed += state.st_blocks * 512
    return freed
