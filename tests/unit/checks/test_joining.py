"""The tests of several commands: run one after another, and joined into one result."""

import dataclasses

import pytest

from agent.checks import running, suite
from agent.checks.check import Selection
from agent.checks.runners import Suite
from agent.models.checks import CheckItem, Status, TestRun
from agent.models.sandbox import SandboxResult
from repo_config.command_lines import read_suites
from tests.fakes import FakeSandbox
from tests.unit.checks.test_limits import site
from tests.unit.trees import make_project

BOTH = ("pytest tests/api", "pytest tests/unit")


def run(monkeypatch: pytest.MonkeyPatch, *outcomes: str, only: Selection | None = None) -> TestRun:
    """Run two commands that end so, each as `id=outcome, …`."""
    ran: list[str] = []

    def read_result(suite: Suite, at: object, *_: object) -> TestRun:
        command = suite.command(at)  # type: ignore[arg-type]
        ids = [text.partition("=") for text in outcomes[len(ran)].split(", ") if text]
        ran.append(command[-1])
        items = tuple(CheckItem(item_id=test, outcome=end or "passed") for test, _, end in ids)
        red = [item for item in items if item.outcome in ("failed", "error")]
        return TestRun(
            name="tests", status=Status.FAILED if red or not items else Status.PASSED,
            exit_code=len(red), command=command, items=items, seconds=1.0,
            reason="" if items else "no tests were collected", files=(command[-1],),
        )  # fmt: skip

    monkeypatch.setattr(Suite, "read_result", read_result)
    first, more = read_suites(BOTH)
    project = make_project(test_runner="pytest", test_args=first.args, more_tests=(more,))
    nothing = SandboxResult(exit_code=0, output="", output_bytes=0, seconds=0.1)
    here = dataclasses.replace(site(10), project=project)
    sandbox = FakeSandbox(lambda _: nothing)
    return running.run_check(Suite(only=only), here, sandbox, lambda _: None)


def test_each_command_runs_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, "a, b=failed", "c, d=skipped")
    assert [item.item_id for item in found.items] == ["a", "b", "c", "d"]
    assert (found.status, found.exit_code, found.reason) == (Status.FAILED, 1, "")
    assert found.files == ("tests/api", "tests/unit")
    assert found.command[-1] == "python -m pytest tests/api; python -m pytest tests/unit"


def test_a_test_that_two_commands_run_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = run(monkeypatch, "a, b", "b, c")
    assert found.status is Status.UNVERIFIED
    assert found.reason.startswith("b is run by several commands of checks.tests")
    # All but one may skip it, and each meets a module that cannot be imported.
    found = run(monkeypatch, "a=skipped, m (collection)=error", "a, m (collection)=error")
    assert found.status is Status.FAILED
    assert found.items[0].outcome == "passed"


@pytest.mark.parametrize("outcomes", [("a", ""), ("", "a")])
def test_one_test_is_run_by_the_command_that_it_belongs_to(
    monkeypatch: pytest.MonkeyPatch, outcomes: tuple[str, ...]
) -> None:
    found = run(monkeypatch, *outcomes, only=Selection(ids=("a",)))
    assert (found.status, found.reason) == (Status.PASSED, "")


def test_a_command_that_collects_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, "a", "")
    assert found.status is Status.FAILED
    assert found.reason == "`python -m pytest tests/unit`: no tests were collected"


def test_a_line_is_executed_where_one_of_the_commands_runs_it() -> None:
    runs = [
        TestRun(name="tests", status=Status.PASSED, unexecuted={"a.py": lines})
        for lines in ((3, 4), (4, 5))
    ]
    assert suite.join_runs(runs).unexecuted == {"a.py": (4,)}
