"""Changes with and without a test, where one is demanded."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

Content = str | bytes | None
_CODE = 'import math\n\n__version__ = "1"\n\n\ndef total(prices):\n    """Add."""\n    return sum(prices)\n'
_TEST = "from app.prices import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
_FIELDS = "from pydantic import BaseModel\n\n\nclass A(BaseModel):\n    a: int\n"
_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/prices.py": _CODE,
    "app/models.py": _FIELDS,
    "app/constants.py": "A = 1\nB = 2\n\n\ndef one(): ...\n\n\ndef two(): ...\n",
    "tests/test_prices.py": _TEST,
    "tests/conftest.py": "import pytest\n",
    "tests/data/one.json": "[1]",
}
_EDITED = _CODE.replace("sum(prices)", "sum(prices, start=0)")


def _said(line: int | None = None, **after: Content) -> Snippet:
    files = {name.replace("__", "/").replace("_DOT_", "."): text for name, text in after.items()}
    return Snippet(files, base=_BASE, line=line, config={"tests": {"require": True}})


CASES = {
    "test-required": Cases(
        fails={
            "edited": _said(8, app__prices_DOT_py=_EDITED),
            "a field": _said(
                6,
                app__prices_DOT_py=_CODE,
                app__models_DOT_py=_FIELDS.replace("int\n", "int\n    b: int\n"),
            ),
            "nested at any depth": _said(
                1, app__api_DOT_py="@app.get('/')\ndef f(n: " + "a+" * 400 + "a): return 1\n"
            ),
        },
        passes={
            "with a test": _said(
                app__prices_DOT_py=_EDITED,
                tests__test_prices_DOT_py=_TEST
                + "\n\ndef test_none():\n    assert not total([])\n",
            ),
            "less, elsewhere and in another order": _said(
                app__prices_DOT_py="__version__ = '2'\n",
                app__sums_DOT_py="def total(prices):\n    return sum(prices)\n",
                app__constants_DOT_py="A = 1\n\n\ndef two(): ...\n\n\ndef one(): ...\n",
            ),
            "types": _said(
                app__prices_DOT_py=_CODE.replace("(prices)", "(prices: list[int]) -> int", 1)
            ),
        },
    ),
}
