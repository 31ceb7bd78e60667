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


def _repeated(after: str, line: int | None = None) -> Snippet:
    return Snippet(after, base=_NET, line=line, config=_TENACITY)


CASES = {
    "http-timeout": Cases(
        fails={
            "session": _asked(_HEAD + "with requests.Session() as s:\n    s.get('a')\n", 5),
            "aiohttp": _asked("import aiohttp\nt = aiohttp.ClientTimeout(total=None)\n", 2),
        },
        passes={
            "seconds": _asked(_HEAD + "requests.get('a', timeout=5)\n"),
            "urlopen by place": _asked(
                "from urllib.request import urlopen\nurlopen('a', None, 5)\n"
            ),
        },
    ),
    "http-timeout-unset": Cases(
        fails={
            "None": _unset(_HEAD + "httpx.get('a', timeout=None)\n", 4),
            "argument": _asked(_HEAD + "def f(s: requests.Session):\n    return s.get('a')\n", 5),
        },
        passes={
            "what is refused already": _asked(_HEAD + "requests.get('a')\n"),
            "a dictionary's get": _unset(_HEAD + "{}.get('a')\n"),
        },
    ),
    "http-retries": Cases(
        fails={
            "through another module": _repeated("from app.again import again\n", 1),
            "adapter of requests": _repeated(
                "from requests.adapters import HTTPAdapter as A\n\na = A(max_retries=3)\n", 3
            ),
        },
        passes={
            "the configured one": _repeated("from tenacity import retry\n"),
            "a function of its own": _repeated("def retry(f):\n    return f\n\n\nretry(1)\n"),
        },
    ),
}
