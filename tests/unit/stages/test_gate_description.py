"""What is said of the gate before a submit."""

import dataclasses

import pytest

from agent.models.checks import LintRun, Status, TestRun
from agent.models.record import replace
from agent.stages import validate
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks

TESTS = TestRun(name="tests", status=Status.PASSED, seconds=100.0)
MYPY = LintRun(name="mypy", status=Status.PASSED, seconds=7.0)
ABSENT = LintRun(name="flake8", status=Status.ABSENT)


@pytest.mark.parametrize(
    ("roles", "said"),
    [(("editor", "reviewer"), []), (("editor",), ["No reviewer is configured"])],
)
def test_what_a_submit_runs_is_said_before(tmp_path, home, roles, said):
    prepared = desks.repository(tmp_path, home)
    run_context = desks.run_context(prepared, home, FakeModel(lambda _: make_reply(), roles=roles))
    report = replace(desks.BEFORE, results=(MYPY, ABSENT, TESTS))
    ready = dataclasses.replace(run_context.preparation.finish(), baseline=report)
    run_context.preparation.ready = ready
    first, *more = validate.describe_gate(run_context).split("\n")
    assert first == (
        "`submit` runs the rules, mypy, tests, the new and changed tests without the change, and"
        " tests without parts of it. Expect 150 seconds or more."
    )
    assert [line.partition(":")[0] for line in more] == said
