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
            "comprehension": _in("return [one for one in Order.objects.all()]", 5),
            "argument that names its class": _in(
                "order.delete()", 5, how="async def f(order: 'Order | None'):\n"
            ),
        },
        passes={
            "async comprehension": _in("return [one async for one in Order.objects.all()]"),
            "save of its own": _in("tag = Tag()\ntag.save()"),
        },
    ),
    "async-session": Cases(
        fails={
            "argument": _in("return db.execute(q)", 4, _DB + "\n", "async def f(db: Session):\n"),
            "sessionmaker": _in(
                "with Local() as db:\n    db.flush()", 5, _DB + "Local = sessionmaker()\n"
            ),
        },
        passes={
            "async session": _in(
                "return await db.execute(q)",
                head="from sqlalchemy.ext.asyncio import AsyncSession\n",
                how="async def f(db: AsyncSession):\n",
            ),
            "run_sync": _in(
                "return await db.run_sync(lambda s: s.query(1))",
                None,
                _DB,
                "async def f(db: Session):\n",
            ),
        },
    ),
}
