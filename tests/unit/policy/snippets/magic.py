"""Code that changes other code while it runs, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_META = "class Meta(type):\n    pass\n\nclass A(metaclass=Meta):\n    pass\n"
_PATCH = "import requests\n\ndef send(self): ...\n\nrequests.Session.send = send\n"
_EXEC = "def f(text):\n    exec(text)\n"
_ONE = "\ndef one():\n    return 1\n"
_TWO = _ONE.replace("1", "2")


def _edit(text: str) -> Snippet:
    return Snippet(text + _TWO, base=text + _ONE)


CASES = {
    "runtime-magic": Cases(
        fails={
            "a metaclass": Snippet("class Meta(type):\n    pass\n", line=1),
            "a class that has one": Snippet(
                "from lib import Meta\nclass A(metaclass=Meta): ...\n", line=2
            ),
            "at every subclass": Snippet("class A:\n    def __init_subclass__(cls): ...\n", line=2),
            "a patched class": Snippet(_PATCH, line=5),
            "a patched module, under another name": Snippet(
                "import json as j\nj.dumps = lambda x: ''\n", line=2
            ),
            "a patched class of the repository": Snippet(
                "from app.models import Order\nOrder.total = property(lambda self: 1)\n",
                base={"app/__init__.py": "", "app/models.py": "class Order: ...\n"},
                line=2,
            ),
            "patched by setattr": Snippet(
                "import json\ndef d(x): ...\nsetattr(json, 'dumps', d)\n", line=3
            ),
            "the loaded modules": Snippet(
                "import sys\ndef f(m):\n    sys.modules['a'] = m\n", line=3
            ),
            "the builtins": Snippet("import builtins\nbuiltins._ = str\n", line=2),
            "an import by a computed name": Snippet(
                "def f(name):\n    return __import__(name)\n", line=2
            ),
            "a trace": Snippet("from sys import settrace as s\ns(None)\n", line=2),
            "an import hook": Snippet(
                "import sys\nclass Finder: ...\nsys.meta_path.insert(0, Finder())\n", line=3
            ),
            "in the other branch": Snippet(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n"
                "    class Meta(type): ...\n",
                line=5,
            ),
            "a written text that is run": Snippet("exec('x = 1')\n", line=1),
            "one more": Snippet(_META + "class B(metaclass=Meta): ...\n", base=_META, line=6),
        },
        passes={
            "an abstract class": Snippet(
                "from abc import ABCMeta\nclass A(metaclass=ABCMeta): ...\n"
            ),
            "a class called Meta": Snippet("class A:\n    class Meta:\n        ordering = []\n"),
            "a setting of a library": Snippet(
                "import stripe\nfrom app import conf\nstripe.api_key = conf.KEY\n"
            ),
            "the title of an admin site": Snippet(
                "from django.contrib import admin\nadmin.site.site_header = 'Shop'\n"
            ),
            "an object of one's own": Snippet(
                "import logging\nlog = logging.getLogger()\ndef f(r): ...\nlog.filter = f\n"
            ),
            "a class of one's own": Snippet("class A: ...\ndef f(self): ...\nA.f = f\n"),
            "a compiled pattern": Snippet("import re\nP = re.compile('a')\n"),
            "an import by a written name": Snippet("m = __import__('json')\n"),
            "there already": Snippet("x = 1\n" + _PATCH, base=_PATCH),
            "moved": Snippet({"app/a.py": _PATCH, "app/b.py": None}, base={"app/b.py": _PATCH}),
            "what the rules on security look at": Snippet("def f(t):\n    exec(t)\n"),
            "a list": Snippet("found = []\nfound.insert(0, 1)\n"),
            "a test": Snippet({"tests/test_a.py": _PATCH}),
            "for types only": Snippet(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    class Meta(type): ...\n"
            ),
        },
    ),
    "near-runtime-magic": Cases(
        fails={
            "a metaclass": _edit(_META),
            "a patch": _edit(_PATCH),
            "exec": _edit(_EXEC),
            "eval under another name": _edit("run = eval\ndef f(x):\n    return run(x)\n"),
            "an import hook": _edit("import sys\nsys.path_hooks.append(len)\n"),
            "it is taken away": Snippet("x = 1\n", base=_META),
        },
        passes={
            "a file without any": _edit("class A: ...\n"),
            "a comment": Snippet(_META + "# Why it is there.\n", base=_META),
            "a method called eval": _edit("def f(frame):\n    return frame.eval('a')\n"),
            "a test": Snippet(
                {"tests/test_a.py": _EXEC + _TWO}, base={"tests/test_a.py": _EXEC + _ONE}
            ),
            "deleted": Snippet({"app/views.py": None}, base={"app/views.py": _META}),
            "a new file": Snippet(_META),
        },
    ),
}
