"""Coroutines that never run, bridges that lead nowhere, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DJANGO: dict[str, object] = {"framework": "django"}
_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
    "app/tasks.py": (
        "from asgiref.sync import sync_to_async\n\n\n"
        "async def notify(order):\n    pass\n\n\ndef count(order):\n    return 1\n\n\n"
        "async def rows():\n    yield 1\n\n\n"
        "@retried\nasync def tried():\n    pass\n\n\n"
        "@sync_to_async\ndef wrapped():\n    pass\n\n\n"
        "class Mailer:\n    async def send(self):\n        pass\n\n    def queue(self):\n"
        "        pass\n"
    ),
    "app/again.py": "from app.tasks import notify as tell\n",
    "app/either.py": "try:\n    from fast import notify\nexcept ImportError:\n"
    "    from app.tasks import notify\n",
}
_HEAD = (
    "import asyncio\nfrom app import tasks\nfrom app.models import Order\n"
    "from app.tasks import Mailer, count, notify, rows, tried, wrapped\n"
    "from asgiref.sync import async_to_sync, sync_to_async\n\n\n"
)


def _in(
    body: str, line: int | None = None, how: str = "async def f(order):\n", more: str = ""
) -> Snippet:
    text = _HEAD + more + how + "".join(f"    {one}\n" for one in body.splitlines())
    return Snippet(text, base=_BASE, line=line, project=_DJANGO)


CASES = {
    "unawaited": Cases(
        fails={
            "call": _in("notify(order)", 9),
            "of the ORM": _in("Order.objects.acreate()", 9),
        },
        passes={
            "both kinds by one name": Snippet(
                "if x:\n    async def g():\n        pass\nelse:\n    def g():\n        pass\n\n\ng()\n"
            ),
            "closed": _in("notify(order).close()"),
        },
    ),
    "async-bridge": Cases(
        fails={
            "wraps an async function": _in("return await sync_to_async(notify)(order)", 9),
            "query called": _in("return await sync_to_async(Order.objects.get(pk=1))()", 9),
            "loop in async code": _in(
                "loop = asyncio.get_event_loop()\nreturn loop.run_until_complete(notify(order))", 10
            ),
        },
        passes={
            "a method of the ORM": _in("return await sync_to_async(Order.objects.get)(pk=1)"),
            "options only": _in(
                "return 1", None, "@sync_to_async(thread_sensitive=True)\ndef f(order):\n"
            ),
        },
    ),
    "lazy-bridge": Cases(
        fails={
            "filter": _in("return await sync_to_async(Order.objects.filter)(pk=1)", 9),
            "decorated function": _in(
                "return Order.objects.filter(a=1)", 10, "@sync_to_async\ndef f(order):\n"
            ),
            "function called early": _in("return await sync_to_async(count(order))()", 9),
        },
        passes={
            "list": _in("return await sync_to_async(list)(Order.objects.filter(a=1))"),
            "partial": _in(
                "return await sync_to_async(partial(count, order))()",
                more="from functools import partial\n",
            ),
        },
    ),
}
