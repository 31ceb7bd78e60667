"""Clean up after ourselves: what killed processes left behind, and what is kept for too long.

Owns which left-overs there are and in what order they go; how each is known as ours is told where
it is made. Nothing goes that does not carry our mark: a lock of ours that nobody holds, a name that
only we give, a commit that we have made. What somebody may still work with stays.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from agent.environments import prune, storage
from agent.errors import AgentError
from agent.git import branches, folders, mirror
from agent.models.code_host import CodeHost
from agent.models.outcome import StoredRun
from agent.publishing import commits
from agent.runs import folders as run_folders
from agent.sandbox import sandboxes
from agent.service import loops
from agent.settings import Settings
from agent.store.engine import Engine
from agent.store.sql_store import SqlStore

_log = structlog.get_logger()

_HOUR, _DAY = 3600.0, 86_400.0
EVERY_SECONDS = _HOUR
#: Whoever writes such a file is done with it in no time.
_TEMPORARY_SECONDS = _HOUR
_TEMPORARY = (
    ("baselines", re.compile(r"\.new-[a-z0-9_]{8}")),
    ("environments", re.compile(r"\.interpreters\.json\.[0-9]+")),
    ("environments/tools/uv-*", re.compile(r"\.uv-[0-9]+")),
    ("sandboxes", re.compile(r"\.(?:runner|etc)-.+")),
    ("runs/*", re.compile(r"\.new-[a-z0-9_]{8}")),
    (".", re.compile(r"measure-[a-z0-9_]{8}")),
)
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{16}")
_PUBLISHING = '"step": "publish"'
_LEDGER = "ledger.jsonl"
#: So many of the newest runs are asked for branches that they have left.
_MOST_RUNS = 500
#: A branch that people were told of is theirs to use for a while.
_TOLD_SECONDS = 14 * _DAY
_BRANCH_SECONDS = 30 * _DAY
_FRESH_SECONDS = _HOUR


class Cleaner:
    def __init__(
        self, settings: Settings, store: SqlStore, engine: Engine, code_host: Callable[[], CodeHost]
    ) -> None:
        """Take what it works with.

        Args:
            code_host: Gives the code host, where branches may be left.
        """
        self._settings = settings
        self._store = store
        self._engine = engine
        self._code_host = code_host
        self._looked: set[str] = set()
        # Nothing is older because somebody puts the clock forward.
        self._clock = loops.SteadyClock()

    def turn(self) -> dict[str, int]:
        """Remove what there is, and say how much of each kind.

        What cannot be removed now is logged, and tried the next time.
        """
        home = self._settings.home
        before = self._clock.now() - self._settings.keep_days * _DAY
        parts: dict[str, Callable[[], int]] = {
            "sandboxes": lambda: sandboxes.remove_strays(self._settings),
            "trees": lambda: run_folders.remove_left_trees(home),
            "mirrors": lambda: mirror.clean_mirrors(home / "mirrors"),
            "environments": lambda: storage.remove_leftovers(self._settings),
            "files": lambda: _remove_files(home, self._clock.now() - _TEMPORARY_SECONDS),
            "records": lambda: self._engine.forget_before(before, self._list_active()),
            "folders": lambda: self._remove_folders(before),
            "branches": self._remove_branches,
        }
        done: dict[str, int] = {}
        for name, remove in parts.items():
            try:
                done[name] = remove()
            except Exception as problem:  # noqa: BLE001  one part must not hold the others up
                told = problem.message if isinstance(problem, AgentError) else repr(problem)
                _log.warning("not cleaned up", what=name, problem=told)
        if any(done.values()):
            _log.info("cleaned up", **{name: number for name, number in done.items() if number})
        return done

    def keep_clean(self, stop: threading.Event) -> None:
        """Take a turn now and every hour, until told to stop."""
        while not stop.is_set():
            self.turn()
            stop.wait(EVERY_SECONDS)

    def _list_active(self) -> frozenset[str]:
        return self._store.active_ids()

    def _remove_folders(self, before: float) -> int:
        """Remove the folders of runs that have been over for long, and commits only they knew."""
        gone = [one for one in _folders(self._settings.home) if _last_written(one) < before]
        active = self._list_active() if gone else frozenset()
        gone = [one for one in gone if one.name not in active]
        for one in gone:
            folders.delete_folder(one)
        if gone:
            prune.release_commits(self._settings)
        return len(gone)

    # --- branches ------------------------------------------------------------------------------

    def _remove_branches(self) -> int:
        """Remove branches that runs have pushed and that never became a pull request."""
        gone = 0
        for of_one in _by_repository(self._candidates(self._clock.now())):
            try:
                gone += self._remove_from(of_one)
            except AgentError as problem:
                _log.info("branches not looked at", run=of_one[0].run.run_id, why=problem.message)
            else:
                self._looked |= {one.run.run_id for one in of_one}
        return gone

    def _candidates(self, now: float) -> Iterator[StoredRun]:
        """Runs that have come as far as to push, and have ended without a pull request."""
        for one in self._store.list_latest(_MOST_RUNS):
            ended, outcome = one.ended_at, one.outcome
            if one.active or ended is None or one.run.run_id in self._looked:
                continue
            if outcome and (outcome.pull_request or one.run.dry_run):
                continue
            told = outcome is not None and outcome.branch is not None
            if not (_TOLD_SECONDS if told else _FRESH_SECONDS) < now - ended < _BRANCH_SECONDS:
                continue
            if _has_published(self._settings.home / "runs" / one.run.run_id):
                yield one

    def _remove_from(self, runs: list[StoredRun]) -> int:
        """Look through one repository."""
        code_host, run = self._code_host(), runs[0].run
        remote = code_host.find_remote(run)
        if remote is None:
            return 0
        token = code_host.create_credential(run, write=True)
        mirrors = self._settings.home / "mirrors"
        marks = {
            commits.mark(one.run.run_id): (
                one.run.started,
                one.outcome.commit if one.outcome else None,
            )
            for one in runs
        }
        gone = 0
        for left in branches.find_left_branches(remote.url, token, mirrors, marks):
            if code_host.has_pull_request(run, left.name):
                continue
            if branches.remove_branch(remote.url, token, mirrors, left):
                _log.info("left branch removed", repository=remote.name, branch=left.name)
                gone += 1
        return gone


def _by_repository(runs: Iterable[StoredRun]) -> Iterable[list[StoredRun]]:
    found: defaultdict[int, list[StoredRun]] = defaultdict(list)
    for one in runs:
        if one.run.snapshot is not None:
            found[one.run.snapshot.issue.repository_id].append(one)
    return found.values()


def _has_published(folder: Path) -> bool:
    try:
        with (folder / _LEDGER).open(encoding="ascii", errors="replace") as lines:
            return any(_PUBLISHING in line for line in lines)
    except OSError:
        return False


def _folders(home: Path) -> list[Path]:
    """Folders that runs and replays have made: named after the run, with a ledger in them."""
    return [
        ledger.parent
        for kind in ("runs", "replays")
        for ledger in (home / kind).glob(f"*/{_LEDGER}")
        if _RUN_ID.fullmatch(ledger.parent.name) and not ledger.parent.is_symlink()
    ]


def _last_written(folder: Path) -> float:
    return (folder / _LEDGER).stat().st_mtime


def _remove_files(home: Path, before: float) -> int:
    """Remove what was being written when a process was killed."""
    gone = 0
    for where, name in _TEMPORARY:
        for folder in home.glob(where) if where != "." else (home,):
            for place in folder.iterdir() if folder.is_dir() else ():
                if name.fullmatch(place.name) and place.lstat().st_mtime < before:
                    folders.delete_folder(place)
                    gone += 1
    return gone
