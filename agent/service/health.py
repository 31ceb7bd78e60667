"""What keeps a worker from its work: GitHub, the database, its disk, an intake that is stuck."""

import shutil
from pathlib import Path

from agent.sandbox.limit_probes import require_space
from agent.service.loops import Heartbeat
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import health
from agent.telemetry.health import Readiness

#: An intake that needs longer for one delivery is stuck: after 84 s, it gives up a request that
#: GitHub leaves without an answer.
STILL_SECONDS = 120.0


class WorkerHealth:
    def __init__(self, home: Path, store: SqlRunStore, heartbeat: Heartbeat) -> None:
        """Prepare the checks of a worker's health; the heartbeat is the intake's."""
        self._home, self._store, self._heartbeat = home, store, heartbeat
        self.is_signed_in = False

    def is_alive(self) -> bool:
        return not self.is_signed_in or self._heartbeat.seconds_since_beat() < STILL_SECONDS

    async def read_readiness(self) -> Readiness:
        reason = await self._find_reason()
        seconds = round(self._heartbeat.seconds_since_beat(), 1)
        try:
            free: int | None = shutil.disk_usage(self._home).free
        except OSError:
            free = None
        return health.make_readiness(
            reason, disk={"free_bytes": free}, intake={"heartbeat_seconds": seconds}
        )

    async def _find_reason(self) -> str | None:
        if failure := await health.find_failure(self._store.prove_writable):
            return f"The database cannot be written. {failure}"
        if failure := await health.find_failure(lambda: require_space(self._home)):
            return failure
        if not self.is_signed_in:
            return "GitHub has not confirmed the App's key yet. See the log."
        if not self.is_alive():
            return "The intake has been at one delivery for two minutes. See the log."
        return None
