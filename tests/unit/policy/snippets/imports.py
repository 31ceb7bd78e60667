"""Changes that `imports.forbid` refuses, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_FORBID: dict[str, object] = {"imports": {"forbid": ["pickle", "os.path", "app.legacy"]}}
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
            "by a text": _forbidden("from importlib import import_module as i\ni('pickle')\n", 2),
            "of the loaded modules": _forbidden("import sys\np = sys.modules['pickle']\n", 2),
        },
        passes={
            "another module": _forbidden("import json\nimport pickletools\n"),
            "moved from another file": Snippet(
                {"app/views.py": "import pickle\n", "app/old.py": "x = 1\n"},
                base={"app/old.py": "import pickle\nx = 1\n"},
                config=_FORBID,
            ),
        },
    ),
    "forbidden-import-use": Cases(
        fails={
            "a class of it": _forbidden(_HAS + "p = pickle.Pickler\n", 4, _HAS),
            "what it made elsewhere": _forbidden("from app.storing import writer\n", 1, _BASE),
        },
        passes={
            "untouched": _forbidden(_HAS + "x = 1\n", base=_HAS),
            "another module": _forbidden(_HAS + "import json\njson.dumps(1)\n", base=_HAS),
        },
    ),
}
