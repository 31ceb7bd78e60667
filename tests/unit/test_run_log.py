"""The log of a run: colours of tools stay in it, secrets do not."""

import pytest

from agent.models.checks import CheckReport, Status, TestRun
from agent.models.review import Judgement
from agent.telemetry.run_log import RunLog
from agent.text.redaction import Redactor


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("\x1b[32mok\x1b[0m\x1b[2J", "\x1b[32mok\x1b[0m"),
        ("the key is hunter2-\x1b[31msecret-value\x1b[0m", "the key is [secret removed]"),
    ],
)
def test_colours_of_a_check_stay_unless_a_secret_is_near(tmp_path, printed, kept):
    log = RunLog(tmp_path / "run.log", Redactor(["hunter2-secret-value"]))
    ran = TestRun(name="tests", status=Status.PASSED, command=("pytest",), output=printed)
    report = CheckReport(side="head", commit="f" * 40, results=(ran,))
    log.result("checks 1", Judgement(ran=report, compared=()))
    assert log.path.read_text().split("$ pytest\n")[1] == f"{kept}\n----\n"
