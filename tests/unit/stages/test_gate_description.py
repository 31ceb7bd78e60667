"""What is said of the gate before a submit."""

import dataclasses

import pytest

from agent.models.checks import CheckItem, LintRun, Status, TestRun
from agent.models.record import replace
from agent.stages import validate
from repo_config.schema import RepoConfig
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks


def make_run(*outcomes, **facts):
    items = tuple(
        CheckItem(item_id=f"t::{number}", outcome=outcome, text="no database")
        for number, outcome in enumerate(outcomes)
    )
    status = Status.FAILED if "failed" in outcomes else Status.PASSED
    return TestRun(name="tests", status=status, items=items, seconds=100.0, **facts)


MYPY = LintRun(name="mypy", status=Status.PASSED, seconds=7.0)
ABSENT = LintRun(name="flake8", status=Status.ABSENT)
DRAFT = "Every change will be a draft"


@pytest.mark.parametrize(
    ("run", "config", "roles", "said"),
    [
        (make_run("passed"), {}, ("editor", "reviewer"), []),
        (make_run("passed"), {}, ("editor",), ["No reviewer is configured"]),
        (
            make_run("failed", "failed", "passed"), {}, ("editor", "reviewer"),
            [f"{DRAFT}, whatever you edit: 2 of 3 tests fail on the base branch"],
        ),
        (
            make_run("passed", unrun=("t::x",)), {}, ("editor", "reviewer"),
            [f"{DRAFT}, whatever you edit: 1 of 2 tests did not run in time"],
        ),
        (
            make_run("passed"), {"pull_request": {"draft": True}}, ("editor", "reviewer"),
            [f"{DRAFT}, whatever you edit: The configuration asks for it"],
        ),
        (
            make_run(), {}, ("editor", "reviewer"),
            ["Unless it changes this, every change is withheld: The test suite ran no tests."],
        ),
    ],
)  # fmt: skip
def test_what_a_submit_runs_and_what_no_edit_changes_is_said_before(
    tmp_path, home, run, config, roles, said
):
    given = RepoConfig.model_validate(config, strict=False)
    prepared = desks.repository(tmp_path, home, config=given)
    model = FakeModel(lambda _: make_reply(), roles=roles)
    run_context = desks.run_context(prepared, home, model)
    report = replace(desks.BEFORE, results=(MYPY, ABSENT, run))
    ready = dataclasses.replace(run_context.preparation.finish(), baseline=report)
    run_context.preparation.ready = ready
    first, *more = validate.describe_gate(run_context).split("\n")
    assert first == (
        "`submit` runs the rules, mypy, tests, the new and changed tests without the change, and"
        " tests without parts of it. Expect 150 seconds or more."
    )
    assert len(more) == len(said)
    assert all(line.startswith(start) for line, start in zip(more, said, strict=True))
