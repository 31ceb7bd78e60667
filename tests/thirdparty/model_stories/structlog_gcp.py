"""structlog-gcp: processors for structlog, mypy in strict mode, ruff, pytest."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Story, Test, run_test, when
from tests.thirdparty.sources import Source

_CODE, _TESTS = "structlog_gcp/selfcheck.py", "tests/test_selfcheck.py"

PROJECT = Project(
    Source(
        "structlog-gcp", "0.5.1", "44a9b13f237a2de52df7b2fd4bd20cf0e71cf84888cbab6d07ffed9fcc22c157"
    ),
    wire="chat",
    # --no-cov: how much of the code is covered is no result of a test.
    config="checks: {tests: {args: [--no-cov]}}\n",
    added={
        _CODE: '''\
"""Log a message of each severity, for those who set a project up."""

import sys
from collections.abc import Iterable

import structlog

logger = structlog.get_logger()

SEVERITIES = ("debug", "info", "warning", "error")


def run(severities: Iterable[str] = SEVERITIES) -> int:
    """Log a message of each, and return how many were logged."""
    count = 0
    for severity in severities:
        if severity not in SEVERITIES:
            print(f"unknown severity: {severity}", file=sys.stderr)
            continue
        getattr(logger, severity)("selfcheck")
        count += 1
    print(f"{count} messages logged")
    return count
''',
    },
)

SELFCHECK = Story(
    name="print-to-structured-logger-2",
    project=PROJECT,
    title="selfcheck writes lines among the events",
    body=(
        "`structlog_gcp.selfcheck` writes two kinds of plain lines, which Cloud Logging cannot"
        " parse. They should be events of the module's logger: `unknown severity` with `requested`"
        " as a warning, and `selfcheck done` with `count`."
    ),
    look=(calls(read(_CODE), read("tests/conftest.py"), read("tests/test_log.py", 1, 35)),),
    plan={
        "title": "Let selfcheck log by structlog alone",
        "category": "feature",
        "steps": ["Hand both messages to the logger, with their values as keys"],
        "files": [_CODE],
    },
    proof=(
        Test(f"{_TESTS}::test_done_is_an_event", "the end is an event with its count"),
        Test(f"{_TESTS}::test_unknown_severity_is_a_warning", "unknown severities are warned of"),
    ),
    tests=(
        calls(
            create(
                _TESTS,
                """\
from structlog.typing import WrappedLogger

from structlog_gcp import selfcheck

from .conftest import T_stdout


def test_done_is_an_event(stdout: T_stdout, logger: WrappedLogger) -> None:
    assert selfcheck.run(["info"]) == 1

    assert next(stdout)["message"] == "selfcheck"
    done = next(stdout)
    assert done["message"] == "selfcheck done"
    assert done["severity"] == "INFO"
    assert done["count"] == 1


def test_unknown_severity_is_a_warning(stdout: T_stdout, logger: WrappedLogger) -> None:
    assert selfcheck.run(["loud"]) == 0

    warned = next(stdout)
    assert warned["message"] == "unknown severity"
    assert warned["severity"] == "WARNING"
    assert warned["requested"] == "loud"
""",
            ),
            run_test(_TESTS),
        ),
        when("2 failed", then=calls(finish("Two tests."))),
    ),
    edit=(
        calls(
            edit(
                _CODE,
                '            print(f"unknown severity: {severity}", file=sys.stderr)\n',
                '            logger.warning("unknown severity", requested=severity)\n',
            ),
            edit(
                _CODE,
                '    print(f"{count} messages logged")\n',
                '    logger.info("selfcheck done", count=count)\n',
            ),
            edit(_CODE, "import sys\n", ""),
            run_test(_TESTS),
            ("run_check", {"name": "mypy"}),
        ),
        when("2 passed", "0 new findings", then=calls(finish("No line is printed any more."))),
    ),
    files={_CODE: "M", _TESTS: "A"},
    diff={
        _CODE: Part(
            2,
            (
                '            logger.warning("unknown severity", requested=severity)',
                '    logger.info("selfcheck done", count=count)',
            ),
            (
                "import sys",
                '            print(f"unknown severity: {severity}", file=sys.stderr)',
                '    print(f"{count} messages logged")',
            ),
        ),
        _TESTS: Part(24, ('    assert warned["requested"] == "loud"',)),
    },
    never=("print(", "getLogger", "get_logger"),
    words="No line is printed any more.",
    checks=("tests", "mypy", "ruff check"),
)

STORIES = (SELFCHECK,)
