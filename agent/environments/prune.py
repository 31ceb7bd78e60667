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
from agent.settings import Settings

_DAY = 86_400
#: What no run has used for so long goes; a commit of ours that no kept run knows of as well.
UNUSED_DAYS = 14.0
_COMMIT = re.compile(rb"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b")


def remove_unused(settings: Settings, days: float = UNUSED_DAYS) -> int:
    """Remove environments and measured base commits that nobody has used; return how many."""
    oldest, gone = read_clock() - days * _DAY, storage.remove_leftovers(settings)
    for place in filter(Path.is_dir, storage.locate_environment(settings, "").glob("*")):
        # What is no layer is of another version of ours: nothing will ever ask for it.
        if _is_older(place, oldest) or not place.name.startswith(storage.LAYERS):
            with storage.hold_if_unused(settings, place.name) as is_free:
                if is_free:
                    storage.remove_folder(place)
                    gone += 1
    for place in (settings.home / "baselines").glob("*"):
        if _is_older(place, oldest):
            place.unlink(missing_ok=True)
            gone += 1
    return gone


def _is_older(place: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return place.lstat().st_mtime <= moment
    return False


def release_commits(settings: Settings, days: float = UNUSED_DAYS) -> int:
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
