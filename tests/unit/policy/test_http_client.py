"""The rule `http-client`: one client, whatever name another one comes in by."""

from __future__ import annotations

import pytest

from agent.domain import Finding
from agent.policy.contract import http_client
from agent.policy.proposal import Proposal
from tests.unit.policy import cases


def findings(
    after: dict[str, str | None] | str,
    base: dict[str, str] | None = None,
    client: str = "httpx",
    version: str = "3.11",
) -> list[Finding]:
    if isinstance(after, str):
        after = {"app/views.py": after}
    made, tree = cases.change(dict(after), dict(base or {}))
    return list(
        http_client.check(
            Proposal(made, cases.config(http_client=client), cases.project(version), tree)
        )
    )


NEW_CLIENTS = {
    "import": ("import requests\n", "requests"),
    "import as": ("import requests as r\nr.get('x')\n", "requests"),
    "import of a part": ("import requests.adapters\n", "requests.adapters"),
    "from import as": ("from requests import get as g\ng('x')\n", "requests.get"),
    "from import of a part": ("from requests import sessions\n", "requests.sessions"),
    "from a part": ("from requests.sessions import Session\n", "requests.sessions.Session"),
    "star": ("from requests import *\n", "requests"),
    "among others": ("import os, requests, sys\n", "requests"),
    "in a function": ("def f():\n    import requests\n    return requests\n", "requests"),
    "in a class": ("class A:\n    import requests\n", "requests"),
    "in a method": (
        "class A:\n    def f(self):\n        from requests import get\n",
        "requests.get",
    ),
    "in an async function": ("async def f():\n    import aiohttp\n", "aiohttp"),
    "in try": ("try:\n    import requests\nexcept ImportError:\n    requests = None\n", "requests"),
    "in a handler": ("try:\n    import a\nexcept ImportError:\n    import requests\n", "requests"),
    "not type checking": (
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import requests\n",
        "requests",
    ),
    "else of type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x = 1\nelse:\n    import requests\n",
        "requests",
    ),
    "import_module": ("import importlib\nimportlib.import_module('requests')\n", "requests"),
    "import_module by name": (
        "from importlib import import_module as load\nload(name='requests.api')\n",
        "requests.api",
    ),
    "import_module in parts": (
        "import importlib as i\ni.import_module('req' + 'uests')\n",
        "requests",
    ),
    "__import__": ("x = __import__('requests').get('y')\n", "requests"),
    "builtins.__import__": ("import builtins\nbuiltins.__import__('requests')\n", "requests"),
    "loader under another name": ("load = __import__\nload('requests')\n", "requests"),
    "sys.modules": ("import sys\nsys.modules['requests'].get('x')\n", "requests"),
    "import_string": (
        "from django.utils.module_loading import import_string\nimport_string('requests.get')\n",
        "requests.get",
    ),
    "resolve_name": ("import pkgutil\npkgutil.resolve_name('requests:get')\n", "requests.get"),
    "importorskip": ("import pytest\nr = pytest.importorskip('requests')\n", "requests"),
    "aiohttp": ("from aiohttp import ClientSession\n", "aiohttp.ClientSession"),
    "urllib3": ("import urllib3\n", "urllib3"),
    "urllib.request": ("import urllib.request\n", "urllib.request"),
    "urllib.request as": ("import urllib.request as r\n", "urllib.request"),
    "from urllib": ("from urllib import request\n", "urllib.request"),
    "urlopen": ("from urllib.request import urlopen\n", "urllib.request.urlopen"),
    "a request, and what sends it": (
        "import urllib.request\nurllib.request.build_opener().open(urllib.request.Request('a'))\n",
        "urllib.request",
    ),
    "urllib2": ("try:\n    pass\nexcept ImportError:\n    import urllib2\n", "urllib2"),
    "http.client": ("import http.client\n", "http.client"),
    "http.client, a table and more": (
        "import http.client as c\nprint(c.responses)\nc.HTTPSConnection('a')\n",
        "http.client",
    ),
    "from http": ("from http import client as c\n", "http.client"),
    "HTTPSConnection": ("from http.client import HTTPSConnection\n", "http.client.HTTPSConnection"),
    "pycurl": ("import pycurl\n", "pycurl"),
    "treq": ("import treq\n", "treq"),
    "httplib2": ("import httplib2\n", "httplib2"),
    "tornado": ("from tornado.httpclient import AsyncHTTPClient\n", "tornado.httpclient"),
    "twisted": ("from twisted.web.client import Agent\n", "twisted.web.client.Agent"),
    "vendored": ("from pip._vendor import requests\n", "pip._vendor.requests"),
    "add-on": ("from requests_oauthlib import OAuth2Session\n", "requests_oauthlib"),
}


@pytest.mark.parametrize(("text", "what"), NEW_CLIENTS.values(), ids=NEW_CLIENTS)
def test_a_client_that_a_file_brings_in_is_refused(text, what):
    found = cases.blocking(findings(text))
    assert len(found) == 1, found
    assert what in found[0].message
    assert "httpx" in found[0].message
    assert found[0].path == "app/views.py"
    line = text.splitlines()[found[0].line - 1]
    assert any(word in line for word in ("import", "load(", "sys.modules", "resolve_name"))


NET = {
    "app/__init__.py": "",
    "app/net.py": "import requests\nimport httpx\nsession = requests.Session()\n"
    "client = httpx.Client()\ndef fetch(url):\n    return requests.get(url)\n"
    "class Api(requests.Session):\n    pass\n",
    "app/shortcuts.py": "from .net import session as http\nfrom app import net as network\n",
    "app/everything.py": "from requests import *\n",
    "app/chain/__init__.py": "from ..everything import *\n",
    "app/pack/__init__.py": "from . import inner\n",
    "app/pack/inner.py": "import urllib3 as _u\npool = _u.PoolManager()\n",
    "app/lazy.py": "import importlib\nlib = importlib.import_module('requests')\n",
    "app/either.py": "try:\n    import requests as http\nexcept ImportError:\n    http = None\n",
    "app/cycle_a.py": "from app.cycle_b import thing\n",
    "app/cycle_b.py": "from app.cycle_a import thing\n",
    "lib/tool/net.py": "import requests\n",
}

REACHED = {
    "name": ("from .net import requests\n", "requests"),
    "name as": ("from app.net import requests as r\n", "requests"),
    "in a function": ("def f():\n    from app.net import requests\n", "requests"),
    "object": ("from app.net import session\n", "requests.Session()"),
    "module then attribute": ("from app import net\nnet.requests.get('x')\n", "requests.get"),
    "relative module": ("from . import net\nnet.session.get('x')\n", "requests.Session().get"),
    "dotted module": ("import app.net\napp.net.requests.get('x')\n", "requests.get"),
    "dotted module as": ("import app.net as n\nn.requests.get('x')\n", "requests.get"),
    "alias of the module": ("from app import net\nn = net\nn.requests.get('x')\n", "requests.get"),
    "through two modules": ("from app.shortcuts import http\n", "requests.Session()"),
    "module through a module": (
        "from app import shortcuts\nshortcuts.network.requests.post('x')\n",
        "requests.post",
    ),
    "star of a module": ("from .net import *\nrequests.get('x')\n", "requests.get"),
    "star of a star": ("from app.chain import get\n", "requests.get"),
    "package": ("from app.pack.inner import pool\n", "urllib3.PoolManager()"),
    "inner module": (
        "from app import pack\npack.inner.pool.request('x')\n",
        "urllib3.PoolManager()",
    ),
    "loaded by text": ("from app.lazy import lib\n", "requests"),
    "fallback": ("from app.either import http\n", "requests"),
    "import_module of it": (
        "import importlib\nimportlib.import_module('app.net').requests.get('x')\n",
        "requests.get",
    ),
    "relative import_module": (
        "import importlib\nn = importlib.import_module('.net', 'app')\nn.requests.get('x')\n",
        "requests.get",
    ),
    "getattr": ("from app import net\ngetattr(net, 'requests').get('x')\n", "requests"),
    "folder without __init__": (
        "from lib.tool import net\nnet.requests.get('x')\n",
        "requests.get",
    ),
}


@pytest.mark.parametrize(("text", "what"), REACHED.values(), ids=REACHED)
def test_a_client_through_another_module_of_the_project_is_refused(text, what):
    found = cases.blocking(findings(text, NET))
    assert len(found) == 1, found
    assert what in found[0].message
    assert "through another module" in found[0].message


def test_a_module_of_the_same_change_is_followed_too():
    found = findings(
        {"app/new.py": "import requests\n", "app/views.py": "from .new import requests\n"}, NET
    )
    assert [finding.path for finding in cases.blocking(found)] == ["app/new.py", "app/views.py"]


PASSING = {
    "the client itself": "import httpx\nhttpx.get('x')\n",
    "its parts": "from httpx import AsyncClient\nimport httpcore\n",
    "similar name": "import requests_log\nfrom requestslib import x\nimport httpx2\n",
    "variable": "requests = []\nfor request in requests:\n    print(request.GET)\n",
    "attribute": "class A:\n    def f(self):\n        return self.requests.get('x')\n",
    "parameter": "def f(requests):\n    return requests.get('x')\n",
    "field": "class Order(models.Model):\n    requests = models.IntegerField()\n",
    "text": "import importlib\nx = 'import requests'\n# import requests\nlog('requests')\n",
    "mock by text": "from unittest import mock\nmock.patch('requests.get')\n",
    "mock library": "import responses\nimport requests_mock\nimport respx\n",
    "Django's request": "from django.http import HttpRequest\ndef f(request):\n    request.get()\n",
    "urllib.parse": "from urllib.parse import urlsplit\nimport urllib.error\nurllib.parse.quote('')\n",
    "path helpers": "from urllib.request import pathname2url, url2pathname\n",
    "a request that nobody sends": (
        "import urllib.request\nclass Shown(urllib.request.Request):\n    pass\n"
    ),
    "an error of old": (
        "try:\n    from urllib.error import HTTPError\nexcept ImportError:\n"
        "    from urllib2 import HTTPError\n"
    ),
    "http without client": "from http import HTTPStatus\nimport http.server\nimport http.cookies\n",
    "table of answers": "from http.client import responses\n",
    "server of aiohttp": "from aiohttp import web\nimport aiohttp.web\n",
    "type checking": (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    import requests\n    from app.net import session\ndef f(s: requests.Session): ...\n"
    ),
    "typing.TYPE_CHECKING": "import typing as t\nif t.TYPE_CHECKING:\n    import requests\n",
    "own function": "from app.net import fetch\nfetch('x')\n",
    "own class": "from app.net import Api\nApi().get('x')\n",
    "own client": "from app.net import client, httpx\nfrom app import net\nnet.httpx.get('x')\n",
    "cycle": "from app.cycle_a import thing\nthing.get('x')\n",
    "missing module": "from .nowhere import requests\nfrom app.nowhere import requests\n",
    "find_spec": "import importlib.util\nimportlib.util.find_spec('requests')\n",
    "dynamic": "import importlib\ndef f(name):\n    return importlib.import_module(name)\n",
}


@pytest.mark.parametrize("text", PASSING.values(), ids=PASSING)
def test_near_misses_pass(text):
    assert findings(text, NET) == []


def test_a_module_of_the_project_called_requests_is_no_client():
    base = {"requests.py": "def get(): ...\n", "app/__init__.py": ""}
    assert findings("import requests\nrequests.get()\n", base) == []
    base = {"src/requests/__init__.py": "", "src/requests/api.py": "x = 1\n"}
    assert findings("from requests.api import x\n", base) == []


def test_a_sub_package_called_requests_is_no_client_by_relative_import():
    base = {
        "app/__init__.py": "",
        "app/requests/__init__.py": "from .models import Request\n",
        "app/requests/models.py": "class Request: ...\n",
    }
    text = "from .requests.models import Request\nfrom . import requests\nrequests.Request()\n"
    assert findings(text, base) == []
    # By absolute import that name is still the library.
    assert len(cases.blocking(findings("import requests\n", base))) == 1


def test_a_folder_of_that_name_does_not_hide_the_library():
    base = {"requests/fixture.py": "x = 1\n", "app/requests.py": "x = 1\n", "app/__init__.py": ""}
    assert len(cases.blocking(findings("import requests\n", base))) == 1


@pytest.mark.parametrize(
    ("client", "text"),
    [
        (
            "requests",
            "import requests\nfrom urllib3.util.retry import Retry\nimport requests_cache\n",
        ),
        ("aiohttp", "import aiohttp\nfrom aiohttp_retry import RetryClient\n"),
        ("urllib3", "import urllib3\n"),
        ("any", "import requests, httpx, aiohttp, urllib.request\n"),
    ],
)
def test_the_chosen_client_and_its_companions_pass(client, text):
    assert findings(text, client=client) == []


@pytest.mark.parametrize("client", ["requests", "aiohttp", "urllib3"])
def test_httpx_is_refused_where_another_client_is_chosen(client):
    (finding,) = findings("import httpx\n", client=client)
    assert f"the only HTTP client here is {client}" in finding.message


OLD = "import requests\n\n\ndef f():\n    return requests.get('a')\n"


def test_a_file_that_had_the_client_and_is_edited_elsewhere_passes():
    after = OLD.replace("def f", "def g").replace("'a'", "'b'") + "\n\nx = 1\n"
    assert findings(after, {"app/views.py": OLD}) == []


def test_a_new_call_through_the_old_import_is_for_review():
    after = OLD + "\n\ndef g():\n    return requests.post('b')\n"
    (finding,) = findings(after, {"app/views.py": OLD})
    assert cases.review([finding])
    assert finding.line == 9
    assert "requests.post" in finding.message


def test_one_more_of_the_same_call_is_for_review_at_its_line():
    after = OLD.replace("def f", "def z():\n    return requests.get('z')\n\n\ndef f")
    (finding,) = findings(after, {"app/views.py": OLD})
    assert cases.review([finding])
    assert finding.line == 5


@pytest.mark.parametrize(
    "more",
    [
        "r = requests\n",
        "from requests import sessions\n",
        "s = requests.Session()\n",
        "def g():\n    import requests\n",
    ],
)
def test_further_uses_in_a_file_that_had_the_client_are_for_review(more):
    found = findings(OLD + more, {"app/views.py": OLD})
    assert found
    assert cases.blocking(found) == []


def test_another_client_in_a_file_that_had_one_is_refused():
    (finding,) = cases.blocking(findings("import urllib3\n" + OLD, {"app/views.py": OLD}))
    assert "urllib3" in finding.message


def test_an_import_for_types_that_becomes_real_is_refused():
    before = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests\n"
    assert len(cases.blocking(findings("import requests\n", {"app/views.py": before}))) == 1


def test_a_client_that_goes_away_is_no_finding():
    assert findings("import httpx\nhttpx.get('a')\n", {"app/views.py": OLD}) == []
    assert findings({"app/views.py": None}, {"app/views.py": OLD}) == []


def test_a_moved_file_is_not_held_to_more_than_before():
    assert findings({"app/views.py": None, "lib/views.py": OLD}, {"app/views.py": OLD}) == []


def test_a_name_of_the_project_that_was_used_before_is_for_review_only():
    before = "from app.net import session\nsession.get('a')\n"
    found = findings(before + "session.post('b')\n", NET | {"app/views.py": before})
    assert [finding.line for finding in cases.review(found)] == [3]
    assert cases.blocking(found) == []


def test_an_object_kept_on_self_is_followed():
    before = (
        "import requests\nclass A:\n    def __init__(self):\n        self.s = requests.Session()\n"
    )
    after = before + "    def f(self):\n        return self.s.get('x')\n"
    (finding,) = cases.review(findings(after, {"app/views.py": before}))
    assert finding.line == 6


def test_a_file_that_cannot_be_parsed_is_searched_by_line():
    found = findings("def f(:\n    import requests\nfrom urllib import request\n")
    assert [finding.line for finding in cases.blocking(found)] == [2, 3]
    assert "Check by hand" in cases.review(found)[0].fix


def test_nesting_is_no_way_around():
    found = findings("import requests\nx = " + "a(" * 90 + ")" * 90 + "\n" + "y" + ".b" * 3000)
    assert cases.blocking(found)


def test_only_modules_that_a_name_leads_to_are_read():
    base = {f"app/m{number}.py": "import requests\n" for number in range(500)} | NET
    made, tree = cases.change({"app/views.py": "from .net import fetch\nfrom . import m7\n"}, base)
    found = list(
        http_client.check(
            Proposal(made, cases.config(http_client="httpx"), cases.project("3.11"), tree)
        )
    )
    assert found == []
    assert set(tree.reads) <= {"app/net.py", "app/m7.py", "app/__init__.py"}


def test_a_chain_of_modules_is_followed_to_its_end():
    base = {f"app/m{n}.py": f"from .m{n + 1} import thing\n" for n in range(100)}
    base["app/m100.py"] = "from requests import get as thing\n"
    (finding,) = cases.blocking(findings("from .m0 import thing\n", base))
    assert "requests.get" in finding.message


def test_a_chain_without_end_is_left_and_said():
    base = {f"app/m{n}.py": f"from .m{n + 1} import thing\n" for n in range(1000)}
    (finding,) = findings("from .m0 import thing\n", base)
    assert cases.review([finding])
    assert "more modules than were followed" in finding.message


@pytest.mark.parametrize(
    "module",
    [
        "def session(): ...\nimport requests\nsession = requests.Session()\n",
        "class session: ...\nfrom requests import (\n    Session as session,\n)\n",
        "class sessions: ...\nfrom requests import session\n",
    ],
)
def test_a_definition_of_that_name_hides_no_client(module):
    assert len(cases.blocking(findings("from .n import session\n", {"app/n.py": module}))) == 1


CIRCLES = {
    "grows by attributes": {
        "app/__init__.py": "from app import a\nb = a.b\na = b.a\n",
        "app/a.py": "import app\nb = app.b.c\n",
    },
    "doubles": {"app/net.py": "x = y or z\n" + "x = x or (x or x)\n" * 60},
    "star of itself": {"app/__init__.py": "from app import *\nfrom . import *\n"},
    "self": {"app/net.py": "from app.net import x\nx = x.x.x\nfrom .net import *\n"},
}


@pytest.mark.parametrize("base", CIRCLES.values(), ids=CIRCLES)
def test_names_that_lead_in_circles_end(base):
    text = "from app import a, b, net\nfrom app.net import x\nimport app\napp.b.c.d()\nnet.x.y()\n"
    assert cases.blocking(findings(text, base)) == []
    assert len(cases.blocking(findings(text + "import requests\n", base))) == 1
