"""nvchecker: a command line that logs by structlog, for people or as JSON."""

from __future__ import annotations

from tests.flow.model_scripts import calls, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source("nvchecker", "2.22", "7c5d04d55e3faffa2f7e7a81165a2f6b68786f4b185d4e1e2ec7af03a524e784"),
    wire="responses",
    stream=False,
    # install: declared nowhere. args: the other tests ask servers of this world.
    config=(
        "python: {install: [pytest, pytest-asyncio]}\n"
        "logging: structlog\n"
        "checks: {tests: {args: [tests/test_logging.py, tests/test_substitute.py]}}\n"
    ),
    reviewed_by="anthropic",
)
_CORE, _TESTS = "nvchecker/core.py", "tests/test_logging.py"

VERSION = Story(
    name="print-to-structured-logger-1",
    project=PROJECT,
    title="--version has to be an event where the logger writes JSON",
    body=(
        "With `--logger json` each line on stdout is an event, but `--version` writes a bare line"
        " there. Hand it to the structlog logger of `core.py`, with `program` and `version`."
    ),
    look=(
        calls(
            ("search", {"text": "__version__", "folder": "nvchecker"}),
            read(_CORE, 48, 116),
            read("nvchecker/slogconf.py"),
            read(_TESTS),
        ),
    ),
    plan={
        "title": "Log the version as an event",
        "category": "feature",
        "steps": ["Hand the version to the logger"],
        "files": [_CORE],
        "risks": ["Scripts that read the bare line have to change."],
    },
    proof=(Test(f"{_TESTS}::test_version_is_an_event", "the version is a JSON event"),),
    tests=(
        calls(
            edit(
                _TESTS,
                "from unittest.mock import patch\n\nfrom nvchecker.core import check_version_update\n",
                """\
import argparse
import json
from unittest.mock import patch

import structlog

from nvchecker import __version__
from nvchecker.core import (
    add_common_arguments, check_version_update, process_common_arguments,
)
""",
            ),
            edit(
                _TESTS,
                "def test_updated_event_omits_none_rich_result_fields():\n",
                """\
def test_version_is_an_event(capsys):
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    args = parser.parse_args(["--logger", "json", "--version"])
    try:
        assert process_common_arguments(args)
    finally:
        structlog.reset_defaults()

    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "version"
    assert event["version"] == __version__
    assert event["program"]


def test_updated_event_omits_none_rich_result_fields():
""",
            ),
            run_test(_TESTS),
        ),
        when("1 failed", "2 passed", then=calls(finish("One test."))),
    ),
    edit=(
        calls(
            edit(
                _CORE,
                "    print(f'{progname} v{__version__}')\n",
                "    logger.info('version', program=progname, version=__version__)\n",
            ),
            run_test(_TESTS),
        ),
        when("3 passed", then=calls(finish("With the pretty logger it goes to stderr now."))),
    ),
    files={_CORE: "M", _TESTS: "M"},
    diff={
        _CORE: Part(
            1,
            ("    logger.info('version', program=progname, version=__version__)",),
            ("    print(f'{progname} v{__version__}')",),
        ),
        _TESTS: Part(
            23,
            ("def test_version_is_an_event(capsys):",),
            ("from nvchecker.core import check_version_update",),
        ),
    },
    never=("print(", "getLogger", "get_logger"),
    words="With the pretty logger it goes to stderr now.",
    remarks=(Remark("With --logging warning nothing is shown.", _CORE, 112),),
)

STORIES = (VERSION,)
