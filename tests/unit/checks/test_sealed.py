"""Reading a sealed report on the host: whatever is in it."""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from agent.checks import sealed, suite
from agent.checks.runners import PytestSuite
from agent.checks.sealed import Secret
from agent.models.sandbox import SandboxResult
from tests.unit.checks.test_limits import site


def written(secret: Secret, *events: Mapping[str, object]) -> bytes:
    """Lines as our script in the sandbox writes them."""
    last, lines = b"", []
    for event in events:
        body = json.dumps(event).encode()
        key = bytes.fromhex(secret.key)
        last = hashlib.blake2b(last + body, key=key, digest_size=16).hexdigest().encode()
        lines.append(last + b" " + body + b"\n")
    return b"".join(lines)


def came_back(
    secret: Secret, content: bytes | None, *, exit_code: int = 1, refused: tuple[str, ...] = ()
) -> SandboxResult:
    files = {} if content is None else {secret.report: content}
    return SandboxResult(
        exit_code=exit_code, output="", output_bytes=0, seconds=1.0, files=files, refused=refused
    )


def read(secret: Secret, content: bytes | None, **more: object) -> sealed.SealedReport:
    return sealed.read_report(came_back(secret, content, **more), secret, suite.KINDS)  # type: ignore[arg-type]


TEST = {"event": "test", "id": "a::b", "outcome": "passed"}
EXIT = {"event": "exit", "code": 1}


def test_a_whole_report_has_no_problem() -> None:
    secret = Secret()
    report = read(secret, written(secret, TEST, EXIT))
    assert report.problem == ""
    assert [type(event).__name__ for event in report.events] == ["Test", "ExitEvent"]


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b"0" * 32 + b' {"event": "exit", "code": 1}\n']
)
def test_what_is_not_ours_is_never_read_as_a_report(content: bytes) -> None:
    report = read(Secret(), content)
    assert report.problem
    assert report.events == ()


@pytest.mark.parametrize(
    "event",
    [
        {"event": "test", "id": "a", "outcome": "splendid"},
        {"event": "test", "id": "a", "outcome": "passed", "more": 1},
        [],
    ],
)
def test_an_event_of_another_form_breaks_the_report(event: Mapping[str, object]) -> None:
    secret = Secret()
    report = read(secret, written(secret, TEST, event, EXIT))
    assert report.problem
    assert len(report.events) == 1


def test_a_line_that_is_changed_dropped_or_moved_breaks_the_seal() -> None:
    secret = Secret()
    lines = written(secret, TEST, {**TEST, "id": "c"}, EXIT).splitlines(keepends=True)
    for forged in (
        [lines[0].replace(b"passed", b"failed"), *lines[1:]],
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
        [lines[0], *lines],
    ):
        assert read(secret, b"".join(forged)).problem


def test_a_report_of_another_sandbox_is_not_taken() -> None:
    secret = Secret()
    assert read(secret, written(Secret(), TEST, EXIT)).problem


def test_a_report_that_breaks_off_says_so() -> None:
    secret = Secret()
    whole = written(secret, TEST, EXIT)
    assert read(secret, whole[:-3]).problem
    assert read(secret, written(secret, TEST), exit_code=0).problem


def test_an_exit_code_that_the_sandbox_did_not_see_is_a_problem() -> None:
    secret = Secret()
    assert read(secret, written(secret, TEST, EXIT), exit_code=0).problem


def test_a_test_that_several_suites_of_a_script_run_has_its_worst_outcome() -> None:
    secret, events = Secret(), []
    for outcome in ("passed", "failed", "passed"):
        session = {"event": "session"}
        test = {"event": "test", "id": "a.py::b", "outcome": outcome}
        events += [session, {"event": "collected", "ids": ["a.py::b"]}, test]
    result = came_back(secret, written(secret, *events, EXIT))
    found = suite.judge_suite(PytestSuite(), site(10), secret, result, range(1, 2))
    assert [(item.item_id, item.outcome) for item in found.items] == [("a.py::b", "failed")]


def test_nothing_is_read_as_xml() -> None:
    """Reports are sealed lines of JSON; what has entities and bombs has no reader here."""
    reader = re.compile(
        r"^\s*(?:import|from) (?:xml|lxml|defusedxml|pyexpat|xmltodict)\b", re.MULTILINE
    )
    for path in Path(str(resources.files("agent"))).rglob("*.py"):
        assert not reader.search(path.read_text()), path


def test_no_report_and_a_refused_one_are_told_apart() -> None:
    secret = Secret()
    missing = read(secret, None).problem
    refused = read(secret, None, refused=(f"{secret.report}: a symbolic link",)).problem
    assert missing
    assert "a symbolic link" in refused
