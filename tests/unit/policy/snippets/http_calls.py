"""Requests without an end, other ways to repeat them, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_REQUIRED: dict[str, object] = {"http_client": {"timeout": "required"}}
_TENACITY: dict[str, object] = {"http_client": {"name": "any", "retries": "tenacity"}}
_NET: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/net.py": (
        "import requests\n\nget = requests.get\nsession = requests.Session()\n\n\n"
        "class Api(requests.Session):\n    pass\n"
    ),
    "app/again.py": "from backoff import on_exception as again\n",
}
_HEAD = "import httpx\nimport requests\n\n"


def _asked(after: str, line: int | None = None, base: str = "") -> Snippet:
    files = _NET | ({"app/views.py": base} if base else {})
    return Snippet(after, base=files, line=line, config=_REQUIRED)


def _unset(after: str, line: int | None = None) -> Snippet:
    return Snippet(after, base=_NET, line=line)


def _repeated(after: str, line: int | None = None, base: str = "") -> Snippet:
    files = _NET | ({"app/views.py": base} if base else {})
    return Snippet(after, base=files, line=line, config=_TENACITY)


CASES = {
    "http-timeout": Cases(
        fails={
            "get": _asked(_HEAD + "requests.get('a')\n", 4),
            "under another name": _asked("from requests import post as send\nsend('a')\n", 2),
            "through another module": _asked("from app.net import get\nget('a')\n", 2),
            "None": _asked(_HEAD + "requests.get('a', timeout=None)\n", 4),
            "session": _asked(_HEAD + "with requests.Session() as s:\n    s.get('a')\n", 5),
            "httpx told so": _asked(_HEAD + "httpx.get('a', timeout=None)\n", 4),
            "client of httpx": _asked(_HEAD + "c = httpx.AsyncClient(timeout=None)\n", 4),
            "timeout of httpx": _asked(
                _HEAD + "c = httpx.Client(timeout=httpx.Timeout(None))\n", 4
            ),
            "urlopen": _asked("from urllib.request import urlopen\nurlopen('a')\n", 2),
            "aiohttp": _asked("import aiohttp\nt = aiohttp.ClientTimeout(total=None)\n", 2),
            "nested": _asked(_HEAD + "def f():\n    return lambda: requests.get('a')\n", 5),
            "taken away": _asked(
                _HEAD + "requests.get('a')\n", 4, base=_HEAD + "requests.get('a', timeout=1)\n"
            ),
        },
        passes={
            "seconds": _asked(_HEAD + "requests.get('a', timeout=5)\n"),
            "a variable": _asked(_HEAD + "requests.get('a', timeout=SECONDS)\n"),
            "further arguments": _asked(_HEAD + "requests.get('a', **options)\n"),
            "httpx by default": _asked(_HEAD + "httpx.get('a')\nhttpx.Client()\n"),
            "httpx that bounds the rest": _asked(_HEAD + "httpx.Timeout(10, read=None)\n"),
            "urlopen by place": _asked(
                "from urllib.request import urlopen\nurlopen('a', None, 5)\n"
            ),
            "session of another module": _asked("from app.net import session\nsession.get('a')\n"),
            "session of its own class": _asked("from app.net import Api\nApi().get('a')\n"),
            "in a test": Snippet(
                {"tests/test_a.py": _HEAD + "requests.get('a')\n"}, config=_REQUIRED
            ),
            "not asked for": _unset(_HEAD + "requests.get('a')\n"),
            "there already": _asked(
                _HEAD + "x = 1\nrequests.get('a')\n", base=_HEAD + "requests.get('a')\n"
            ),
        },
    ),
    "http-timeout-unset": Cases(
        fails={
            "get": _unset(_HEAD + "requests.get('a')\n", 4),
            "None": _unset(_HEAD + "httpx.get('a', timeout=None)\n", 4),
            "session of another module": _asked(
                "from app.net import session\nsession.get('a')\n", 2
            ),
            "session with an adapter": _asked(
                _HEAD + "s = requests.Session()\ns.mount('https://', Adapter(5))\ns.get('a')\n", 6
            ),
            "argument": _asked(_HEAD + "def f(s: requests.Session):\n    return s.get('a')\n", 5),
            "kept on self": _asked(
                _HEAD + "class A:\n    def __init__(self):\n        self.s = requests.Session()\n\n"
                "    def f(self):\n        return self.s.get('a')\n",
                9,
            ),
        },
        passes={
            "seconds": _unset(_HEAD + "requests.get('a', timeout=5)\n"),
            "httpx by default": _unset(_HEAD + "httpx.get('a')\n"),
            "in a script": Snippet({"scripts/a.py": _HEAD + "requests.get('a')\n"}),
            "what is refused already": _asked(_HEAD + "requests.get('a')\n"),
            "variable of that name": _unset("requests = {}\nrequests.get('a')\n"),
            "a dictionary's get": _unset(_HEAD + "{}.get('a')\n"),
        },
    ),
    "http-retries": Cases(
        fails={
            "import": _repeated("import backoff\n", 1),
            "under another name": _repeated("from stamina import retry as again\n", 1),
            "through another module": _repeated("from app.again import again\n", 1),
            "of urllib3": _repeated("from urllib3.util.retry import Retry\n", 1),
            "transport of httpx": _repeated(
                "import httpx\n\nc = httpx.Client(transport=httpx.HTTPTransport(retries=3))\n", 3
            ),
            "adapter of requests": _repeated(
                "from requests.adapters import HTTPAdapter as A\n\na = A(max_retries=3)\n", 3
            ),
            "in a function": _repeated("def f():\n    import retrying\n", 2),
        },
        passes={
            "the configured one": _repeated("from tenacity import retry\n"),
            "any": Snippet("import backoff\n"),
            "off": _repeated("import httpx\n\nt = httpx.HTTPTransport(retries=0)\n"),
            "there already": _repeated("import backoff\nx = 1\n", base="import backoff\n"),
            "for types only": _repeated(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import backoff\n"
            ),
            "a function of its own": _repeated("def retry(f):\n    return f\n\n\nretry(1)\n"),
        },
    ),
}
