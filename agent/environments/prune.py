"""Remove what is not needed any more from the store of environments.

Environments, and measured base commits. What a run leaves for people (its text, log and ledger) is
never touched.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from agent.environments import storage
from agent.git import mirror
from agent.models.clock import read_clock
from agent.models.record import Record
from agent.settings import Settings

_DAY = 86_400
#: What `everything` removes besides the environments; all of it is made again when needed.
_PARTS = (
    "gates", "interpreters", "interpreters.json", "services",
    "scripts", "tools", "fetch/cache", "downloads",
)  # fmt: skip
#: A commit of ours that no kept run knows of stays pinned for so long.
COMMIT_DAYS = 14.0
_COMMIT = re.compile(rb"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b")


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
    removed, in_use, freed, taken = [], [], 0, 0
    oldest = None if older_than_days is None else read_clock() - older_than_days * _DAY
    oldest = read_clock() if everything else oldest
    places = filter(Path.is_dir, storage.locate_environment(settings, "").glob("*"))
    for place in sorted(places, key=lambda place: place.stat().st_mtime, reverse=True):
        size = storage.size(place)
        is_old = oldest is not None and place.stat().st_mtime <= oldest
        is_too_much = keep_bytes is not None and taken + size > keep_bytes
        # What is no layer is of another version of ours: nothing will ever ask for it.
        if is_old or is_too_much or not place.name.startswith(storage.LAYERS):
            with storage.hold_if_unused(settings, place.name) as is_free:
                if is_free:
                    storage.remove_folder(place)
                    removed.append(place.name)
                    freed += size
                    continue
            in_use.append(place.name)
        taken += size
    amounts = {"environments": freed}
    if everything and not in_use:
        with storage.hold_if_unused(settings, storage.PARTS) as is_free:
            parts = (storage.folder(settings) / name for name in _PARTS if is_free)
            amounts["tools"] = sum(map(_remove, parts))
    if oldest is not None:
        baselines = [*(settings.home / "baselines").glob("*")]
        amounts["baselines"] = sum(_remove(one) for one in baselines if _is_older(one, oldest))
    days = COMMIT_DAYS if older_than_days is None else max(older_than_days, 1.0)
    return Pruned(
        removed=tuple(removed),
        in_use=tuple(in_use),
        bytes_freed=sum(amounts.values()),
        freed=amounts,
        commits=release_commits(settings, days),
    )


def _is_older(place: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return place.lstat().st_mtime <= moment
    return False


def _remove(place: Path) -> int:
    """Remove a file or folder; return the bytes on disk that it took."""
    freed = storage.size(place)
    if place.is_dir():
        storage.remove_folder(place)
    else:
        place.unlink(missing_ok=True)
    return freed


def release_commits(settings: Settings, days: float = COMMIT_DAYS) -> int:
    """Unpin commits of ours that are older and that no kept run knows of; return how many."""
    before = read_clock() - days * _DAY
    return mirror.unpin_commits(settings.home / "mirrors", before, _list_commits_of_runs(settings))


def _list_commits_of_runs(settings: Settings) -> set[str]:
    """Every commit that the ledger of a kept run names."""
    found: set[str] = set()
    for ledger in (settings.home / "runs").glob("*/ledger.jsonl"):
        with suppress(OSError), ledger.open("rb") as lines:
            for line in lines:
                found |= {commit.decode() for commit in _COMMIT.findall(line)}
    return found
