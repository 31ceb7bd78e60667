"""yarg: a small client of PyPI on requests, unittest classes with mocks, setup.py alone."""

from __future__ import annotations

from tests.flow.model_scripts import calls, edit, read, run_tests, submit, write
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import (
    Project,
    Story,
    when,
)
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source("yarg", "0.1.10", "1fbc94af89d5ebc2d2dfe46a5006a570de549c43e78f0913ce8390a1c5848b7e"),
    wire="chat",
    stream=False,
    # install: the tests are unittest's, which pytest runs.
    config="python: {install: [pytest]}\n",
    reviewed_by="responses",
)
_HINTS, _PARSE = "tests/test_hints.py", "yarg/parse.py"

HINTS = Story(
    name="type-hints",
    project=PROJECT,
    is_draft=True,
    title="Type hints for yarg.parse",
    body=(
        "Annotate `newest_packages` and `latest_updated_packages`, and `Package.date`; Python 3.8"
        " has to go on working."
    ),
    plan={
        "title": "Annotate the public functions of yarg.parse",
        "category": "typing",
        "steps": ["Annotate them by `typing`, for Python 3.8"],
        "files": [_PARSE],
    },
    proof=(f"{_HINTS}::TestHints::test_parse",),
    work=(
        calls(read(_PARSE), read("tests/test_parse.py")),
        calls(
            write(
                _HINTS,
                """\
from datetime import datetime
import typing
import unittest

from yarg import parse


class TestHints(unittest.TestCase):

    def test_parse(self):
        expected = {'pypi_server': str, 'return': typing.List[parse.Package]}
        self.assertEqual(expected, typing.get_type_hints(parse.newest_packages))
        self.assertEqual(expected,
                         typing.get_type_hints(parse.latest_updated_packages))
        self.assertEqual({'return': datetime},
                         typing.get_type_hints(parse.Package.date.fget))
""",
            ),
            run_tests(_HINTS),
        ),
        calls(
            edit(
                _PARSE,
                "from datetime import datetime\nimport xml",
                "from datetime import datetime\nfrom typing import List\nimport xml",
            ),
            edit(
                _PARSE,
                '        pypi_server="https://pypi.python.org/pypi?%3Aaction=packages_rss"):\n',
                "        pypi_server: str = "
                '"https://pypi.python.org/pypi?%3Aaction=packages_rss"\n'
                ') -> List["Package"]:\n',
            ),
            edit(
                _PARSE,
                '        pypi_server="https://pypi.python.org/pypi?%3Aaction=rss"):\n',
                '        pypi_server: str = "https://pypi.python.org/pypi?%3Aaction=rss"\n'
                ') -> List["Package"]:\n',
            ),
            edit(_PARSE, "    def date(self):\n", "    def date(self) -> datetime:\n"),
            run_tests(_HINTS),
        ),
        when("passed", then=calls(submit("Only annotations; nothing is done otherwise."))),
    ),
    files={_PARSE: "M", _HINTS: "A"},
    diff={
        _PARSE: Part(
            6,
            (
                "from typing import List",
                '        pypi_server: str = "https://pypi.python.org/pypi?%3Aaction=packages_rss"',
                ') -> List["Package"]:',
                '        pypi_server: str = "https://pypi.python.org/pypi?%3Aaction=rss"',
                ') -> List["Package"]:',
                "    def date(self) -> datetime:",
            ),
            (
                '        pypi_server="https://pypi.python.org/pypi?%3Aaction=packages_rss"):',
                '        pypi_server="https://pypi.python.org/pypi?%3Aaction=rss"):',
                "    def date(self):",
            ),
        ),
        _HINTS: Part(16, ("class TestHints(unittest.TestCase):",)),
    },
    # Python 3.8 knows no `list[...]` and no `X | Y`.
    never=("Any", "list[", " | ", "cast("),
    words="Only annotations; nothing is done otherwise.",
)

_CLIENT, _ERRORS = "yarg/client.py", "yarg/exceptions.py"
_TEST_CLIENT, _TEST_PARSE = "tests/test_client.py", "tests/test_parse.py"

STORIES = (HINTS,)
