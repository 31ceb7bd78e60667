"""Queries in async functions, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_MODELS: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/models.py": (
        "from django.db import models\n\nfrom .bases import Dated, PaidManager\n\n\n"
        "class Order(Dated):\n    tags = models.ManyToManyField('Tag')\n"
        "    paid = PaidManager()\n\n\n"
        "class Tag(models.Model):\n    def save(self):\n        pass\n\n\n"
        "class Row:\n    objects = None\n"
    ),
    "app/bases.py": (
        "from django.db import models as m\n\n\nclass Dated(m.Model):\n    class Meta:\n"
        "        abstract = True\n\n\nclass PaidManager(m.Manager):\n    pass\n"
    ),
    "app/all.py": "from app.models import Order as Purchase\n",
}
_DJANGO: dict[str, object] = {"framework": "django"}
_HEAD = "from app.models import Order, Row, Tag\n\n\n"


def _in(
    body: str, line: int | None = None, head: str = _HEAD, how: str = "async def f(pk):\n"
) -> Snippet:
    text = head + how + "".join(f"    {one}\n" for one in body.splitlines())
    return Snippet(text, base=_MODELS, line=line, project=_DJANGO)


_DB = "from sqlalchemy.orm import Session, sessionmaker\n"

CASES = {
    "async-query": Cases(
        fails={
            "get": _in("return Order.objects.get(pk=pk)", 5),
            "chain": _in("return Order.objects.filter(a=1).exclude(b=2).count()", 5),
            "under another name": _in(
                "return P.objects.first()", 4, head="from app.all import Purchase as P\n\n"
            ),
            "module then attribute": _in(
                "return models.Order.objects.exists()", 4, head="from app import models\n\n"
            ),
            "a manager of its own": _in("return Order.paid.count()", 5),
            "queryset kept, then read": _in("qs = Order.objects.all()\nreturn qs.first()", 6),
            "loop": _in("for one in Order.objects.all():\n    print(one)", 5),
            "comprehension": _in("return [one for one in Order.objects.all()]", 5),
            "list()": _in("return list(Order.objects.filter(a=1))", 5),
            "index": _in("return Order.objects.order_by('a')[0]", 5),
            "save of a new one": _in("order = Order()\norder.save()", 6),
            "save of one that was awaited": _in(
                "order = await Order.objects.aget(pk=pk)\norder.save()", 6
            ),
            "argument that names its class": _in(
                "order.delete()", 5, how="async def f(order: 'Order | None'):\n"
            ),
            "many to many": _in("order = Order()\nreturn order.tags.count()", 6),
            "user model": _in(
                "return User.objects.get(pk=pk)",
                5,
                head="from django.contrib.auth import get_user_model\n\nUser = get_user_model()\n",
            ),
            "shortcut": _in(
                "return get_object_or_404(Order, pk=pk)",
                5,
                head=_HEAD.rstrip() + "\nfrom django.shortcuts import get_object_or_404\n\n",
            ),
            "transaction": _in(
                "with transaction.atomic():\n    pass",
                3,
                head="from django.db import transaction\n",
            ),
            "awaited, which helps nothing": _in("return await Order.objects.get(pk=pk)", 5),
            "method of a class": Snippet(
                _HEAD + "class V:\n    async def get(self):\n        return Order.objects.get()\n",
                base=_MODELS,
                line=6,
                project=_DJANGO,
            ),
            "became async": Snippet(
                _HEAD + "async def f():\n    return Order.objects.get()\n",
                base=_MODELS
                | {"app/views.py": _HEAD + "def f():\n    return Order.objects.get()\n"},
                line=5,
                project=_DJANGO,
            ),
        },
        passes={
            "async method": _in("return await Order.objects.aget(pk=pk)"),
            "async loop": _in("async for one in Order.objects.all():\n    print(one)"),
            "async comprehension": _in("return [one async for one in Order.objects.all()]"),
            "queryset only": _in("return Order.objects.filter(a=1)"),
            "plain function": _in("return Order.objects.get(pk=pk)", how="def f(pk):\n"),
            "plain function inside": _in(
                "def g():\n    return Order.objects.get(pk=pk)\nreturn await sync_to_async(g)()"
            ),
            "lambda": _in("return await sync_to_async(lambda: Order.objects.get(pk=pk))()"),
            "handed over": _in("return await sync_to_async(Order.objects.get)(pk=pk)"),
            "save of its own": _in("tag = Tag()\ntag.save()"),
            "no model": _in("return Row.objects.get(pk=pk)"),
            "another ORM": _in(
                "return await Order.objects.get(pk=pk)",
                head="import ormar\n\n\nclass Order(ormar.Model):\n    pass\n\n\n",
            ),
            "a list by the same name": _in(
                "rows = Order.objects.all()\nrows = [r async for r in rows]\n"
                "for row in rows:\n    print(row)"
            ),
            "in a test": Snippet(
                {"tests/test_a.py": _HEAD + "async def test_a():\n    Order.objects.get()\n"},
                base=_MODELS,
                project=_DJANGO,
            ),
            "there already": Snippet(
                _HEAD + "x = 1\n\n\nasync def f():\n    return Order.objects.get()\n",
                base=_MODELS
                | {"app/views.py": _HEAD + "async def f():\n    return Order.objects.get()\n"},
                project=_DJANGO,
            ),
        },
    ),
    "async-session": Cases(
        fails={
            "argument": _in("return db.execute(q)", 4, _DB + "\n", "async def f(db: Session):\n"),
            "argument in Annotated": _in(
                "return db.commit()",
                5,
                _DB + "from typing import Annotated as A\n",
                "async def f(\n    db: A[Session, 1]):\n",
            ),
            "alias of a type": _in(
                "db.commit()",
                5,
                _DB + "from typing import Annotated\nDb = Annotated[Session, 1]\n",
                "async def f(db: Db):\n",
            ),
            "opened": _in("with Session(engine) as db:\n    db.scalars(q)", 4, _DB),
            "sessionmaker": _in(
                "with Local() as db:\n    db.flush()", 5, _DB + "Local = sessionmaker()\n"
            ),
            "SQLModel": _in(
                "return db.exec(q)", 3, "import sqlmodel\n", "async def f(db: sqlmodel.Session):\n"
            ),
            "connection": _in(
                "with engine.connect() as c:\n    c.execute(q)",
                None,
                "import sqlalchemy\n\nengine = sqlalchemy.create_engine('a')\n",
            ),
        },
        passes={
            "async session": _in(
                "return await db.execute(q)",
                head="from sqlalchemy.ext.asyncio import AsyncSession\n",
                how="async def f(db: AsyncSession):\n",
            ),
            "plain function": _in("return db.execute(q)", None, _DB, "def f(db: Session):\n"),
            "to a thread": _in(
                "return await asyncio.to_thread(lambda: db.execute(q))",
                None,
                "import asyncio\n" + _DB,
                "async def f(db: Session):\n",
            ),
            "run_sync": _in(
                "return await db.run_sync(lambda s: s.query(1))",
                None,
                _DB,
                "async def f(db: Session):\n",
            ),
            "add": _in("db.add(1)", None, _DB, "async def f(db: Session):\n"),
            "async sessionmaker": _in(
                "async with Local() as db:\n    await db.execute(q)",
                None,
                _DB + "from sqlalchemy.ext.asyncio import AsyncSession\n"
                "Local = sessionmaker(class_=AsyncSession)\n",
            ),
            "another class of that name": _in(
                "return db.get(q)",
                None,
                "from requests import Session\n",
                "async def f(db: Session):\n",
            ),
        },
    ),
}
