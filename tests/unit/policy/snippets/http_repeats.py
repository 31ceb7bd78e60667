"""Requests that are repeated by hand, and near misses."""

from __future__ import annotations

from textwrap import dedent

from tests.unit.policy.cases import Cases, Snippet

_TENACITY: dict[str, object] = {"http_client": {"name": "any", "retries": "tenacity"}}
_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/net.py": (
        "import httpx\n\nclient = httpx.Client()\n\n\ndef load(url):\n    return client.get(url)\n\n\n"
        "def parse(text):\n    return text.strip()\n"
    ),
}
_HEAD = "import time\nimport httpx\nimport requests\nimport aiohttp\nfrom app import net\n"


def _said(after: str, line: int | None = None) -> Snippet:
    return Snippet(_HEAD + dedent(after), base=_BASE, line=line, config=_TENACITY)


_LOOP = """
def f(url):
    for _ in range(3):
        try:
            return httpx.get(url)
        except httpx.HTTPError:
            time.sleep(1)
"""

CASES = {
    "http-retries-by-hand": Cases(
        fails={
            "for": _said(_LOOP, 8),
            "by a name that is set": _said(
                """
                def f(url):
                    done = False
                    while not done:
                        try:
                            answer = httpx.get(url)
                            done = True
                        except httpx.HTTPError:
                            pass
                """,
                9,
            ),
        },
        passes={
            "no request": _said(
                """
                def f(path):
                    for _ in range(3):
                        try:
                            return open(path).read()
                        except OSError:
                            time.sleep(1)
                """
            ),
            "by the library": _said(
                """
                import tenacity

                def f(url):
                    for attempt in tenacity.Retrying():
                        with attempt:
                            return httpx.get(url)
                """
            ),
        },
    ),
    "http-retries-likely": Cases(
        fails={
            "until the answer will do": _said(
                """
                def f(url):
                    for _ in range(3):
                        answer = httpx.get(url)
                        if answer.status_code < 500:
                            return answer
                        time.sleep(1)
                """,
                8,
            ),
            "by another module": _said(
                """
                def f(url):
                    for _ in range(3):
                        try:
                            return net.load(url)
                        except Exception:
                            time.sleep(1)
                """,
                8,
            ),
            "by itself, for an answer": _said(
                """
                class Api:
                    async def f(self, url, tries=3):
                        async with aiohttp.ClientSession() as session:
                            answer = await session.get(url)
                        if answer.status == 503 and tries:
                            return await self.f(url, tries - 1)
                        return answer
                """,
                8,
            ),
        },
        passes={
            "any": Snippet(_HEAD + _LOOP, base=_BASE),
            "each address once": _said(
                """
                def f(urls):
                    for url in urls:
                        answer = httpx.get(url)
                        if answer.status_code == 200:
                            return answer
                """
            ),
        },
    ),
}
