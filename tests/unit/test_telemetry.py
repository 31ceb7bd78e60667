"""The run log holds what happened, and no secret."""

import json
import subprocess
import sys
from pathlib import Path

_TALKS = """
import logging, threading, warnings
from concurrent.futures import ThreadPoolExecutor
import structlog
from agent.telemetry import run_log

run_log.configure_service_logging()
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(run="r1"):
    log.info("within")
    logging.getLogger("some.library").warning("of %s", "a library")
    logging.getLogger("some.library").info("not worth a word")
    try:
        1 / 0
    except ZeroDivisionError as problem:
        logging.getLogger("some.library").error("broken", exc_info=problem)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run_log.keep_log_context(log.info), "in another thread", step="x").result()
        pool.submit(log.info, "not handed on").result()
    timer = threading.Timer(0, run_log.keep_log_context(log.warning), ["later"])
    timer.start()
    timer.join()
log.info("outside")
warnings.warn("old")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()


class Unraisable:
    def __del__(self):
        raise KeyError("nobody\\nhears it")


Unraisable()
run_log.report_problem("a program", "Two\\nlines.")
raise ValueError("the end")
"""


def test_every_line_is_json_and_names_the_run_it_is_about():
    done = subprocess.run(
        [sys.executable, "-c", _TALKS],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    uncaught = [one["exception"] for one in lines if one["event"] == "uncaught exception"]
    kinds = ("ZeroDivisionError", "KeyError", "ValueError: the end")
    assert [kind in text for kind, text in zip(kinds, uncaught, strict=True)] == [True] * 3
    lines = [one for one in lines if one["event"] != "uncaught exception"]
    told = {one["event"]: one for one in lines if one.get("logger") != "py.warnings"}
    assert len(told) == len(lines) - 1
    of_run = {"within", "of a library", "broken", "in another thread", "later"}
    assert {event for event, one in told.items() if one.get("run") == "r1"} == of_run
    assert set(told) == of_run | {"not handed on", "outside", "cannot go on"}
    assert told["cannot go on"]["problem"] == "Two\nlines."
    assert told["of a library"] == {
        "event": "of a library",
        "logger": "some.library",
        "level": "warning",
        "run": "r1",
        "timestamp": told["of a library"]["timestamp"],
    }
    assert "ZeroDivisionError" in told["broken"]["exception"]
