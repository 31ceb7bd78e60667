"""`python -m agent.dashboard`: the dashboard's process, from its environment to a graceful end.

Exit codes: 0 stopped by a signal; 1 it cannot start now; 2 invalid settings, with which no restart
helps. The message says how to fix it.
"""

import os

import structlog

from agent import limits, settings
from agent.dashboard.app import create_app
from agent.errors import AgentError, SettingsInvalid
from agent.store.sql_run_store import open_store
from agent.telemetry import run_log, web_server

_log = structlog.get_logger()


def main() -> None:
    """Serve pages until a signal stops the process."""
    web_server.restart_without(settings.keep_for_dashboard(os.environ))
    run_log.configure_service_logging()
    try:
        loaded = settings.load_settings()
        settings.require_home(loaded.home)
        limits.load_limits(loaded)
        names = "MERGEWRIGHT_DASHBOARD_HOST, MERGEWRIGHT_DASHBOARD_PORT"
        door = web_server.open_door(loaded.dashboard_host, loaded.dashboard_port, names)
        host, port = door.getsockname()[:2]
        address = loaded.dashboard_url or settings.write_address(host, port)
        store = open_store(loaded)
        app = create_app(loaded, store, address)
    except AgentError as problem:
        run_log.report_problem("mergewright dashboard", problem.message)
        raise SystemExit(2 if isinstance(problem, SettingsInvalid) else 1) from None
    _log.info("showing the dashboard", host=host, port=port, address=address)
    web_server.serve(app, door, lifespan="off", stop_seconds=3)
    _log.info("stopped")


if __name__ == "__main__":
    main()
