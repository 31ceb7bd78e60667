"""Names that modules of the repository do not have, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_APP: dict[str, str | bytes] = {
    "app/__init__.py": "from .text import clean\n",
    "app/text.py": "def clean(text):\n    return text.strip()\n",
    "app/models.py": "class Bill:\n    pass\n\n\nclass Order:\n    pass\n",
    "app/net/__init__.py": "from app.net.client import *\n",
    "app/net/client.py": "__all__ = ['fetch']\n\n\ndef fetch():\n    pass\n",
    "app/lazy.py": "def __getattr__(name):\n    return name\n",
    "app/old.py": "from httpx import *\n",
    "app/flags.py": (
        "import sys\nfrom typing import TYPE_CHECKING\n\nif sys.platform == 'linux':\n    FAST = 1\n"
        "if TYPE_CHECKING:\n    from app.models import Bill\n\n\n"
        "def start():\n    global STARTED\n    STARTED = True\n"
    ),
}


def _asked(after: str, line: int | None = None, base: str = "", **more: str) -> Snippet:
    files = {**_APP, **({"app/views.py": base} if base else {})}
    changed = {path.replace("__", "/") + ".py": text for path, text in more.items()}
    return Snippet({"app/views.py": after, **changed}, base=files, line=line)


CASES = {
    "missing-name": Cases(
        fails={
            "a class": _asked("from app.models import Bill, Invoice\n", 1),
            "relative": _asked("from .models import Invoice\n", 1),
            "a module": _asked("import app.billing\n", 1),
            "a relative module": _asked("from . import billing\n", 1),
            "from a module that is not there": _asked("from app.billing import Invoice\n", 1),
            "an attribute": _asked("import app.text\n\napp.text.slugify('a')\n", 3),
            "an attribute by an alias": _asked("from app import text as t\nt.slugify('a')\n", 2),
            "through a star": _asked("from app.net import post\n", 1),
            "only for types there": _asked("from app.flags import Bill\n", 1),
            "in a function": _asked("def f():\n    from app.text import slugify\n", 2),
            "gone with the change": _asked(
                "from app.text import clean\n",
                1,
                "from app.text import clean\n",
                app__text="def tidy(text):\n    return text\n",
            ),
            "below an early version check": _asked(
                "import sys\n\nif sys.version_info < (3, 9):\n    raise SystemExit\n\n"
                "from app.text import slugify\n",
                6,
            ),
        },
        passes={
            "what is there": _asked(
                "from app.models import Bill\nfrom app import clean, models\nmodels.Order()\n"
            ),
            "re-exported by a star": _asked("from app.net import fetch\n"),
            "added with the change": _asked(
                "from app.text import slugify\n", app__text="def slugify(text):\n    return text\n"
            ),
            "a module that comes with it": _asked(
                "from app.billing import Invoice\n", app__billing="class Invoice:\n    pass\n"
            ),
            "a module with __getattr__": _asked("from app.lazy import anything\n"),
            "a star of a library": _asked("from app.old import get\n"),
            "tried": _asked(
                "try:\n    from app.text import slugify\nexcept ImportError:\n    slugify = str\n"
            ),
            "asked for first": _asked(
                "from app import text\nif hasattr(text, 'slugify'):\n    text.slugify('a')\n"
            ),
            "on one platform": _asked("from app.flags import FAST\n"),
            "bound by a function": _asked("from app import flags\nprint(flags.STARTED)\n"),
            "a local name": _asked("from app import text\n\n\ndef f(text):\n    text.slugify()\n"),
            "bound here": _asked("from app import text\ntext.cache = {}\nprint(text.cache)\n"),
            "set by a conftest": Snippet(
                {"tests/unit/test_text.py": "from app import text\ntext.original()\n"},
                base={**_APP, "tests/conftest.py": "from app import text\ntext.original = len\n"},
            ),
            "missing before": _asked(
                "import os\nfrom app.models import Invoice\n",
                base="from app.models import Invoice\n",
            ),
            "for types": _asked(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    from app.flags import Bill\n"
            ),
            "what a build makes": _asked(
                "from app._version import version\nfrom app import x_pb2\n"
            ),
            "compiled": Snippet(
                {"app/views.py": "from app.fast import add\nfrom app import fast\n"},
                base={**_APP, "app/fast.pyx": "def add(): pass\n"},
            ),
            "a library of the same name": Snippet(
                {"tools/views.py": "from redis import Redis\n"},
                base={"tools/redis/__init__.py": ""},
            ),
        },
    ),
}
