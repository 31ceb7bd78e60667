"""Delete what is stored of a repository, of a person, or of old runs, in all places at once.

Owns the order: a run is noted as purged once nothing of it is left elsewhere, so that a purge that
was interrupted is repeated whole.
"""

from contextlib import closing
from pathlib import Path

from agent import settings
from agent.git import folders, remote
from agent.models.clock import read_clock
from agent.models.record import Record
from agent.settings import Settings
from agent.store import database, engine, sql_inbox, sql_run_store
from agent.store.purge_scope import PurgeScope
from agent.store.sql_purges import PurgedRun
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import signing
from agent.telemetry.ledger import FILE_NAME as LEDGER
from agent.telemetry.ledger import purge_ledger
from agent.telemetry.private_files import write_private_file
from agent.telemetry.signing import Signer


class PurgeReport(Record):
    runs: tuple[str, ...]
    """Ids of the runs whose texts, names, logs and records go."""
    issues: tuple[str, ...]
    deliveries: int
    mirrors: int
    """Copies of repositories."""
    active_runs: int
    """Runs that stay, since they are not over."""


def purge_data(
    loaded: Settings, store: SqlRunStore, scope: PurgeScope, *, is_dry: bool
) -> PurgeReport:
    """Delete the data of a scope; dry: only say what there is."""
    runs, active = store.purges.find_runs(scope)
    with closing(sql_inbox.open_inbox(loaded)) as inbox:
        deliveries = inbox.find_worded(scope)
        mirrors = _find_mirrors(loaded.home, runs) if scope.repository else []
        if not is_dry:
            inbox.blank(deliveries)
            engine.forget_segments(loaded.home, settings.find_database(loaded), runs)
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
    """Delete texts and names of the runs that were over before a moment; return how many.

    The engine deletes its records of them by itself.
    """
    scope = PurgeScope(before=before)
    runs, _ = store.purges.find_runs(scope)
    _purge_runs(loaded, store, scope, runs)
    return len(runs)


def _purge_runs(
    loaded: Settings, store: SqlRunStore, scope: PurgeScope, runs: list[PurgedRun]
) -> None:
    if not runs:
        return
    signer = signing.load_signer(loaded)
    for run in runs:
        _purge_log(loaded.home, store, run.run_id, signer)
        store.purges.blank_run(run.run_id, read_clock(), has_repository=not scope.repository)


def _purge_log(home: Path, store: SqlRunStore, run_id: str, signer: Signer) -> None:
    """Leave of a run's folder what its digests and signatures need."""
    folder, files = home / "runs" / run_id, store.files
    if files is not None and (stored := files.read(run_id, LEDGER)) is not None:
        files.replace(run_id, purge_ledger(stored, run_id, signer, read_clock()))
        folders.delete_folder(folder)
        return
    if (log := folder / LEDGER).is_file():
        purged = purge_ledger(log.read_bytes(), run_id, signer, read_clock())
        write_private_file(log, purged.decode())
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != LEDGER:
            folders.delete_folder(path)


def _find_mirrors(home: Path, runs: list[PurgedRun]) -> list[Path]:
    addresses = {run.address for run in runs if run.issue}
    places = {remote.locate_mirror(address, home / "mirrors") for address in addresses}
    return sorted(filter(Path.exists, places))
