"""How checks run: how many at a time, and what is shown of them meanwhile."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.checks import check, running
from agent.checks.check import Site
from agent.checks.commands import make_check
from agent.checks.runners import Suite
from agent.models.checks import CheckItem, LintRun, Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import Flag, SandboxRequest, SandboxResult
from agent.settings import Settings
from agent.stages import baseline
from repo_config.command_lines import read_command
from tests.fakes import FakeSandbox
from tests.unit.checks.test_limits import site
from tests.unit.trees import make_project

FLAKE8 = make_check(read_command("flake8"))


@pytest.fixture
def linted(tmp_path: Path) -> Site:
    """Three linters and no tests."""
    project = make_project(lint=("ruff check .", "flake8", "black --check ."))
    return dataclasses.replace(site(10), tree=tmp_path, project=project)


class Counting:
    """A sandbox that says how many are open."""

    def __init__(self, together: int) -> None:
        self.most = self.open = 0
        self._lock = threading.Lock()
        self._met = threading.Barrier(together)

    def __call__(self, order: SandboxRequest) -> SandboxResult:
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)
        self._met.wait(60)  # breaks, and the test with it, where the others never come
        with self._lock:
            self.open -= 1
        return SandboxResult(exit_code=1, output="", output_bytes=0, seconds=0.1)


@pytest.mark.parametrize(
    ("given", "processors", "limits", "at_once"),
    [
        ({}, 2, {}, 2),
        ({"max_runs": 2, "sandbox_memory_mb": 1}, 8, {"cpu.max": "max 100000"}, 4),
        ({"max_runs": 1, "sandbox_memory_mb": 2**40}, 8, {}, 2),
        ({"max_runs": 1, "sandbox_memory_mb": 1}, 8, {"cpu.max": "450000 100000"}, 5),
        ({"max_runs": 1, "sandbox_memory_mb": 1}, 8, {"memory.max": str(3 * 1024**2)}, 3),
    ],
)
def test_sandboxes_share_the_processors_and_the_memory(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: dict[str, int],
    processors: int,
    limits: dict[str, str],
    at_once: int,
) -> None:
    for name, text in limits.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(check, "_CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    assert check.count_sandboxes(Settings(home=tmp_path, **given)) == at_once


def test_as_many_checks_run_at_once_as_are_allowed(linted: Site) -> None:
    counting = Counting(3)
    checks = (*running.list_others(linted), *running.list_tests(linted))
    # None is of Django, which the project does not have.
    assert len(checks) == 4
    running.run_checks(checks, FakeSandbox(counting), lambda _: None, at_once=3)
    assert counting.most == 3


def test_once_a_result_is_enough_the_others_are_ended(linted: Site) -> None:
    class Cancellable(FakeSandbox):
        def run(self, order: SandboxRequest, cancelled: Flag | None = None, *_: object) -> Any:
            self.orders.append(order)
            while len(self.orders) > 1 and cancelled is not None and not cancelled.is_set():
                time.sleep(0.01)
            return ended(2)

    results = running.run_checks(
        (*running.list_others(linted), *running.list_tests(linted)),
        Cancellable(lambda _: ended(2)),
        lambda _: None,
        is_enough=lambda result: result.status is not Status.ABSENT,
    )
    assert [one.exit_code for one in results if one.status is not Status.ABSENT] == [2]


def test_a_test_that_fails_has_the_line_in_which_it_does(
    linted: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    (linted.tree / "test_a.py").write_text("def test_a():\n    assert total() == 3\n")
    item = CheckItem(item_id="t", outcome="failed", place="test_a.py:2")
    made = TestRun(name="tests", status=Status.FAILED, items=(item,))
    monkeypatch.setattr(Suite, "read_result", lambda *_: made)
    found = running.run_check(Suite(), linted, FakeSandbox(lambda _: ended(1)), lambda _: None)
    assert found.items[0].source == "assert total() == 3"


def ended(code: int | None, limit: str | None = None) -> SandboxResult:
    return SandboxResult(exit_code=code, output="why", output_bytes=3, seconds=0.1, limit=limit)


@pytest.mark.parametrize(
    ("status", "reason", "becomes"),
    [
        (Status.FAILED, "no such plugin", Status.UNMEASURABLE),
        (Status.UNVERIFIED, "no readable report", Status.UNMEASURABLE),
        (Status.FAILED, "", Status.FAILED),
        (Status.PASSED, "", Status.PASSED),
        (Status.ABSENT, "off", Status.ABSENT),
    ],
)
def test_a_tool_that_cannot_run_on_base_cannot_be_measured(
    status: Status, reason: str, becomes: Status
) -> None:
    found = LintRun(name="flake8", status=status, exit_code=2, reason=reason)
    assert baseline.set_unmeasurable(found).status is becomes
    tests = replace(found, name="tests")
    assert baseline.set_unmeasurable(tests) == tests


@pytest.mark.parametrize(("limit", "runs"), [("memory", 2), ("time", 1)])
def test_what_the_machine_ended_runs_once_more(linted: Site, limit: str, runs: int) -> None:
    sandboxes = [ended(None, limit), ended(2)]
    sandbox = FakeSandbox(lambda _: sandboxes.pop(0))
    running.run_check(FLAKE8, linted, sandbox, lambda _: None)
    assert len(sandboxes) == 2 - runs


@pytest.mark.parametrize(("file", "reason"), [("a.py", "no tests"), ("a.js", "no Python file")])
def test_a_repository_of_another_language_is_named(linted: Site, file: str, reason: str) -> None:
    (linted.tree / file).touch()
    [job] = running.list_tests(linted)
    assert reason in job.check.explain_absence(linted)


# --- what is shown meanwhile ------------------------------------------------------------------


class Clock:
    """A time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def make_live() -> tuple[running.LiveOutput, Clock, list[str]]:
    shown: list[str] = []
    clock = Clock()
    live = running.LiveOutput("tests", shown.append, clock)
    return live, clock, shown


def test_a_long_check_shows_its_last_whole_line_at_most_once_a_second() -> None:
    live, clock, shown = make_live()
    live(b"\none\ntwo\n")
    assert shown == []
    clock.now += running.QUIET_SECONDS
    live(b"three\n\nfo")
    live(b"ur\n")
    clock.now += running.EVERY_SECONDS
    live(b"x" * 1_000 + b"\n\x1b[31mred\x1b[0m \x1b]0;title\x07and \xff\xfe\rover\n")
    assert shown == ["tests | three", "tests | over"]


def test_after_a_private_key_nothing_is_shown() -> None:
    live, clock, shown = make_live()
    clock.now += running.QUIET_SECONDS
    live(b"\nx\n-----BEGIN PRIV")
    clock.now += 60.0
    live(b"ATE KEY-----\nMIIEow\n")
    live(b"secret\n")
    assert shown == ["tests | x"]
