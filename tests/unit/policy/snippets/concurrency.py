"""Handlers written in another mode than their path, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DJANGO: dict[str, object] = {"framework": "django"}
_SYNC: dict[str, object] = {"concurrency": {"mode": "sync"}}
_ASYNC: dict[str, object] = {"concurrency": {"mode": "async"}}
_API: dict[str, object] = {
    "concurrency": {
        "mode": "sync",
        "overrides": [
            {"paths": ["app/**"], "mode": "async"},
            {"paths": ["app/views.py"], "mode": "sync"},
        ],
    }
}
_OPEN: dict[str, object] = {
    "concurrency": {"mode": "sync", "overrides": [{"paths": ["app/**"], "mode": "any"}]}
}
_VIEW = (
    "from django.http import JsonResponse\n\n\n"
    "async def orders(request):\n    return JsonResponse({})\n"
)
_SYNC_VIEW = _VIEW.replace("async def", "def")
_CLASS = (
    "from django.views import View\n\n\n"
    "class Orders(View):\n    async def get(self, request):\n        return None\n"
)
_BASES = {"app/__init__.py": "", "app/bases.py": "from django.views.generic import ListView\n\n\n"
          "class Base(ListView):\n    pass\n"}  # fmt: skip
_ENDPOINT = (
    "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
    "@router.get('/orders')\nasync def orders():\n    return []\n"
)
_SYNC_ENDPOINT = _ENDPOINT.replace("async def", "def")
_FLASK = (
    "from flask import Blueprint as B\n\npages = B('pages', __name__)\n\n\n"
    "@pages.route('/')\nasync def home():\n    return ''\n"
)


def _asked(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    base: str | dict[str, str | bytes] = "",
    config: dict[str, object] = _SYNC,
) -> Snippet:
    return Snippet(after, base=base, line=line, config=config, project=_DJANGO)


CASES = {
    "concurrency": Cases(
        fails={
            "view": _asked(_VIEW, 4),
            "method of a view class": _asked(_CLASS, 5),
            "base in another module": _asked(
                "from .bases import Base as B\n\n\nclass Orders(B):\n"
                "    async def get(self, request):\n        return None\n",
                5,
                base=_BASES,
            ),
            "endpoint": _asked(_ENDPOINT, 7),
            "endpoint in a factory": _asked(
                "import fastapi\n\n\ndef make():\n    app = fastapi.FastAPI()\n\n"
                "    @app.post('/a')\n    async def a():\n        return 1\n",
                8,
            ),
            "blueprint under another name": _asked(_FLASK, 7),
            "app of another module": _asked(
                "from .main import app as server\n\n\n@server.get('/a')\nasync def a():\n"
                "    return 1\n",
                5,
                base={
                    "app/__init__.py": "",
                    "app/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
                },
            ),
            "became async": _asked(_VIEW, 4, base=_SYNC_VIEW),
            "a later override wins": _asked(_VIEW, 4, config=_API),
            "routed by urls": _asked(
                {
                    "app/urls.py": "from django.urls import path\nfrom .pages import home\n\n"
                    "urlpatterns = [\n    path('', home),\n]\n",
                    "app/pages.py": "async def home(r):\n    return answer(r)\n",
                    "app/__init__.py": "",
                },
                5,
            ),
            "routed though its name is for its module": _asked(
                {
                    "app/urls.py": "from django.urls import path\nfrom . import views\n\n"
                    "urlpatterns = [\n    path('', views._orders),\n]\n",
                    "app/views.py": _VIEW.replace("orders", "_orders"),
                    "app/__init__.py": "",
                },
                5,
            ),
            "consumer": _asked(
                "from channels.generic.websocket import AsyncWebsocketConsumer\n\n\n"
                "class Chat(AsyncWebsocketConsumer):\n    async def receive(self, text):\n"
                "        pass\n",
                5,
            ),
        },
        passes={
            "sync view": _asked(_SYNC_VIEW),
            "no mode": _asked(_VIEW, config={}),
            "async path": _asked(_VIEW, config=_ASYNC),
            "any by override": _asked(_VIEW, config=_OPEN),
            "there already": _asked(_VIEW + "\nx = 1\n", base=_VIEW),
            "moved": _asked(
                {"app/views.py": None, "app/pages.py": _VIEW}, base={"app/views.py": _VIEW}
            ),
            "in a test": _asked({"tests/test_views.py": _VIEW}),
            "for its module": _asked(_VIEW.replace("orders", "_orders")),
            "for types only": _asked(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    async def orders(request): ...\n"
            ),
            "mock of a client": _asked(
                "import respx\n\n\n@respx.get('/a')\nasync def a(request):\n    return 1\n"
            ),
            "middleware": _asked(
                "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
                "@app.middleware('http')\nasync def time(request, call_next):\n"
                "    return await call_next(request)\n"
            ),
        },
    ),
    "sync-handler": Cases(
        fails={
            "view": _asked(_SYNC_VIEW, 4, config=_ASYNC),
            "method of a view class": _asked(_CLASS.replace("async ", ""), 5, config=_ASYNC),
            "endpoint": _asked(_SYNC_ENDPOINT, 7, config=_ASYNC),
            "became sync": _asked(_SYNC_ENDPOINT, 7, base=_ENDPOINT, config=_ASYNC),
            "by override": _asked({"app/api.py": _SYNC_ENDPOINT}, 7, config=_API),
            "blueprint": _asked(_FLASK.replace("async ", ""), 7, config=_ASYNC),
        },
        passes={
            "async view": _asked(_VIEW, config=_ASYNC),
            "async endpoint": _asked(_ENDPOINT, config=_ASYNC),
            "sync path": _asked(_SYNC_VIEW),
            "there already": _asked(_SYNC_VIEW + "x = 1\n", base=_SYNC_VIEW, config=_ASYNC),
            "Django REST framework": _asked(
                "from rest_framework.views import APIView\n\n\nclass A(APIView):\n"
                "    def get(self, request):\n        return None\n",
                config=_ASYNC,
            ),
            "no handler": _asked("def total(orders):\n    return sum(orders)\n", config=_ASYNC),
            "a dependency": _asked(
                "from fastapi import Request\n\n\ndef user(request: Request):\n    return 1\n",
                config=_ASYNC,
            ),
        },
    ),
    "async-code": Cases(
        fails={
            "function": _asked("async def prices():\n    return 1\n", 1),
            "an answer for its module": _asked(_VIEW.replace("orders", "_orders"), 4),
            "method": _asked("class A:\n    async def prices(self):\n        return 1\n", 2),
            "nested in a plain one": _asked(
                "def f():\n    async def g():\n        return 1\n    return g\n", 2
            ),
            "decorated": _asked("@cached\nasync def prices():\n    return 1\n", 2),
            "websocket": _asked(
                "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.websocket('/ws')\n"
                "async def chat(socket):\n    pass\n",
                7,
            ),
            "became async": _asked("async def f():\n    pass\n", 1, base="def f():\n    pass\n"),
        },
        passes={
            "plain function": _asked("def prices():\n    return 1\n"),
            "view, which is told of already": _asked(_VIEW),
            "lifespan": _asked(
                "from contextlib import asynccontextmanager as acm\n\n\n@acm\n"
                "async def lifespan(app):\n    yield\n"
            ),
            "what a protocol asks for": _asked(
                "class A:\n    async def __aenter__(self):\n        return self\n"
            ),
            "in a test": _asked({"tests/test_a.py": "async def test_a():\n    pass\n"}),
            "async path": _asked("async def prices():\n    return 1\n", config=_ASYNC),
            "there already": _asked(
                "x = 1\n\n\nasync def f():\n    pass\n", base="async def f():\n    pass\n"
            ),
        },
    ),
}
