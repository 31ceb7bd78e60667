"""Handlers, views, signals and queries that are not as the project has them, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_Config = dict[str, object]
_SYNC: _Config = {"concurrency": {"mode": "sync"}}
_ASYNC: _Config = {"concurrency": {"mode": "async"}}
_API: _Config = {
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
_ENDPOINT = (
    "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
    "@router.get('/orders')\nasync def orders():\n    return []\n"
)
_SYNC_ENDPOINT = _ENDPOINT.replace("async def", "def")
_CLASSES: _Config = {"django": {"views": "class"}}
_FUNCTIONS: _Config = {"django": {"views": "function"}}
_BASE = "from rest_framework.viewsets import ModelViewSet\n\n\nclass Base(ModelViewSet): ...\n"
_DECORATED = (
    "from django.contrib.auth.decorators import login_required as members\n\n"
    "@members\ndef orders(request):\n    return 1\n"
)
_FORBID: _Config = {"django": {"signals": "forbid"}}
_HAS = (
    "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n\n"
    "@receiver(post_save)\ndef send(sender, **kwargs): ...\n"
)
_ACTIVE: _Config = {"django": {"managers": {"Order": "active"}}}
_DOTTED: _Config = {"django": {"managers": {"shop.models.Order": "active"}}}
_IMPORT = "from shop.models import Order\n\n"
_QUERY = f"{_IMPORT}Order.objects.all()\n"

CASES = {
    "concurrency": Cases(
        fails={
            "view": Snippet(_VIEW, line=4, config=_SYNC),
            "endpoint": Snippet(_ENDPOINT, line=7, config=_SYNC),
        },
        passes={
            "sync view": Snippet(_VIEW.replace("async def", "def"), config=_SYNC),
            "middleware": Snippet(
                "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
                "@app.middleware('http')\nasync def time(request, call_next):\n"
                "    return await call_next(request)\n",
                config=_SYNC,
            ),
            "a socket": Snippet(_ENDPOINT.replace("get", "websocket"), config=_SYNC),
        },
    ),
    "sync-handler": Cases(
        fails={
            "endpoint": Snippet(_SYNC_ENDPOINT, line=7, config=_ASYNC),
            "by override": Snippet({"app/api.py": _SYNC_ENDPOINT}, line=7, config=_API),
        },
        passes={
            "Django REST framework": Snippet(
                "from rest_framework.views import APIView\n\n\nclass A(APIView):\n"
                "    def get(self, request):\n        return None\n",
                config=_ASYNC,
            ),
            "no handler": Snippet("def total(orders):\n    return sum(orders)\n", config=_ASYNC),
        },
    ),
    "django-views": Cases(
        fails={
            "it renders": Snippet(
                "from django.shortcuts import render\n\n"
                "def orders(request):\n    return render(request, 'a')\n",
                line=3,
                config=_CLASSES,
            ),
            "a decorator says so": Snippet(_DECORATED, line=4, config=_CLASSES),
            "a class": Snippet(_BASE, line=4, config=_FUNCTIONS),
        },
        passes={
            "any": Snippet(_DECORATED),
            "no more than a request": Snippet(
                "def orders(request):\n    return 1\n", config=_CLASSES
            ),
        },
    ),
    "django-signals": Cases(
        fails={
            "a receiver": Snippet(_HAS, line=4, config=_FORBID),
            "a class of signals": Snippet(
                "from django.dispatch import Signal\n\nclass Paid(Signal):\n    pass\n",
                line=3,
                config=_FORBID,
            ),
        },
        passes={
            "not forbidden": Snippet(_HAS),
            "a signal of Celery": Snippet(
                "from celery.signals import task_failure\n\ntask_failure.connect(print)\n",
                config=_FORBID,
            ),
        },
    ),
    "django-manager": Cases(
        fails={
            "objects": Snippet(
                f"{_IMPORT.strip()} as Purchase\n\nPurchase.objects.all()\n", line=3, config=_ACTIVE
            ),
            "a copy of a line that stays where it was": Snippet(
                {"app/views.py": _QUERY, "shop/old.py": f"x = 1\n{_QUERY}"},
                {"shop/old.py": _QUERY},
                line=3,
                config=_ACTIVE,
            ),
        },
        passes={
            "a line that moves": Snippet(
                {"app/views.py": _QUERY, "shop/old.py": None},
                {"shop/old.py": _QUERY},
                config=_ACTIVE,
            ),
            "a query that moves into a function": Snippet(
                {"app/views.py": _QUERY.replace("Order.", "def f():\n    Order."), "old.py": None},
                {"old.py": _QUERY},
                config=_ACTIVE,
            ),
            "the manager": Snippet(_IMPORT + "Order.active.all()\n", config=_ACTIVE),
            "a namesake of another app": Snippet(
                "from wine.models import Order\n\nOrder.objects.all()\n", config=_DOTTED
            ),
        },
    ),
}
