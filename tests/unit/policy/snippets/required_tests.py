"""Changes with and without a test, where one is demanded."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

Content = str | bytes | None
_CODE = 'import math\n\n\ndef total(prices):\n    """Add."""\n    return sum(prices)\n'
_TEST = "from app.prices import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/prices.py": _CODE,
    "tests/test_prices.py": _TEST,
    "tests/conftest.py": "import pytest\n",
    "tests/data/one.json": "[1]",
}
_EDITED = _CODE.replace("sum(prices)", "sum(prices, start=0)")


def _said(line: int | None = None, *, required: bool = True, **after: Content) -> Snippet:
    files = {name.replace("__", "/").replace("_DOT_", "."): text for name, text in after.items()}
    return Snippet(files, base=_BASE, line=line, config={"tests": {"require": required}})


CASES = {
    "test-required": Cases(
        fails={
            "edited": _said(6, app__prices_DOT_py=_EDITED),
            "a new file": _said(1, app__more_DOT_py="def f():\n    return 1\n"),
            "a new branch": _said(
                5,
                app__prices_DOT_py=_CODE.replace(
                    '    """Add."""\n', "    if not prices:\n        return 0\n"
                ),
            ),
            "another default": _said(
                4, app__prices_DOT_py=_CODE.replace("(prices):", "(prices=()):")
            ),
            "a field": _said(1, app__model_DOT_py="class A:\n    name: str\n"),
            "an annotation that a framework reads": _said(
                2, app__api_DOT_py="@app.get('/')\ndef f(n: int): ...\n"
            ),
            "nested at any depth": _said(
                2, app__api_DOT_py="@app.get('/')\ndef f(n: " + "a+" * 400 + "a): return 1\n"
            ),
            "fixtures alone": _said(
                6,
                app__prices_DOT_py=_EDITED,
                tests__conftest_DOT_py="import pytest\n\nx = 1\n",
            ),
            "a test that only moved": _said(
                6,
                app__prices_DOT_py=_EDITED,
                tests__test_prices_DOT_py=None,
                tests__unit__test_prices_DOT_py=_TEST,
            ),
            "a test that is only set otherwise": _said(
                6, app__prices_DOT_py=_EDITED, tests__test_prices_DOT_py=_TEST + "# the end\n"
            ),
            "a test less": _said(
                6, app__prices_DOT_py=_EDITED, tests__test_prices_DOT_py="from app import prices\n"
            ),
        },
        passes={
            "not demanded": _said(required=False, app__prices_DOT_py=_EDITED),
            "with a test": _said(
                app__prices_DOT_py=_EDITED,
                tests__test_prices_DOT_py=_TEST
                + "\n\ndef test_none():\n    assert not total([])\n",
            ),
            "with an edited test": _said(
                app__prices_DOT_py=_EDITED,
                tests__test_prices_DOT_py=_TEST.replace("[1]) == 1", "[2]) == 2"),
            ),
            "with another case": _said(app__prices_DOT_py=_EDITED, tests__data__two_DOT_json="[]"),
            "beside the code": _said(
                app__prices_DOT_py=_EDITED, app__test_more_DOT_py="def test_it():\n    assert 1\n"
            ),
            "a comment": _said(app__prices_DOT_py=_CODE + "\n# the end\n"),
            "a docstring": _said(app__prices_DOT_py=_CODE.replace("Add.", "Add all.")),
            "an import": _said(app__prices_DOT_py=_CODE.replace("math", "math as m")),
            "types": _said(
                app__prices_DOT_py=_CODE.replace("(prices)", "(prices: list[int]) -> int", 1)
            ),
            "types at any depth": _said(
                app__prices_DOT_py=_CODE.replace("(prices)", f"(prices: {'a+' * 400}a)", 1)
            ),
            "less code": _said(app__prices_DOT_py="import math\n"),
            "moved": _said(app__prices_DOT_py=None, app__sums_DOT_py=_CODE),
            "a script": _said(scripts__make_DOT_py="print(1)\n"),
            "a migration": _said(app__migrations__0002_x_DOT_py="x = 1\n"),
            "no code": _said(README_DOT_md="words\n"),
        },
    ),
}
