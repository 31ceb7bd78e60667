"""yarg: a small client of PyPI on requests, unittest classes with mocks, setup.py alone."""

from __future__ import annotations

import itertools
import re

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.scripted import Said, Seen
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import (
    Project,
    Remark,
    Story,
    Test,
    run_test,
    shown,
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
_EDGES, _PACKAGE = "tests/test_json2package.py", "yarg/package.py"
_HELD = f"{_PACKAGE}::json2package"

EDGES = Story(
    name="tests-for-a-function-2",
    project=PROJECT,
    title="Tests for json2package with None, nothing and a hundred releases",
    body="Nothing tests `json2package(None)`, `json2package('')` and a package with N=100 releases.",
    look=(calls(read(_PACKAGE, 250, 330), ("search", {"text": "json2package"})),),
    plan={
        "title": "Test json2package at its edges",
        "category": "tests",
        "steps": ["Test None, empty text and 100 releases"],
        "files": [],
    },
    proof=(
        Test(f"{_EDGES}::TestJson2package::test_none", "None is a TypeError", _HELD),
        Test(f"{_EDGES}::TestJson2package::test_empty", "'' is a ValueError", _HELD),
        Test(f"{_EDGES}::TestJson2package::test_hundred_releases", "100 are in order", _HELD),
    ),
    tests=(
        # The first idea of what None does is wrong; the run says so.
        calls(
            create(
                _EDGES,
                """\
import json
import unittest

from yarg import json2package


class TestJson2package(unittest.TestCase):

    def test_none(self):
        with self.assertRaises(ValueError):
            json2package(None)

    def test_empty(self):
        with self.assertRaises(ValueError):
            json2package('')

    def test_hundred_releases(self):
        ids = ['0.{0}'.format(number) for number in range(100)]
        releases = dict((release_id, [{'upload_time': '2014-08-09T{0:05}'.format(at)}])
                        for at, release_id in enumerate(ids))
        content = json.dumps({'info': {'name': 'yarg'}, 'releases': releases})
        self.assertEqual(ids, json2package(content).release_ids)
""",
            ),
            run_test(_EDGES),
        ),
        when(
            "1 failed",
            "TypeError",
            then=calls(
                edit(
                    _EDGES,
                    "        with self.assertRaises(ValueError):\n            json2package(None)\n",
                    "        with self.assertRaises(TypeError):\n            json2package(None)\n",
                ),
                run_test(_EDGES),
            ),
        ),
        when("3 passed", then=calls(finish("Three tests at the edges."))),
    ),
    edit=(),
    files={_EDGES: "A"},
    diff={
        # Nothing is left of the first idea.
        _EDGES: Part(
            22,
            (
                "        with self.assertRaises(TypeError):",
                "            json2package(None)",
                "        with self.assertRaises(ValueError):",
                "            json2package('')",
                "        ids = ['0.{0}'.format(number) for number in range(100)]",
            ),
        )
    },
)

_HINTS, _PARSE = "tests/test_hints.py", "yarg/parse.py"

HINTS = Story(
    name="type-hints",
    project=PROJECT,
    title="Type hints for yarg.parse",
    body=(
        "Annotate `newest_packages` and `latest_updated_packages`, and `Package.date`; Python 3.8"
        " has to go on working."
    ),
    look=(calls(read(_PARSE, 24, 110), read("tests/test_parse.py", 1, 20)),),
    plan={
        "title": "Annotate the public functions of yarg.parse",
        "category": "typing",
        "steps": ["Annotate them by `typing`, for Python 3.8"],
        "files": [_PARSE],
    },
    proof=(Test(f"{_HINTS}::TestHints::test_parse", "the hints can be read at run time"),),
    tests=(
        calls(
            create(
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
            finish("One test."),
        ),
    ),
    edit=(
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
            run_test(_HINTS, "tests/test_parse.py"),
        ),
        when("passed", then=calls(finish("Only annotations; nothing is done otherwise."))),
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
_NEW = "tests/test_httpx.py"


def _patched(seen: Seen) -> Said:
    """Let the present tests put something in the place of httpx, not of requests."""
    edits = []
    for path in (_TEST_CLIENT, _TEST_PARSE):
        lines = shown(seen, path)
        edits.append(edit(path, '    reason = "Mocked"', '    reason_phrase = "Mocked"'))
        for line, name in itertools.pairwise(lines):
            now = re.sub(r"'requests\.(Session\.)?get'", "'httpx.Client.get'", line)
            if now != line:
                edits.append(edit(path, line + name, now + name))
    new = create(
        _NEW,
        """\
import unittest
from unittest.mock import call, patch

from yarg import HTTPError, client, get, newest_packages, parse


class Package(object):
    status_code = 200
    content = '{"info": {"name": "yarg"}, "releases": {}}'


class Feed(object):
    status_code = 200
    content = ('<rss><channel><item><title>yarg added to PyPI</title><link>l</link>'
               '<guid>g</guid><description>d</description>'
               '<pubDate>09 Aug 2014 06:57:42 GMT</pubDate></item></channel></rss>')


class Missing(object):
    status_code = 404
    reason_phrase = "Not Found"


class TestHttpx(unittest.TestCase):

    @patch('httpx.Client.get', return_value=Package)
    def test_package(self, get_mock):
        self.assertEqual('yarg', get('yarg').name)
        self.assertEqual(call('https://pypi.python.org/pypi/yarg/json'),
                         get_mock.call_args)

    @patch('httpx.Client.get', return_value=Feed)
    def test_feed(self, get_mock):
        self.assertEqual(['yarg'], [one.name for one in newest_packages()])

    @patch('httpx.Client.get', return_value=Missing)
    def test_error(self, get_mock):
        with self.assertRaises(HTTPError) as caught:
            get('yarg')
        self.assertEqual((404, 'Not Found'),
                         (caught.exception.errno, caught.exception.message))

    def test_redirects_are_followed(self):
        self.assertTrue(client.session.follow_redirects)
        self.assertTrue(parse.session.follow_redirects)

    def test_error_is_of_httpx(self):
        import httpx
        self.assertTrue(issubclass(HTTPError, httpx.HTTPError))
""",
    )
    return calls(*edits, new, finish("The mocks stand in the place of httpx."))


HTTPX = Story(
    name="requests-to-httpx",
    project=PROJECT,
    title="Move from requests to httpx",
    body="yarg should depend on httpx alone. Redirects are followed as before.",
    look=(
        calls(
            read(_CLIENT, 24, 70),
            read(_PARSE, 24, 55),
            read(_ERRORS, 24, 60),
            read("setup.py"),
            ("search", {"text": "requests"}),
        ),
    ),
    plan={
        "title": "Use httpx in place of requests",
        "category": "dependency",
        "steps": ["Ask by httpx, which follows redirects only if told", "Declare it"],
        "files": [_CLIENT, _PARSE, _ERRORS, "setup.py"],
        "risks": ["`HTTPError` is no longer an error of requests."],
    },
    proof=(
        Test(f"{_NEW}::TestHttpx::test_redirects_are_followed", "redirects are followed"),
        Test(f"{_NEW}::TestHttpx::test_error_is_of_httpx", "errors are httpx's"),
        Test(f"{_NEW}::TestHttpx::test_package", "packages are asked for by httpx"),
        Test(f"{_NEW}::TestHttpx::test_feed", "feeds are asked for by httpx"),
        Test(f"{_NEW}::TestHttpx::test_error", "errors have code and reason"),
    ),
    tests=(calls(read(_TEST_CLIENT), read(_TEST_PARSE)), _patched),
    edit=(
        calls(
            edit(_CLIENT, "import requests\n", "import httpx\n"),
            edit(_CLIENT, "requests.Session()", "httpx.Client(follow_redirects=True)"),
            edit(_CLIENT, "reason=response.reason)", "reason=response.reason_phrase)"),
            edit(_PARSE, "import requests\n", "import httpx\n"),
            edit(
                _PARSE,
                "from .exceptions import HTTPError\n",
                "from .exceptions import HTTPError\n\n\n"
                "session = httpx.Client(follow_redirects=True)\n",
            ),
            edit(_PARSE, "requests.get(", "session.get("),
            edit(_PARSE, "reason=response.reason)", "reason=response.reason_phrase)"),
            edit(_ERRORS, "from requests.exceptions import", "from httpx import"),
            edit("setup.py", "install_requires=['requests', ]", "install_requires=['httpx', ]"),
            edit("setup.py", "      requires=['requests', ]", "      requires=['httpx', ]"),
            ("search", {"text": "requests", "folder": "yarg"}),
        ),
        calls(finish("Two clients, as before: a session for packages, and one for the feeds.")),
    ),
    files={
        _CLIENT: "M",
        _PARSE: "M",
        _ERRORS: "M",
        "setup.py": "M",
        _NEW: "A",
        _TEST_CLIENT: "M",
        _TEST_PARSE: "M",
    },
    diff={
        _CLIENT: Part(
            3,
            ("import httpx", "session = httpx.Client(follow_redirects=True)"),
            (
                "import requests",
                "session = requests.Session()",
                "                        reason=response.reason)",
            ),
        ),
        _PARSE: Part(
            6,
            (
                "import httpx",
                "session = httpx.Client(follow_redirects=True)",
                "    response = session.get(pypi_server)",
            ),
            (
                "import requests",
                "    response = requests.get(pypi_server)",
                "                        reason=response.reason)",
            ),
        ),
        _ERRORS: Part(
            1,
            ("from httpx import HTTPError as RHTTPError",),
            ("from requests.exceptions import HTTPError as RHTTPError",),
        ),
        "setup.py": Part(
            2,
            ("      install_requires=['httpx', ],", "      requires=['httpx', ],"),
            ("      install_requires=['requests', ],", "      requires=['requests', ],"),
        ),
        _NEW: Part(49, ("class TestHttpx(unittest.TestCase):",)),
        # No assertion of the present tests is another one: only what stands in the place of what.
        _TEST_CLIENT: Part(
            3,
            ("    @patch('httpx.Client.get', return_value=GoodResponse)",),
            (
                '    reason = "Mocked"',
                "    @patch('requests.Session.get', return_value=BadResponse)",
                "    @patch('requests.Session.get', return_value=GoodResponse)",
            ),
        ),
        _TEST_PARSE: Part(
            10,
            ('    reason_phrase = "Mocked"',),
            (
                '    reason = "Mocked"',
                *("    @patch('requests.get', return_value=BadResponse)",) * 2,
                *("    @patch('requests.get', return_value=GoodNewestResponse)",) * 4,
                *("    @patch('requests.get', return_value=GoodUpdatedResponse)",) * 3,
            ),
        ),
    },
    never=("requests", "verify=", "timeout=None"),
    words="Two clients, as before",
    review=("gate-files", "near-runtime-magic", "new-dependency"),
    remarks=(Remark("One client could serve the feeds as well.", _PARSE, 38),),
)

STORIES = (EDGES, HINTS, HTTPX)
