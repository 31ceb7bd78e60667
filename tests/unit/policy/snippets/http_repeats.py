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


def _said(after: str, line: int | None = None, base: str = "") -> Snippet:
    files = _BASE | ({"app/views.py": base} if base else {})
    return Snippet(_HEAD + dedent(after), base=files, line=line, config=_TENACITY)


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
            "while": _said(
                """
                def f(url, tries=3):
                    while tries:
                        try:
                            answer = requests.post(url, json={})
                            break
                        except requests.ConnectionError:
                            tries -= 1
                            continue
                    return answer
                """,
                8,
            ),
            "raised at the end": _said(
                """
                def f(url):
                    for attempt in range(3):
                        try:
                            response = httpx.get(url, timeout=attempt + 1)
                        except httpx.HTTPError:
                            if attempt == 2:
                                raise
                            time.sleep(2 ** attempt)
                        else:
                            return response
                """,
                8,
            ),
            "with a session": _said(
                """
                async def f(url):
                    async with aiohttp.ClientSession() as session:
                        for delay in (1, 2, 4):
                            try:
                                async with session.get(url) as answer:
                                    return await answer.json()
                            except aiohttp.ClientError:
                                await asyncio.sleep(delay)
                """,
                9,
            ),
            "the answer after it": _said(
                """
                def f(url):
                    while True:
                        try:
                            answer = httpx.get(url)
                        except httpx.HTTPError:
                            continue
                        return answer
                """,
                8,
            ),
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
            "one more": _said(_LOOP + _LOOP.replace("def f", "def g"), base=_HEAD + _LOOP),
            "of self": _said(
                """
                class Api:
                    def __init__(self):
                        self.client = httpx.Client()
                    def f(self, url):
                        for _ in range(3):
                            try:
                                return self.client.get(url)
                            except httpx.HTTPError as problem:
                                print(problem)
                """,
                11,
            ),
        },
        passes={
            "any": Snippet(_HEAD + _LOOP, base=_BASE),
            "there already": _said(_LOOP + "\nx = 1\n", base=_HEAD + _LOOP),
            "each address once": _said(
                """
                def f(urls):
                    for url in urls:
                        try:
                            return httpx.get(url)
                        except httpx.HTTPError:
                            continue
                """
            ),
            "each page once": _said(
                """
                def f(url):
                    page = 1
                    while True:
                        try:
                            answer = httpx.get(url, params={"page": page})
                        except httpx.HTTPError:
                            break
                        page += 1
                    return answer
                """
            ),
            "a worker that goes on": _said(
                """
                def f(url):
                    while True:
                        try:
                            handle(httpx.get(url).json())
                        except httpx.HTTPError:
                            time.sleep(1)
                """
            ),
            "errors end it": _said(
                """
                def f(url):
                    for _ in range(3):
                        try:
                            return httpx.get(url)
                        except httpx.HTTPError:
                            raise
                """
            ),
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
            "a table of a client": _said(
                """
                def f(client: httpx.Client):
                    for _ in range(3):
                        try:
                            return client.headers.get("a")
                        except KeyError:
                            pass
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
            "in a test": Snippet({"tests/test_up.py": _HEAD + _LOOP}, base=_BASE, config=_TENACITY),
            "run later": _said(
                """
                def f(url):
                    for _ in range(3):
                        try:
                            return lambda: httpx.get(url)
                        except ValueError:
                            pass
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
            "while it will not": _said(
                """
                def f(url):
                    while True:
                        answer = requests.get(url)
                        if not answer.ok:
                            time.sleep(1)
                        else:
                            break
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
            "by another function": _said(
                """
                def load(url):
                    return httpx.get(url)

                def f(url):
                    for _ in range(3):
                        try:
                            return load(url)
                        except Exception:
                            time.sleep(1)
                """,
                11,
            ),
            "by another method": _said(
                """
                class Api:
                    def load(self, url):
                        with httpx.Client() as client:
                            return client.get(url)
                    def f(self, url):
                        for _ in range(3):
                            try:
                                return self.load(url)
                            except Exception:
                                time.sleep(1)
                """,
                12,
            ),
            "by itself": _said(
                """
                def f(url, tries=3):
                    try:
                        return httpx.get(url)
                    except httpx.HTTPError:
                        if not tries:
                            raise
                        return f(url, tries - 1)
                """,
                7,
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
            "until a job is done": _said(
                """
                def f(url):
                    while True:
                        answer = httpx.get(url)
                        if answer.json()["done"]:
                            return answer
                """
            ),
            "a function that sends nothing": _said(
                """
                def f(text):
                    for _ in range(3):
                        try:
                            return net.parse(text)
                        except ValueError:
                            pass
                """
            ),
            "by itself for each page": _said(
                """
                def f(url):
                    answer = httpx.get(url).json()
                    if answer["next"]:
                        return answer["items"] + f(answer["next"])
                    return answer["items"]
                """
            ),
            "another of the same name": _said(
                """
                def get(url):
                    try:
                        return httpx.get(url)
                    except httpx.HTTPError:
                        return None
                """
            ),
            "each answer is looked at": _said(
                """
                def f(url):
                    for number in range(3):
                        answer = httpx.get(url, params={"n": number})
                        if answer.status_code == 404:
                            break
                """
            ),
        },
    ),
}
