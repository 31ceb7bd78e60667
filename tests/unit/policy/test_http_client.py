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
    "from a part": ("from requests.sessions import Session\n", "requests.sessions.Session"),
    "import_module in parts": (
        "import importlib as i\ni.import_module('req' + 'uests')\n",
        "requests",
    ),
    "a request, and what sends it": (
        "import urllib.request\nurllib.request.build_opener().open(urllib.request.Request('a'))\n",
        "urllib.request",
    ),
}


@pytest.mark.parametrize(("text", "what"), NEW_CLIENTS.values(), ids=NEW_CLIENTS)
def test_a_client_that_a_file_brings_in_is_refused(text, what):
    found = cases.blocking(findings(text))
    assert len(found) == 1, found
    assert what in found[0].message
    assert found[0].path == "app/views.py"
    assert found[0].line in (1, 2)


NET = {
    "app/__init__.py": "",
    "app/net.py": "import requests\nimport httpx\nsession = requests.Session()\n"
    "client = httpx.Client()\ndef fetch(url):\n    return requests.get(url)\n"
    "class Api(requests.Session):\n    pass\n",
    "app/shortcuts.py": "from .net import session as http\nfrom app import net as network\n",
    "app/everything.py": "from requests import *\n",
    "app/chain/__init__.py": "from ..everything import *\n",
}

REACHED = {
    "module through a module": (
        "from app import shortcuts\nshortcuts.network.requests.post('x')\n",
        "requests.post",
    ),
    "star of a star": ("from app.chain import get\n", "requests.get"),
    "relative import_module": (
        "import importlib\nn = importlib.import_module('.net', 'app')\nn.requests.get('x')\n",
        "requests.get",
    ),
}


@pytest.mark.parametrize(("text", "what"), REACHED.values(), ids=REACHED)
def test_a_client_through_another_module_of_the_project_is_refused(text, what):
    found = cases.blocking(findings(text, NET))
    assert len(found) == 1, found
    assert what in found[0].message


PASSING = {
    "variable": "requests = []\nfor request in requests:\n    print(request.GET)\n",
    "a request that nobody sends": (
        "import urllib.request\nclass Shown(urllib.request.Request):\n    pass\n"
    ),
    "own client": "from app.net import client, httpx\nfrom app import net\nnet.httpx.get('x')\n",
}


@pytest.mark.parametrize("text", PASSING.values(), ids=PASSING)
def test_near_misses_pass(text):
    assert findings(text, NET) == []


def test_a_module_of_the_project_called_requests_is_no_client():
    base = {"requests.py": "def get(): ...\n", "app/__init__.py": ""}
    assert findings("import requests\nrequests.get()\n", base) == []
    base = {"src/requests/__init__.py": "", "src/requests/api.py": "x = 1\n"}
    assert findings("from requests.api import x\n", base) == []


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("requests", "import requests\nfrom urllib3.util.retry import Retry\n"),
        ("any", "import requests, httpx, aiohttp, urllib.request\n"),
    ],
)
def test_the_chosen_client_and_its_companions_pass(client, text):
    assert findings(text, client=client) == []


OLD = "import requests\n\n\ndef f():\n    return requests.get('a')\n"


def test_a_new_call_through_the_old_import_is_for_review():
    after = OLD + "\n\ndef g():\n    return requests.post('b')\n"
    (finding,) = findings(after, {"app/views.py": OLD})
    assert cases.review([finding])
    assert finding.line == 9
    assert "requests.post" in finding.message


@pytest.mark.parametrize(
    "more",
    ["r = requests\n", "from requests import sessions\n", "def g():\n    import requests\n"],
)
def test_further_uses_in_a_file_that_had_the_client_are_for_review(more):
    found = findings(OLD + more, {"app/views.py": OLD})
    assert found
    assert cases.blocking(found) == []


def test_a_client_that_goes_away_is_no_finding():
    assert findings("import httpx\nhttpx.get('a')\n", {"app/views.py": OLD}) == []
    assert findings({"app/views.py": None}, {"app/views.py": OLD}) == []


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


def test_a_chain_without_end_is_left_and_said():
    base = {f"app/m{n}.py": f"from .m{n + 1} import thing\n" for n in range(1000)}
    (finding,) = findings("from .m0 import thing\n", base)
    assert cases.review([finding])
    assert "more modules than were followed" in finding.message


CIRCLES = {
    "grows by attributes": {
        "app/__init__.py": "from app import a\nb = a.b\na = b.a\n",
        "app/a.py": "import app\nb = app.b.c\n",
    },
    "doubles": {"app/net.py": "x = y or z\n" + "x = x or (x or x)\n" * 60},
    "star of itself": {"app/__init__.py": "from app import *\nfrom . import *\n"},
}


@pytest.mark.parametrize("base", CIRCLES.values(), ids=CIRCLES)
def test_names_that_lead_in_circles_end(base):
    text = "from app import a, b, net\nfrom app.net import x\nimport app\napp.b.c.d()\nnet.x.y()\n"
    assert cases.blocking(findings(text, base)) == []
    assert len(cases.blocking(findings(text + "import requests\n", base))) == 1
