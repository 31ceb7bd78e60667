"""Code that changes other code while it runs, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_META = "class Meta(type):\n    pass\n\nclass A(metaclass=Meta):\n    pass\n"
_ONE = "\ndef one():\n    return 1\n"
_TWO = _ONE.replace("1", "2")


def _edit(text: str) -> Snippet:
    return Snippet(text + _TWO, base=text + _ONE)


CASES = {
    "runtime-magic": Cases(
        fails={
            "a patched class of the repository": Snippet(
                "from app.models import Order\nOrder.total = property(lambda self: 1)\n",
                base={"app/__init__.py": "", "app/models.py": "class Order: ...\n"},
                line=2,
            ),
            "patched by setattr": Snippet(
                "import json\ndef d(x): ...\nsetattr(json, 'dumps', d)\n", line=3
            ),
        },
        passes={
            "a setting of a library": Snippet(
                "import stripe\nfrom app import conf\nstripe.api_key = conf.KEY\n"
            ),
            "an import by a written name": Snippet("m = __import__('json')\n"),
        },
    ),
    "near-runtime-magic": Cases(
        fails={
            "a metaclass": _edit(_META),
            "eval under another name": _edit("run = eval\ndef f(x):\n    return run(x)\n"),
        },
        passes={
            "a file without any": _edit("class A: ...\n"),
            "a method called eval": _edit("def f(frame):\n    return frame.eval('a')\n"),
        },
    ),
}
