"""Changes that `imports.forbid` refuses, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_FORBID: dict[str, object] = {"imports": {"forbid": ["pickle", "os.path", "app.legacy"]}}
_ALLOW: dict[str, object] = {"imports": {"forbid": ["xml"], "allow": ["xml.sax.saxutils"]}}
_BASE = {
    "app/__init__.py": "",
    "app/storing.py": "import pickle\n\nload = pickle.load\nwriter = pickle.Pickler(open('x'))\n",
    "app/shared/__init__.py": "from app.storing import load as read\n",
    "app/legacy/__init__.py": "",
    "app/legacy/bills.py": "class Bill:\n    pass\n",
    "app/legacy/prices.py": "",
}
_HAS = "import pickle\n\npickle.dumps(1)\n"


def _forbidden(after: str, line: int | None = None, base: str | dict[str, str] = "") -> Snippet:
    return Snippet(after, base=base, line=line, config=_FORBID)


CASES = {
    "forbidden-import": Cases(
        fails={
            "import": _forbidden("import pickle\n", 1),
            "under another name": _forbidden("import json\nimport pickle as p\n", 2),
            "a name of it in a function": _forbidden("def f():\n    from pickle import loads\n", 2),
            "what a module uses": _forbidden("import os\n\nos.path.join('a', 'b')\n", 3),
            "all of it": _forbidden("from pickle import *\n", 1),
            "by a text": _forbidden("from importlib import import_module as i\ni('pickle')\n", 2),
            "of the loaded modules": _forbidden("import sys\np = sys.modules['pickle']\n", 2),
            "through another module": _forbidden("from app.storing import load\n", 1, _BASE),
            "through two modules": _forbidden("from .shared import read\n", 1, _BASE),
            "a package of the repository": _forbidden("from .legacy.bills import Bill\n", 1, _BASE),
            "in a decorator": _forbidden(
                "import app.storing\n\n@app.storing.load\ndef f(): ...\n", 3, _BASE
            ),
            "in the other branch": _forbidden(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n"
                "    import pickle\n",
                5,
            ),
            "beside what is allowed": Snippet(
                "from xml.sax.saxutils import escape\nimport xml.sax\n", line=2, config=_ALLOW
            ),
        },
        passes={
            "another module": _forbidden("import json\nimport pickletools\n"),
            "nothing is forbidden": Snippet("import pickle\n"),
            "for types only": _forbidden(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pickle\n"
            ),
            "there already": _forbidden("import pickle\n\nx = 1\n", base="import pickle\n"),
            "moved from another file": Snippet(
                {"app/views.py": "import pickle\n", "app/old.py": "x = 1\n"},
                base={"app/old.py": "import pickle\nx = 1\n"},
                config=_FORBID,
            ),
            "allowed below it": Snippet(
                "from xml.sax.saxutils import escape\nimport xml.sax.saxutils as s\ns.escape('')\n",
                config=_ALLOW,
            ),
            "a name of one's own": _forbidden("def pickle(): ...\n\npickle()\n"),
            "another part of it": _forbidden("import os\n\nos.getcwd()\n"),
            "within the package": Snippet(
                {"app/legacy/bills.py": "from app.legacy.prices import x\nfrom . import prices\n"},
                base=_BASE,
                config=_FORBID,
            ),
            "a function that uses it": _forbidden(
                "from app.saving import save\n",
                base={"app/saving.py": "import pickle\ndef save(): return pickle.dumps(1)\n"},
            ),
        },
    ),
    "forbidden-import-use": Cases(
        fails={
            "once more": _forbidden(_HAS + "pickle.dumps(2)\n", 4, _HAS),
            "another function": _forbidden(_HAS + "pickle.loads(b'')\n", 4, _HAS),
            "a class of it": _forbidden(_HAS + "p = pickle.Pickler\n", 4, _HAS),
            "in a function": _forbidden(_HAS + "def f():\n    pickle.loads(b'')\n", 5, _HAS),
            "as a default": _forbidden(_HAS + "def f(load=pickle.load): ...\n", 4, _HAS),
            "what it made elsewhere": _forbidden("from app.storing import writer\n", 1, _BASE),
        },
        passes={
            "untouched": _forbidden(_HAS + "x = 1\n", base=_HAS),
            "moved down": _forbidden("import pickle\n\nx = 1\npickle.dumps(1)\n", base=_HAS),
            "fewer": _forbidden("import pickle\n", base=_HAS),
            "another module": _forbidden(_HAS + "import json\njson.dumps(1)\n", base=_HAS),
            "nothing is forbidden": Snippet(_HAS + "pickle.dumps(2)\n", base=_HAS),
            "a model that keeps what it made": _forbidden(
                "from app.keeping import Keeper\n",
                base={
                    "app/keeping.py": "import pickle\nclass Keeper:\n    p = pickle.Pickler(1)\n"
                },
            ),
        },
    ),
}
