"""Calls that wait in async functions, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_NET: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/net.py": "import requests\nimport time as t\n\nsession = requests.Session()\nwait = t.sleep\n",
}


def _in(
    body: str, line: int | None = None, head: str = "", how: str = "async def f(url):\n"
) -> Snippet:
    text = head + how + "".join(f"    {one}\n" for one in body.splitlines())
    return Snippet(text, base=_NET, line=line)


_TIME = "import time\n"
_HTTP = "import httpx\nimport requests\n"
_DEEP = (
    "import time\nimport requests\n\n\ndef fetch(url):\n    return requests.get(url)\n\n\n"
    "def total(rows):\n    return sum(rows)\n\n\n"
)

CASES = {
    "blocking-call": Cases(
        fails={
            "sleep": _in("time.sleep(5)", 3, _TIME),
            "in an argument of a thread, which is called first": _in(
                "await asyncio.to_thread(requests.get(url))", 5, "import asyncio\n" + _HTTP
            ),
        },
        passes={
            "async sleep": _in("await asyncio.sleep(5)", None, "import asyncio\n"),
            "at the start": _in(
                "time.sleep(1)\nyield",
                None,
                _TIME + "from contextlib import asynccontextmanager\n\n\n",
                "@asynccontextmanager\nasync def f(app):\n",
            ),
        },
    ),
    "blocking-io": Cases(
        fails={
            "path in parts": _in("(root / 'a').write_bytes(b'')", 2),
            "database driver": _in("return psycopg2.connect(url)", 3, "import psycopg2\n"),
        },
        passes={
            "plain function": _in("return open(url)", None, "", "def f(url):\n"),
            "main": _in("return open(url)", None, "", "async def main(url):\n"),
        },
    ),
    "blocking-deep": Cases(
        fails={
            "function": _in("return fetch(url)", 14, _DEEP),
            "nested function": _in(
                "def g():\n    return requests.get(url)\nreturn g()", 5, "import requests\n"
            ),
        },
        passes={
            "harmless function": _in("return total([])", None, _DEEP),
            "decorated to be async": _in(
                "return await wait()",
                None,
                "import time\nfrom asgiref.sync import sync_to_async\n\n\n@sync_to_async\n"
                "def wait():\n    time.sleep(1)\n\n\n",
            ),
            "bound again": _in("return fetch(url)", None, _DEEP + "from .net import fetch\n\n\n"),
        },
    ),
}
