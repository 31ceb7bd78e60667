"""The run log holds what happened, and no secret."""

from __future__ import annotations

import base64

from agent.domain import CheckReport, CheckResult, Status
from agent.redaction import REMOVED, Redactor
from agent.telemetry import RunLog

SECRET = "Zk3mQ9wLx7Tn2Rb8Vc5Yd1Hf"


def report(output):
    result = CheckResult(name="tests", status=Status.FAILED, output=output)
    return CheckReport(side="head", commit="a" * 40, change_digest=None, results=(result,))


def test_secrets_in_hand_never_reach_the_file(tmp_path):
    log = RunLog(tmp_path / "run.log", Redactor([SECRET]))
    log.line(f"cloned with {SECRET}")
    log.result("checks 1", report(f"env: {base64.b64encode(SECRET.encode()).decode()}"))
    written = (tmp_path / "run.log").read_text()
    assert SECRET not in written
    assert base64.b64encode(SECRET.encode()).decode() not in written
    assert written.count(REMOVED) == 2
    assert "[head] tests: failed" in written


def test_what_looks_like_a_secret_is_taken_out_without_being_told(tmp_path):
    log = RunLog(tmp_path / "run.log")
    log.line("Authorization: Bearer " + "a1B2c3D4" * 5)
    assert (tmp_path / "run.log").read_text().endswith(f"Authorization: Bearer {REMOVED}\n")


def test_ordinary_lines_are_written_as_they_are(tmp_path):
    log = RunLog(tmp_path / "run.log", Redactor([SECRET]))
    line = f"branch mergewright/42-add-x-0a6e67 at {'0a6e67e5d8a9'} sha256:{'0f1e2d3c' * 8}"
    log.line(line)
    assert (tmp_path / "run.log").read_text()[9:] == f"{line}\n"


def test_terminal_escapes_are_shown_inert(tmp_path):
    log = RunLog(tmp_path / "run.log")
    log.line("\x1b]52;c;aGk=\x07 10%\r100% \u202etxt")
    assert (tmp_path / "run.log").read_text()[9:] == "100% \N{REPLACEMENT CHARACTER}txt\n"


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path):
    RunLog(tmp_path / "missing" / "run.log").line("x")
    assert not (tmp_path / "missing").exists()
