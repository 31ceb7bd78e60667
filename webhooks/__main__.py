"""`python -m webhooks`: the listener's process, from its environment to a graceful end.

Exit codes: 0 stopped by a signal; 1 it cannot start now; 2 invalid settings, with which no restart
helps. The message says how to fix it.
"""

import gc
import os

import structlog

from agent import secret_values, settings
from agent.errors import AgentError, SettingsInvalid
from agent.store.sql_inbox import open_inbox
from agent.telemetry import run_log, web_server
from webhooks.app import make_listener

_log = structlog.get_logger()


def main() -> None:
    web_server.restart_without(settings.keep_for_listener(os.environ))
    run_log.configure_service_logging()
    try:
        loaded = settings.load_settings()
        secrets = secret_values.RotatingSecret(
            loaded, "webhook_secret", lambda: secret_values.read_webhook_secrets(loaded)
        )
        inbox = open_inbox(loaded)
        names = "MERGEWRIGHT_LISTEN_HOST, MERGEWRIGHT_LISTEN_PORT"
        door = web_server.open_door(loaded.listen_host, loaded.listen_port, names)
        names = "MERGEWRIGHT_LISTEN_HOST, MERGEWRIGHT_HEALTH_PORT"
        health_door = web_server.open_door(loaded.listen_host, loaded.health_port, names)
    except AgentError as problem:
        run_log.report_problem("mergewright listener", problem.message)
        raise SystemExit(2 if isinstance(problem, SettingsInvalid) else 1) from None
    host, port = door.getsockname()[:2]
    deliveries_app, health_app = make_listener(secrets, inbox)
    health_port = health_door.getsockname()[1]
    _log.info("listening", host=host, port=port, health_port=health_port, inbox=inbox.name)
    # Loaded modules stay, and objects of a delivery are freed by reference counts: collecting
    # garbage often would only cost time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    web_server.serve_in_thread(health_app, health_door)
    web_server.serve(deliveries_app, door, lifespan="on", stop_seconds=10)
    _log.info("stopped")


if __name__ == "__main__":
    main()
