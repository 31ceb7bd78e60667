"""Clean up after ourselves: leftovers of killed processes, and data past its retention.

Only what is certainly ours is removed: it has a lock of ours that no process holds, or a name that
only we use. What may still be in use stays.
"""

import re
from collections.abc import Callable
from pathlib import Path

import structlog

from agent.errors import AgentError
from agent.git import folders, mirror
from agent.models.run import RUN_ID
from agent.runs import folders as run_folders
from agent.sandbox import sandboxes
from agent.service import loops, purge
from agent.settings import Settings
from agent.setup import storage
from agent.store.engine import Engine
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

_HOUR, _DAY = 3600.0, 86_400.0
#: Retention of the audit log.
_AUDIT_DAYS = 365
EVERY_SECONDS = _HOUR
#: Folders and names of temporary files, which are in use for less than an hour.
_TEMPORARY = (
    ("baselines", re.compile(r"\.new-[a-z0-9_]{8}")),
    ("sandboxes", re.compile(r"\.(?:runner|etc)-.+")),
    ("runs/*", re.compile(r"\.new-[a-z0-9_]{8}")),
    (".", re.compile(r"(?:gateway|measure|overlay)-[a-z0-9_]{8}")),
)


class Cleaner:
    def __init__(
        self, settings: Settings, store: SqlRunStore, inbox: Inbox, engine: Engine
    ) -> None:
        self._settings, self._home = settings, settings.home
        self._store, self._inbox = store, inbox
        self._engine = engine
        # If the clock is put forward, nothing must seem older than it is.
        self._clock = loops.SteadyClock()

    def run_once(self) -> dict[str, int]:
        """Remove what is due; return the number removed of each kind.

        A part that fails is logged and tried again next time.
        """
        now = self._clock.now()
        before = now - self._settings.keep_days * _DAY
        parts: dict[str, Callable[[], int]] = {
            "sandboxes": lambda: sandboxes.remove_strays(self._settings),
            "clones": lambda: mirror.remove_left_scratch(self._home / "mirrors"),
            "trees": lambda: run_folders.remove_left_trees(self._home / "trees"),
            "environments": lambda: storage.remove_unused(self._settings),
            "files": lambda: _remove_files(self._home, self._clock.now() - _HOUR),
            "records": lambda: self._engine.forget_before(before, self._store.list_active_ids()),
            "deliveries": lambda: self._inbox.prune(now, before),
            "texts of runs": lambda: purge.purge_old_runs(self._settings, self._store, before),
            "audit entries": lambda: self._store.audit.forget_before(now - _AUDIT_DAYS * _DAY),
            "folders": lambda: self._remove_folders(before),
        }
        done: dict[str, int] = {}
        for name, remove in parts.items():
            try:
                done[name] = remove()
            except Exception as problem:  # noqa: BLE001  one part must not stop the others
                message = problem.message if isinstance(problem, AgentError) else repr(problem)
                _log.warning("not cleaned up", what=name, problem=message)
        if any(done.values()):
            _log.info("cleaned up", **{name: number for name, number in done.items() if number})
        return done

    def _remove_folders(self, before: float) -> int:
        """Remove old folders of unknown runs, and a fleet's local folders of purged runs."""
        purged_at = self._store.purges.list_known()
        gone = []
        for log in (self._home / "runs").glob("*/run.log"):
            path = log.parent
            if not RUN_ID.fullmatch(path.name) or path.is_symlink():
                continue
            is_lost = path.name not in purged_at and log.stat().st_mtime < before
            # A fleet keeps the rest of a purged run in its database.
            is_copy = self._store.files is not None and purged_at.get(path.name) is not None
            if is_lost or is_copy:
                gone.append(path)
        for path in gone:
            folders.delete_folder(path)
        return len(gone)


def _remove_files(home: Path, before: float) -> int:
    """Remove temporary files of processes that were killed while writing."""
    gone = 0
    for where, name in _TEMPORARY:
        for folder in home.glob(where) if where != "." else (home,):
            for place in folder.iterdir() if folder.is_dir() else ():
                if name.fullmatch(place.name) and place.lstat().st_mtime < before:
                    folders.delete_folder(place)
                    gone += 1
    return gone
