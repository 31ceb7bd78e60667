"""Changes that `http-client` refuses, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_HTTPX = {"http_client": "httpx"}
_NET = {"app/__init__.py": "", "app/net.py": "import requests\n\nsession = requests.Session()\n"}
_HAS = "import requests\n\nrequests.get('a')\n"


def _asked(after: str, line: int | None = None, base: str | dict[str, str] = "") -> Snippet:
    return Snippet(after, base=base, line=line, config=_HTTPX)


CASES = {
    "http-client": Cases(
        fails={
            "import": _asked("import requests\n", 1),
            "loaded by name": _asked("import importlib\nimportlib.import_module('aiohttp')\n", 2),
        },
        passes={
            "the configured one": _asked("import httpx\n"),
            "a folder of the same name": _asked("from app import requests\n", base=_NET),
        },
    ),
    "http-client-use": Cases(
        fails={
            "once more": _asked(_HAS + "requests.get('b')\n", 4, base=_HAS),
            "a class of it": _asked(_HAS + "s = requests.Session()\n", 4, base=_HAS),
        },
        passes={
            "moved down": _asked("import requests\n\nx = 1\nrequests.get('a')\n", base=_HAS),
            "the configured one": _asked(_HAS + "import httpx\nhttpx.get('a')\n", base=_HAS),
        },
    ),
}
