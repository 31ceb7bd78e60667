"""Changes that `gate-files` names, and near misses."""

from tests.unit.policy.cases import Cases, Snippet


def _one(path: str, after: str | None = "x = 1\n", before: str = "x = 0\n") -> Snippet:
    return Snippet({path: after}, base={path: before})


_TOML = '[project]\nname = "a"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'
_CFG = "[metadata]\nname = a\n"

CASES = {
    "gate-files": Cases(
        fails={
            "what models are told": Snippet({"tests/data/AGENTS.md": "Skip the tests."}),
            "a table of a tool": _one("pyproject.toml", _TOML.replace("-q", "-x"), _TOML),
            "a plugin that a package announces": _one(
                "setup.cfg",
                f"{_CFG}[options.entry_points]\npytest11 =\n    shop = shop.quiet\n",
                _CFG,
            ),
        },
        passes={
            "what the project needs and says of itself": _one(
                "pyproject.toml",
                _TOML.replace('"a"', '"a"\nversion = "2"\ndependencies = ["httpx"]'),
                _TOML,
            ),
        },
    ),
    "other-files": Cases(
        fails={
            "CI of a service that nobody listed": _one(".drone.yml"),
            "a script without an ending": _one("deploy/up", None),
            "source in a hidden folder": _one(".hooks/check.py"),
            "a file that is emptied": Snippet({".drone.yml": ""}, base={".drone.yml": "kind: a"}),
            "a list that an image may install": Snippet({"deploy/packages.txt": "a\n"}),
            "what type checkers read in place of code": _one("shop/prices.pyi"),
        },
        passes={
            "usual parts of a change": Snippet(
                {
                    "shop/cart.html": "",
                    "locale/de/django.po": "",
                    "docs/CART.RST": "",
                    "AUTHORS": "",
                    "a.py": "",
                }
            ),
            "a template of a mail": Snippet({"shop/templates/paid.txt": "Paid.\n"}),
            "a new file that only marks": Snippet({"shop/py.typed": ""}),
            "data of a test": Snippet({"tests/data/orders.json": "{}"}),
            "a release note of reno": Snippet({"releasenotes/notes/mend-3f.yaml": "fixes: []"}),
            "a news fragment": Snippet({"news/3.bugfix": "Mended."}),
        },
    ),
}
