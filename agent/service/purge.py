"""Delete stored data of a repository, of a person, or of old runs, in all places at once.

A run is marked as purged only after nothing of it is left elsewhere, so that an interrupted purge
is repeated as a whole.
"""

from contextlib import closing
from pathlib import Path

from agent import secret_values
from agent.git import folders, remote
from agent.models.clock import read_clock
from agent.models.record import Record
from agent.settings import Settings
from agent.store import database, engine, sql_inbox, sql_run_store
from agent.store.purge_scope import PurgeScope
from agent.store.sql_purges import PurgedRun
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import signature
from agent.telemetry.private_files import write_private_file


class PurgeReport(Record):
    runs: tuple[str, ...]
    """Ids of the runs that lose texts, names, logs and records."""
    issues: tuple[str, ...]
    deliveries: int
    mirrors: int
    active_runs: int


def purge_data(
    loaded: Settings, store: SqlRunStore, scope: PurgeScope, *, is_dry: bool
) -> PurgeReport:
    """Delete the data of a scope; with `is_dry` only report them."""
    runs, active = store.purges.find_runs(scope)
    with closing(sql_inbox.open_inbox(loaded)) as inbox:
        deliveries = inbox.find_texts(scope)
        addresses = {run.address for run in runs if run.issue and scope.repository}
        mirrors = {remote.locate_mirror(address, loaded.home / "mirrors") for address in addresses}
        mirrors = set(filter(Path.exists, mirrors))
        if not is_dry:
            inbox.blank(deliveries)
            engine.forget_segments(loaded.home, secret_values.find_database(loaded), runs)
            _purge_runs(loaded, store, scope, runs)
            store.purges.blank_pauses(scope)
            for place in mirrors:
                folders.delete_folder(place)
    if not is_dry and store.files is None:
        for name in (sql_run_store.FILE_NAME, sql_inbox.FILE_NAME, engine.FILE_NAME):
            database.overwrite_free_pages(loaded.home / name)
    return PurgeReport(
        runs=tuple(run.run_id for run in runs),
        issues=tuple(sorted({run.issue for run in runs if run.issue})),
        deliveries=len(deliveries),
        mirrors=len(mirrors),
        active_runs=active,
    )


def purge_old_runs(loaded: Settings, store: SqlRunStore, before: float) -> int:
    scope = PurgeScope(before=before)
    runs, _ = store.purges.find_runs(scope)
    _purge_runs(loaded, store, scope, runs)
    return len(runs)


def _purge_runs(
    loaded: Settings, store: SqlRunStore, scope: PurgeScope, runs: list[PurgedRun]
) -> None:
    for run in runs:
        _purge_log(loaded, store, run.run_id)
        store.purges.blank_run(run.run_id, read_clock(), has_repository=not scope.repository)


def _purge_log(loaded: Settings, store: SqlRunStore, run_id: str) -> None:
    """Delete a run's folder except its signature, which names the deleted files."""
    files, folder = store.files, loaded.home / "runs" / run_id
    place = folder / signature.FILE_NAME
    raw = files.read(run_id, place.name) if files else None
    if raw is None and place.is_file():
        raw = place.read_bytes()
    key = signature.load_key(loaded)
    purged = signature.sign_purge(raw, key, read_clock()) if raw else None
    if files is not None:
        files.replace(run_id, purged)
        folders.delete_folder(folder)
        return
    if purged:
        # Written first: an interrupted purge continues with it.
        write_private_file(place, purged.decode())
    for path in folder.iterdir() if folder.is_dir() else ():
        if path != place:
            folders.delete_folder(path)
