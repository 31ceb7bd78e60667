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


def _asked(after: str, line: int | None = None, **more: str) -> Snippet:
    changed = {path.replace("__", "/") + ".py": text for path, text in more.items()}
    return Snippet({"app/views.py": after, **changed}, base=_APP, line=line)


CASES = {
    "missing-name": Cases(
        fails={
            "a module": _asked("import app.billing\n", 1),
            "through a star": _asked("from app.net import post\n", 1),
        },
        passes={
            "what is there": _asked(
                "from app.models import Bill\nfrom app import clean, models\nmodels.Order()\n"
            ),
            "tried": _asked(
                "try:\n    from app.text import slugify\nexcept ImportError:\n    slugify = str\n"
            ),
            "asked for first": _asked(
                "from app import text\nif hasattr(text, 'slugify'):\n    text.slugify('a')\n"
            ),
        },
    ),
}
