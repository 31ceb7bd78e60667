"""Reading a report on the host, whatever is in it, and the run of tests that it tells of."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from agent.checks import report, suite
from agent.checks.runners import Suite
from agent.models.checks import Status, TestRun
from agent.models.sandbox import SandboxResult
from tests.unit.checks.test_limits import site

TEST = {"event": "test", "id": "a.py::b", "outcome": "passed", "file": "a.py"}
EXIT = {"event": "exit", "code": 1}


def written(*events: object) -> bytes:
    """Lines as our script in the sandbox writes them."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def came_back(
    content: bytes | None, *, exit_code: int = 1, refused: tuple[str, ...] = ()
) -> SandboxResult:
    files = {} if content is None else {report.PATH: content}
    return SandboxResult(
        exit_code=exit_code, output="why", output_bytes=3, seconds=1.0, files=files, refused=refused
    )


def read(content: bytes | None, **more: tuple[str, ...]) -> report.Report:
    return report.read_report(came_back(content, **more), suite.KINDS)  # type: ignore[arg-type]


def test_a_whole_report_has_no_problem() -> None:
    found = read(written(TEST, EXIT))
    assert (found.problem, [type(event).__name__ for event in found.events]) == (
        "", ["Test", "ExitEvent"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "event",
    [{**TEST, "outcome": "splendid"}, {**TEST, "more": 1}, [], {"event": "other"}],
)
def test_an_event_of_another_form_breaks_the_report(event: Mapping[str, object]) -> None:
    found = read(written(TEST, event, EXIT))
    assert (found.problem, len(found.events)) == ("line 2 of the report cannot be read", 1)


def test_a_report_that_breaks_off_is_too_long_or_is_missing_says_so() -> None:
    whole = written(TEST, EXIT)
    assert "incomplete" in read(whole[:-3]).problem
    for cut in (b"", written(TEST), written(EXIT, TEST)):
        assert "stopped before it finished" in read(cut).problem
    assert "cannot be read" in read(b"[" * 100_000 + b"\n").problem
    assert "more than" in read(b"\n" * 500_001).problem
    assert "there is no report" in read(None).problem
    assert "a symbolic link" in read(None, refused=(f"{report.PATH}: a symbolic link",)).problem


def test_ids_are_bounded_without_two_becoming_equal() -> None:
    long = ["x" * 5000 + end for end in ("a", "b")]
    ids = [event.id for event in read(written(*({**TEST, "id": one} for one in long))).events]  # type: ignore[attr-defined]
    assert len({*ids}) == 2
    assert all(len(one) < 1100 for one in ids)


def test_nothing_is_read_as_xml() -> None:
    """Reports are lines of JSON; what has entities and bombs has no reader here."""
    reader = re.compile(
        r"^\s*(?:import|from) (?:xml|lxml|defusedxml|pyexpat|xmltodict)\b", re.MULTILINE
    )
    for path in Path(str(resources.files("agent"))).rglob("*.py"):
        assert not reader.search(path.read_text()), path


# --- the run that it tells of -----------------------------------------------------------------

BEGIN = {"event": "session"}
RED = {"event": "test", "id": suite.SENTINEL, "outcome": "failed"}
END = {"event": "finish", "stopped": "", "late": False}


def collect(*ids: str) -> dict[str, object]:
    return {"event": "collected", "ids": ids, "files": ["a.py"] * len(ids)}


def judge(*events: object, code: int = 0, known_red: frozenset[str] | None = None) -> TestRun:
    result = came_back(written(*events, {"event": "exit", "code": code}), exit_code=code)
    return Suite(known_red=known_red).read_result(site(10), result)


ONE = BEGIN, collect("a.py::b"), TEST


@pytest.mark.parametrize(
    ("events", "code", "status", "reason"),
    [
        ((*ONE, RED, END), 0, "passed", ""),
        ((BEGIN, collect("a.py::b"), {**TEST, "outcome": "failed"}, RED, END), 1, "failed", ""),
        ((BEGIN, collect("a.py::b"), {**TEST, "outcome": "failed"}, RED, END), 0, "unverified", "exit code was 0"),
        ((*ONE, RED), 0, "unverified", "ended early"),
        ((*ONE, END), 0, "unverified", "must fail, ended as not run"),
        ((*ONE, {**RED, "outcome": "passed"}, END), 0, "unverified", "ended as passed"),
        ((BEGIN, collect("a.py::b", "a.py::c"), TEST, RED, END), 0, "unverified", "a.py::c has no outcome"),
        ((BEGIN, collect("a.py::b"), collect("a.py::c"), TEST, RED, END), 0, "unverified", "a.py::c has no outcome"),
        ((*ONE, RED, END, *ONE, END), 0, "unverified", "must fail, ended as not run"),
        ((BEGIN, END), 4, "unverified", "no tests were collected"),
        ((BEGIN, collect(), RED, END), 5, "failed", "no tests were collected"),
        ((), 2, "failed", "no test was run"),
        ((), 0, "unverified", "no test was run"),
    ],
)  # fmt: skip
def test_a_run_counts_where_its_parts_agree(
    events: tuple[object, ...], code: int, status: str, reason: str
) -> None:
    found = judge(*events, code=code)
    assert found.status is Status(status)
    assert reason in found.reason
    assert bool(found.reason) is bool(reason)


def test_a_run_that_ends_at_its_first_failure_needs_no_sentinel() -> None:
    red, end = {**TEST, "outcome": "failed"}, {**END, "stopped": suite.ENOUGH}
    events = BEGIN, collect("a.py::b", "a.py::c"), red, end
    found = judge(*events, code=1, known_red=frozenset())
    assert (found.status, found.reason) == (Status.FAILED, "")
    found = judge(*events, code=1)
    assert found.status is Status.UNVERIFIED, "nobody has asked for that"


def test_a_test_that_several_suites_of_a_script_run_has_its_worst_outcome() -> None:
    events: list[object] = []
    for outcome in ("passed", "failed", "passed"):
        events += [BEGIN, collect("a.py::b"), {**TEST, "outcome": outcome}, RED, END]
    found = judge(*events, code=1)
    assert [(item.item_id, item.outcome) for item in found.items] == [("a.py::b", "failed")]
