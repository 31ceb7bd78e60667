"""Remove what is not needed any more from the store of environments.

Environments, and measured base commits. What a run leaves for people (its text, log and ledger) is
never touched.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agent.models.clock import read_clock
from agent.settings import Settings
from agent.setup import storage

_DAY = 86_400
#: What no run has used for so long goes; no run takes as long.
UNUSED_DAYS = 14.0


def remove_unused(settings: Settings, days: float = UNUSED_DAYS) -> int:
    """Remove environments and measured base commits that nobody has used; return how many."""
    oldest, gone = read_clock() - days * _DAY, storage.remove_leftovers(settings)
    for place in filter(Path.is_dir, storage.locate_environment(settings, "").glob("*")):
        # What is no layer is of another version of ours: nothing will ever ask for it.
        if _is_older(place, oldest) or not place.name.startswith(storage.LAYERS):
            storage.discard(settings, place)
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
