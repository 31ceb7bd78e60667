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
            "in a plain function": _in("notify(order)", 9, "def f(order):\n"),
            "through a module": _in("tasks.notify(order)", 9),
            "under another name": _in("tell(1)", 10, more="from app.again import tell\n"),
            "condition": _in("if notify(order):\n    return 1", 9),
            "negated": _in("return not notify(order)", 9),
            "attribute": _in("return notify(order).name", 9),
            "compared": _in("return notify(order) == 1", 9),
            "formatted": _in("return f'{notify(order)}'", 9),
            "condition of a comprehension": _in("return [o for o in order if notify(o)]", 9),
            "method": _in("mailer = Mailer()\nmailer.send()", 10),
            "method of its own": Snippet(
                "class A:\n    async def g(self):\n        pass\n\n    def f(self):\n"
                "        self.g()\n",
                line=6,
            ),
            "nested": _in("async def g():\n    pass\ng()", 11),
            "bridge": _in("sync_to_async(count)(order)", 9),
            "wrapped by a bridge": _in("wrapped()", 9),
            "thread": _in("asyncio.to_thread(count, order)", 9),
            "sleep": _in("asyncio.sleep(1)", 9),
            "of the ORM": _in("Order.objects.acreate()", 9),
            "became async": Snippet(
                {"app/views.py": "def g():\n    pass\n\n\ng()\n".replace("def", "async def")},
                base={"app/views.py": "def g():\n    pass\n\n\ng()\n"},
                line=5,
            ),
        },
        passes={
            "awaited": _in("await notify(order)"),
            "returned": _in("return notify(order)", None, "def f(order):\n"),
            "handed over": _in("asyncio.create_task(notify(order))"),
            "gathered": _in("await asyncio.gather(*[notify(o) for o in order])"),
            "kept": _in("made = notify(order)\nawait made"),
            "plain function": _in("count(order)"),
            "plain method": _in("Mailer().queue()"),
            "generator": _in("async for row in rows():\n    print(row)"),
            "decorated": _in("tried()"),
            "one or the other": _in("notify(1)", more="from app.either import notify\n"),
            "bound again": _in("mailer = Mailer()\nmailer = order\nmailer.send()"),
            "both kinds by one name": Snippet(
                "if x:\n    async def g():\n        pass\nelse:\n    def g():\n        pass\n\n\ng()\n"
            ),
            "closed": _in("notify(order).close()"),
            "in a test": Snippet(
                {"tests/test_a.py": "async def g():\n    pass\n\n\ndef test_a():\n    g()\n"}
            ),
            "there already": Snippet(
                "async def g():\n    pass\n\n\nx = 1\ng()\n",
                base="async def g():\n    pass\n\n\ng()\n",
            ),
        },
    ),
    "async-bridge": Cases(
        fails={
            "wraps an async function": _in("return await sync_to_async(notify)(order)", 9),
            "sends one to a thread": _in("return await asyncio.to_thread(notify, order)", 9),
            "decorates one": _in("return 1", 9, "@sync_to_async\nasync def f(order):\n"),
            "query called": _in("return await sync_to_async(Order.objects.get(pk=1))()", 9),
            "queryset called": _in("return await sync_to_async(Order.objects.filter(pk=1))()", 9),
            "async_to_sync in async code": _in("return async_to_sync(notify)(order)", 9),
            "kept first": _in("tell = async_to_sync(notify)\nreturn tell(order)", 10),
            "asyncio.run in async code": _in("return asyncio.run(notify(order))", 9),
            "loop in async code": _in(
                "loop = asyncio.get_event_loop()\nreturn loop.run_until_complete(notify(order))", 10
            ),
            "under another name": _in(
                "return await s2a(notify)(order)",
                10,
                more="from asgiref.sync import sync_to_async as s2a\n",
            ),
        },
        passes={
            "a plain function": _in("return await sync_to_async(count)(order)"),
            "a method of the ORM": _in("return await sync_to_async(Order.objects.get)(pk=1)"),
            "options only": _in(
                "return 1", None, "@sync_to_async(thread_sensitive=True)\ndef f(order):\n"
            ),
            "async_to_sync in sync code": _in(
                "return async_to_sync(notify)(order)", None, "def f(order):\n"
            ),
            "run in sync code": _in("asyncio.run(notify(order))", None, "def f(order):\n"),
            "in a function for a thread": _in(
                "def g():\n    return asyncio.run(notify(order))\nreturn await asyncio.to_thread(g)"
            ),
            "kept on an object": Snippet(
                "from asgiref.sync import async_to_sync\n\n\nclass A:\n"
                "    def g(self, send):\n        self.send = send\n"
                "        if self.sync:\n            self.send = async_to_sync(send)\n\n"
                "    async def f(self):\n        await self.send(1)\n"
            ),
            "made, not run": _in("return async_to_sync(notify)"),
            "lambda": _in("return await sync_to_async(lambda: Order.objects.get(pk=1))()"),
        },
    ),
    "lazy-bridge": Cases(
        fails={
            "filter": _in("return await sync_to_async(Order.objects.filter)(pk=1)", 9),
            "all": _in("return await sync_to_async(Order.objects.all)()", 9),
            "lambda": _in("return await sync_to_async(lambda: Order.objects.filter(a=1))()", 9),
            "decorated function": _in(
                "return Order.objects.filter(a=1)", 10, "@sync_to_async\ndef f(order):\n"
            ),
            "function called early": _in("return await sync_to_async(count(order))()", 9),
            "by channels": _in(
                "return await db(Order.objects.all)()",
                10,
                more="from channels.db import database_sync_to_async as db\n",
            ),
        },
        passes={
            "list": _in("return await sync_to_async(list)(Order.objects.filter(a=1))"),
            "one row": _in("return await sync_to_async(Order.objects.first)()"),
            "evaluated inside": _in(
                "return await sync_to_async(lambda: list(Order.objects.filter(a=1)))()"
            ),
            "decorated, evaluated": _in(
                "return list(Order.objects.all())", None, "@sync_to_async\ndef f(order):\n"
            ),
            "function that makes one": _in(
                "return await sync_to_async(make(1))()",
                more="def make(n):\n    def g():\n        return n\n    return g\n\n\n",
            ),
            "partial": _in(
                "return await sync_to_async(partial(count, order))()",
                more="from functools import partial\n",
            ),
            "plain queryset": _in("return Order.objects.filter(a=1)", None, "def f(order):\n"),
        },
    ),
}
