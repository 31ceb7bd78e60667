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
            "under another name": _in("pause(5)", 3, "from time import sleep as pause\n"),
            "requests": _in("return requests.get(url)", 4, _HTTP),
            "session of another module": _in(
                "return session.post(url)", 3, "from .net import session\n"
            ),
            "sleep of another module": _in("net.wait(1)", 3, "from app import net\n"),
            "httpx": _in("return httpx.get(url)", 4, _HTTP),
            "httpx client": _in(
                "with httpx.Client() as client:\n    return client.get(url)", 5, _HTTP
            ),
            "session of its own": _in("s = requests.Session()\nreturn s.get(url)", 5, _HTTP),
            "urllib": _in("return request.urlopen(url)", 3, "from urllib import request\n"),
            "input": _in("return input()", 2),
            "method": Snippet(
                "import time\n\n\nclass A:\n    async def f(self):\n        time.sleep(1)\n", line=6
            ),
            "kept on self": Snippet(
                "import requests\n\n\nclass A:\n    def __init__(self):\n"
                "        self.s = requests.Session()\n\n    async def f(self):\n"
                "        return self.s.get('a')\n",
                line=9,
            ),
            "in an argument of a thread, which is called first": _in(
                "await asyncio.to_thread(requests.get(url))", 5, "import asyncio\n" + _HTTP
            ),
            "nested async function": _in(
                "async def g():\n    time.sleep(1)\nreturn g", 4, _TIME, "def f():\n"
            ),
            "became async": Snippet(
                "import time\nasync def f():\n    time.sleep(1)\n",
                base="import time\ndef f():\n    time.sleep(1)\n",
                line=3,
            ),
        },
        passes={
            "async sleep": _in("await asyncio.sleep(5)", None, "import asyncio\n"),
            "plain function": _in("time.sleep(5)", None, _TIME, "def f():\n"),
            "to a thread": _in(
                "return await asyncio.to_thread(requests.get, url)",
                None,
                "import asyncio\n" + _HTTP,
            ),
            "to an executor": _in(
                "return await loop.run_in_executor(None, lambda: requests.get(url))", None, _HTTP
            ),
            "plain function inside": _in(
                "def g():\n    return requests.get(url)\nreturn await run_in_threadpool(g)",
                None,
                _HTTP,
            ),
            "async client": _in(
                "async with httpx.AsyncClient() as client:\n    return await client.get(url)",
                None,
                _HTTP,
            ),
            "variable of that name": _in("return requests.get(url)", None, "requests = {}\n"),
            "argument of that name": _in(
                "return requests.get(1)", None, _HTTP, "async def f(requests):\n"
            ),
            "in a test": Snippet(
                {"tests/test_a.py": _TIME + "async def f():\n    time.sleep(1)\n"}
            ),
            "in a script": Snippet({"scripts/a.py": _TIME + "async def f():\n    time.sleep(1)\n"}),
            "at the start": _in(
                "time.sleep(1)\nyield",
                None,
                _TIME + "from contextlib import asynccontextmanager\n\n\n",
                "@asynccontextmanager\nasync def f(app):\n",
            ),
            "there already": Snippet(
                _TIME + "x = 1\n\n\nasync def f():\n    time.sleep(1)\n",
                base=_TIME + "async def f():\n    time.sleep(1)\n",
            ),
        },
    ),
    "blocking-io": Cases(
        fails={
            "open": _in("with open(url) as file:\n    return file.read()", 2),
            "path": _in("return Path(url).read_text()", 3, "from pathlib import Path\n"),
            "path in parts": _in("(root / 'a').write_bytes(b'')", 2),
            "process": _in("subprocess.run(['a'])", 3, "import subprocess\n"),
            "process under another name": _in(
                "run(['a'])", 3, "from subprocess import check_output as run\n"
            ),
            "socket": _in("s = socket.socket()\ns.connect(url)", 4, "import socket\n"),
            "database driver": _in("return psycopg2.connect(url)", 3, "import psycopg2\n"),
            "redis": _in("return cache.get(url)", 5, "import redis\n\ncache = redis.Redis()\n"),
            "mail": _in(
                "send_mail('a', 'b', 'c', ['d'])", 3, "from django.core.mail import send_mail\n"
            ),
        },
        passes={
            "plain function": _in("return open(url)", None, "", "def f(url):\n"),
            "async path": _in(
                "return await Path(url).read_text()", None, "from anyio import Path\n"
            ),
            "async file": _in(
                "async with aiofiles.open(url) as file:\n    return await file.read()",
                None,
                "import aiofiles\n",
            ),
            "handed over": _in(
                "return await asyncio.to_thread(Path(url).read_text)", None, "import asyncio\n"
            ),
            "async process": _in(
                "await asyncio.create_subprocess_exec('a')", None, "import asyncio\n"
            ),
            "async redis": _in(
                "return await cache.get(url)",
                None,
                "import redis.asyncio as redis\n\ncache = redis.Redis()\n",
            ),
            "open of its own": _in("return open(url)", None, "from .doors import open\n"),
            "main": _in("return open(url)", None, "", "async def main(url):\n"),
        },
    ),
    "blocking-deep": Cases(
        fails={
            "function": _in("return fetch(url)", 14, _DEEP),
            "method": Snippet(
                "import time\n\n\nclass A:\n    def wait(self):\n        time.sleep(1)\n\n"
                "    async def f(self):\n        self.wait()\n",
                line=9,
            ),
            "nested function": _in(
                "def g():\n    return requests.get(url)\nreturn g()", 5, "import requests\n"
            ),
            "file": _in(
                "return load()",
                6,
                "def load():\n    with open('a') as file:\n        return file.read()\n\n",
            ),
            "static method of its class": Snippet(
                "import time\n\n\nclass A:\n    @staticmethod\n    def wait():\n"
                "        time.sleep(1)\n\n    async def f(self):\n        self.wait()\n",
                line=10,
            ),
            "query": Snippet(
                "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n\n\n"
                "def one():\n    return Order.objects.get()\n\n\n"
                "async def f():\n    return one()\n",
                line=13,
            ),
            "session": _in(
                "return rows(1)",
                9,
                "from sqlalchemy.orm import Session\n\n\ndef rows(db: Session):\n"
                "    return db.execute('a')\n\n\n",
            ),
        },
        passes={
            "harmless function": _in("return total([])", None, _DEEP),
            "handed over": _in("return await asyncio.to_thread(fetch, url)", None, _DEEP),
            "from a plain function": _in("return fetch(url)", None, _DEEP, "def f(url):\n"),
            "decorated to be async": _in(
                "return await wait()",
                None,
                "import time\nfrom asgiref.sync import sync_to_async\n\n\n@sync_to_async\n"
                "def wait():\n    time.sleep(1)\n\n\n",
            ),
            "only defined inside": _in(
                "def g():\n    return requests.get(url)\nreturn await run(g)",
                None,
                "import requests\n",
            ),
            "bound again": _in("return fetch(url)", None, _DEEP + "from .net import fetch\n\n\n"),
            "there already": Snippet(
                _DEEP + "x = 1\n\n\nasync def f(url):\n    return fetch(url)\n",
                base=_DEEP + "async def f(url):\n    return fetch(url)\n",
            ),
        },
    ),
}
