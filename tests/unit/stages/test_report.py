"""How a base commit without a ticket is reported."""

import pytest

from agent.editing.preparation import MeasuredBase
from agent.models.checks import CheckReport, CommandRun, Status, TestRun
from agent.models.run import Reason
from agent.stages import report
from tests.fakes import FakeCodeHost
from tests.integration import git_samples
from tests.unit.stages import code_host_runs

DOCS = CommandRun(name="docs", status=Status.FAILED, command=("bash", "-c", "make docs"))
GREEN = TestRun(name="tests", status=Status.PASSED)
NONE = CommandRun(name="tests", status=Status.ABSENT, reason="there are none")


@pytest.mark.parametrize(
    ("file", "results", "reason", "words"),
    [
        ("a.py", (DOCS, GREEN), Reason.CHECKED, "2 checks ran on {} (main); not passed: docs."),
        (
            "a.py",
            (NONE,),
            Reason.NO_TESTS,
            "0 checks ran on {} (main). No ticket can be verified: there are none.",
        ),
        ("a.js", (NONE,), Reason.UNFIT, "0 checks ran on "),
    ],
)
def test_an_owner_is_told_what_ran_and_that_tests_are_missing(
    tmp_path, file, results, reason, words
):
    git_samples.make(tmp_path / "repo", {file: ""})
    made = code_host_runs.prepared(tmp_path / "repo", tmp_path / "home")
    desk, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
    base = CheckReport(side="base", commit=made.checkout.commit, results=results)
    outcome = report.report_base(made, MeasuredBase(made, base), desk)
    assert outcome.reason is reason
    assert outcome.sentence.startswith(words.format(made.checkout.commit[:12]))
    assert [check.name for check in outcome.base.checks] == [
        result.name for result in results if result.status is not Status.ABSENT
    ]
