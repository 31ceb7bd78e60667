"""Clean up after ourselves: what killed processes left behind, and what is kept for too long.

Nothing goes that does not carry our mark: a lock of ours that nobody holds, a name that only we
give, a commit that we have made. What somebody may still work with stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import structlog

from agent.environments import prune
from agent.errors import AgentError
from agent.git import branches, folders, mirror
from agent.models.code_host import CodeHost
from agent.models.outcome import StoredRun
from agent.models.run import RUN_ID
from agent.publishing import commits
from agent.runs import folders as run_folders
from agent.sandbox import sandboxes
from agent.service import loops
from agent.settings import Settings
from agent.store.engine import Engine
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

_HOUR, _DAY = 3600.0, 86_400.0
EVERY_SECONDS = _HOUR
#: Who writes such a file is done with it within the hour.
_TEMPORARY = (
    ("baselines", re.compile(r"\.new-[a-z0-9_]{8}")),
    ("environments", re.compile(r"\.interpreters\.json\.[0-9]+")),
    ("environments/tools/uv-*", re.compile(r"\.uv-[0-9]+")),
    ("sandboxes", re.compile(r"\.(?:runner|etc)-.+")),
    ("runs/*", re.compile(r"\.new-[a-z0-9_]{8}")),
    (".", re.compile(r"measure-[a-z0-9_]{8}")),
)
_LEDGER = "ledger.jsonl"
#: Of the newest runs, those that are looked at for branches that they have left.
_MOST_RUNS = 500
#: A branch that people were told of is theirs to use for a while.
_TOLD_SECONDS, _FRESH_SECONDS, _BRANCH_SECONDS = 14 * _DAY, _HOUR, 30 * _DAY


class Cleaner:
    def __init__(
        self,
        settings: Settings,
        store: SqlRunStore,
        engine: Engine,
        code_host: Callable[[], CodeHost],
    ) -> None:
        """Take what it works with.

        Args:
            code_host: Gives the code host, where branches may be left.
        """
        self._settings, self._home = settings, settings.home
        self._store = store
        self._engine = engine
        self._code_host = code_host
        self._looked: set[tuple[str, float | None]] = set()
        """Runs that were looked at, and when each was over: it may go on and end again."""
        # Nothing is older because somebody puts the clock forward.
        self._clock = loops.SteadyClock()

    def turn(self) -> dict[str, int]:
        """Remove what there is, and say how much of each kind.

        What cannot be removed now is logged, and tried the next time.
        """
        before = self._clock.now() - self._settings.keep_days * _DAY
        parts: dict[str, Callable[[], int]] = {
            "sandboxes": lambda: sandboxes.remove_strays(self._settings),
            "trees": lambda: run_folders.remove_left_trees(self._home),
            "mirrors": lambda: mirror.clean_mirrors(self._home / "mirrors"),
            "environments": lambda: prune.remove_unused(self._settings),
            "files": lambda: _remove_files(self._home, self._clock.now() - _HOUR),
            "records": lambda: self._engine.forget_before(before, self._store.list_active_ids()),
            "stored files": lambda: (
                self._store.files.forget_before(before) if self._store.files else 0
            ),
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

    def _remove_folders(self, before: float) -> int:
        """Remove the folders of runs that have been over for long, and commits only they knew."""
        gone = [
            ledger.parent
            for ledger in (self._home / "runs").glob(f"*/{_LEDGER}")
            if RUN_ID.fullmatch(ledger.parent.name)
            and not ledger.parent.is_symlink()
            and ledger.stat().st_mtime < before
        ]
        active = self._store.list_active_ids() if gone else frozenset()
        gone = [one for one in gone if one.name not in active]
        for one in gone:
            folders.delete_folder(one)
        if gone:
            prune.release_commits(self._settings)
        return len(gone)

    # --- branches ------------------------------------------------------------------------------

    def _remove_branches(self) -> int:
        """Remove branches that runs have pushed and that never became a pull request."""
        by_repository: defaultdict[int, list[StoredRun]] = defaultdict(list)
        for one in self._store.list_latest(_MOST_RUNS):
            if one.run.snapshot is not None and self._may_have_left(one):
                by_repository[one.run.snapshot.issue.repository_id].append(one)
        gone = 0
        for runs in by_repository.values():
            try:
                gone += self._remove_from(runs)
            except AgentError as problem:
                _log.info("branches not looked at", run=runs[0].run.run_id, why=problem.message)
            else:
                self._looked |= {(one.run.run_id, one.ended_at) for one in runs}
        return gone

    def _may_have_left(self, one: StoredRun) -> bool:
        """Whether a run has ended lately, without a pull request."""
        run, outcome = one.run, one.outcome
        if one.active or one.ended_at is None or (run.run_id, one.ended_at) in self._looked:
            return False
        if outcome and (outcome.pull_request or run.dry_run):
            return False
        least = _TOLD_SECONDS if outcome and outcome.branch else _FRESH_SECONDS
        return least < self._clock.now() - one.ended_at < _BRANCH_SECONDS

    def _remove_from(self, runs: list[StoredRun]) -> int:
        """Remove the left branches of one repository."""
        code_host, run, mirrors = self._code_host(), runs[0].run, self._home / "mirrors"
        remote = code_host.find_remote(run)
        if remote is None:
            return 0
        token = code_host.create_credential(run, write=True)
        by_mark = {commits.get_branch_mark(one.run.run_id): one for one in runs}
        marks = {
            mark: (one.run.started, one.outcome.commit if one.outcome else None)
            for mark, one in by_mark.items()
        }
        gone = 0
        for left in branches.find_left_branches(remote.url, token, mirrors, marks):
            if code_host.has_pull_request(run, left.name):
                continue
            if self._store.get_run(by_mark[left.mark].run.run_id).active:
                continue  # somebody has let it go on meanwhile
            if branches.remove_branch(remote.url, token, mirrors, left):
                _log.info("left branch removed", repository=remote.name, branch=left.name)
                gone += 1
        return gone


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
