"""Handlers written in another mode than their path, and near misses."""

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
_VIEW = (
    "from django.http import JsonResponse\n\n\n"
    "async def orders(request):\n    return JsonResponse({})\n"
)
_SYNC_VIEW = _VIEW.replace("async def", "def")
_ENDPOINT = (
    "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
    "@router.get('/orders')\nasync def orders():\n    return []\n"
)
_SYNC_ENDPOINT = _ENDPOINT.replace("async def", "def")


def _asked(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    config: dict[str, object] = _SYNC,
) -> Snippet:
    return Snippet(after, line=line, config=config, project=_DJANGO)


CASES = {
    "concurrency": Cases(
        fails={"view": _asked(_VIEW, 4), "endpoint": _asked(_ENDPOINT, 7)},
        passes={
            "sync view": _asked(_SYNC_VIEW),
            "middleware": _asked(
                "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
                "@app.middleware('http')\nasync def time(request, call_next):\n"
                "    return await call_next(request)\n"
            ),
        },
    ),
    "sync-handler": Cases(
        fails={
            "endpoint": _asked(_SYNC_ENDPOINT, 7, config=_ASYNC),
            "by override": _asked({"app/api.py": _SYNC_ENDPOINT}, 7, config=_API),
        },
        passes={
            "Django REST framework": _asked(
                "from rest_framework.views import APIView\n\n\nclass A(APIView):\n"
                "    def get(self, request):\n        return None\n",
                config=_ASYNC,
            ),
            "no handler": _asked("def total(orders):\n    return sum(orders)\n", config=_ASYNC),
        },
    ),
}
