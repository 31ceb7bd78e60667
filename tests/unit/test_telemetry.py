"""The run log holds what happened, and no secret."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

from agent.models.checks import CheckReport, Status, TestRun
from agent.telemetry.run_log import RunLog
from agent.text.redaction import REMOVED, Redactor

SECRET = "Zk3mQ9wLx7Tn2Rb8Vc5Yd1Hf"


def report(output):
    result = TestRun(name="tests", status=Status.FAILED, output=output)
    return CheckReport(side="head", commit="a" * 40, results=(result,))


def test_secrets_in_hand_never_reach_the_file(tmp_path):
    log = RunLog(tmp_path / "run.log", Redactor([SECRET]))
    log.line(f"cloned with {SECRET}")
    log.result("checks 1", report(f"env: {base64.b64encode(SECRET.encode()).decode()}"))
    written = (tmp_path / "run.log").read_text()
    assert SECRET not in written
    assert base64.b64encode(SECRET.encode()).decode() not in written
    assert written.count(REMOVED) == 2
    assert "[head] tests: failed" in written


_TALKS = """
import logging, threading, warnings
from concurrent.futures import ThreadPoolExecutor
import structlog
from agent.telemetry import run_log

run_log.configure_logging(verbose=True, debug=False)
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
"""


def test_every_line_is_json_and_names_the_run_it_is_about():
    done = subprocess.run(
        [sys.executable, "-c", _TALKS],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = {one["event"]: one for one in map(json.loads, done.stderr.splitlines())}
    of_run = {"within", "of a library", "broken", "in another thread", "later"}
    assert {event for event, one in told.items() if one.get("run") == "r1"} == of_run
    assert set(told) == of_run | {"not handed on", "outside"}
    assert told["of a library"] == {
        "event": "of a library",
        "logger": "some.library",
        "level": "warning",
        "run": "r1",
        "timestamp": told["of a library"]["timestamp"],
    }
    assert "ZeroDivisionError" in told["broken"]["exception"]
