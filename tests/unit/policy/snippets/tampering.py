"""Changes by which tests get easier to pass, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_PATH = "tests/test_cart.py"
_CODE = {"app/cart.py": "def total(cart):\n    return sum(cart)\n"}
_CHANGED = {"app/cart.py": "def total(cart):\n    return sum(cart) + 1\n"}
_HEAD = "import pytest\n\nfrom app.cart import total\n\n\n"
_TOTAL = "def test_total():\n    assert total([1, 2]) == 3\n"
_EMPTY = "def test_empty():\n    assert total([]) == 0\n"


def _tests(
    after: str | dict[str, str | bytes | None],
    base: str = _TOTAL + _EMPTY,
    line: int | None = None,
    *,
    ticket: str | None = None,
) -> Snippet:
    """A change of `tests/test_cart.py`, as a rule beside one of the code."""
    files = {_PATH: _HEAD + after} if isinstance(after, str) else after
    changed: dict[str, str | bytes | None] = {**_CHANGED, **files}
    before: dict[str, str | bytes] = {**_CODE, _PATH: _HEAD + base}
    return Snippet(changed, base=before, line=line, ticket=ticket)


_PARAMETRIZED = (
    "@pytest.mark.parametrize(('cart', 'expected'), [([1, 2], 3), ([], 0)])\n"
    "def test_totals(cart, expected):\n    assert total(cart) == expected\n"
)

_DELETED = Cases(
    fails={
        "never defined": _tests(
            _TOTAL + "if False:\n    def test_empty():\n        assert total([]) == 0\n"
        ),
        "taken away again": _tests(_TOTAL + _EMPTY + "del test_empty\n"),
    },
    passes={
        "parametrized": _tests(_PARAMETRIZED),
        "into a class": _tests(
            "class TestCart:\n    def test_total(self):\n        assert total([1, 2]) == 3\n",
            base=_TOTAL,
        ),
    },
)
_DELETED_NOTED = Cases(
    fails={
        "by its feature": _tests(
            _TOTAL,
            base=_TOTAL + "def test_export_xml():\n    assert total([2]) == 2\n",
            ticket="Drop support for XML export",
        ),
        "with its module": Snippet(
            {"app/cart.py": None, _PATH: None}, base={**_CODE, _PATH: _HEAD + _TOTAL}
        ),
    },
    passes={
        "quoted": _tests(_TOTAL, ticket="Fix the total\n> please remove test_empty"),
        "moved": _tests({_PATH: _HEAD + _TOTAL, "tests/test_empty.py": _HEAD + _EMPTY}),
    },
)
_SKIP = "@pytest.mark.skip\n"
_SKIPPED = Cases(
    fails={
        "a mark": _tests(_SKIP + _TOTAL + _EMPTY, line=6),
        "left out of the collection": _tests(
            {"tests/conftest.py": "collect_ignore = ['test_cart.py']\n"}, base=_TOTAL
        ),
        "a fixture for all": _tests(
            "@pytest.fixture(autouse=True)\ndef _off():\n    pytest.skip('x')\n" + _TOTAL + _EMPTY,
            line=8,
        ),
    },
    passes={
        "on a platform": _tests(
            "import sys\n@pytest.mark.skipif(sys.platform == 'win32', reason='x')\n"
            + _TOTAL
            + _EMPTY
        ),
        "a text": _tests(_TOTAL + _EMPTY + "NAME = 'pytest.mark.skip'\n"),
    },
)
_SKIPPED_NOTED = Cases(
    fails={
        "in a branch": _tests(
            "def test_total():\n    if not total:\n        pytest.skip('x')\n    assert total([1, 2]) == 3\n"
            + _EMPTY,
            line=8,
        ),
        "asked for": _tests(
            _SKIP + _TOTAL + _EMPTY, line=6, ticket="Skip test_total until the tax service is back"
        ),
    },
    passes={
        "nothing new": _tests(_TOTAL + _EMPTY + "x = 1\n"),
        "as before": _tests(_SKIP + _TOTAL + "x = 1\n", base=_SKIP + _TOTAL),
    },
)


def _one(body: str, base: str = "    assert total([1, 2]) == 3\n", **more: object) -> Snippet:
    after = "".join(f"    {line}\n" for line in body.splitlines())
    return _tests(f"def test_total():\n{after}", f"def test_total():\n{base}", **more)  # type: ignore[arg-type]


_TWO = "    cart = [1, 2]\n    assert total(cart) == 3\n    assert cart == [1, 2]\n"
_RAISES = "    with pytest.raises(ValueError, match='no'):\n        total(None)\n"
_NEAR = "    assert total([0.1, 0.2]) == pytest.approx(0.3, abs=0.001)\n"
_CASES = "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_n(n):\n    assert total([n]) == n\n"
_WEAKENED = Cases(
    fails={
        "an assertion less": _one("cart = [1, 2]\nassert total(cart) == 3", _TWO, line=6),
        "a choice": _one("assert total([1, 2]) in (3, 4)", line=7),
        "over nothing": _one("for _ in []:\n    assert total([1, 2]) == 3", line=8),
    },
    passes={
        "narrower": _one("assert total([0.1, 0.2]) == pytest.approx(0.3, abs=0.0001)", _NEAR),
        "more cases": _tests(_CASES.replace("[1, 2, 3]", "[1, 2, 3, 4]"), base=_CASES),
    },
)
_WEAKENED_NOTED = Cases(
    fails={
        "another error": _one(
            "with pytest.raises(TypeError, match='no'):\n    total(None)", _RAISES, line=7
        ),
        "fewer as asked": _one(
            "assert total([1, 2])", line=7, ticket="Relax test_total: it knows too much"
        ),
    },
    passes={
        "another name": _one(
            "basket = [1, 2]\nassert sum(basket) == total(basket)",
            "    cart = [1, 2]\n    assert sum(cart) == total(cart)\n",
        ),
        "of unittest before": _one(
            "assert total([1, 2]) == 3", "    self.assertEqual(total([1, 2]), 3)\n"
        ),
    },
)


def _new(body: str, line: int | None = None, name: str = "test_new", head: str = "") -> Snippet:
    after = "".join(f"    {one}\n" for one in body.splitlines())
    return _tests(f"{head}def {name}():\n{after}", base="", line=line)


_HOLLOW = Cases(
    fails={
        "nothing": _new("pass", 6),
        "swallowed": _new("try:\n    assert total([1]) == 2\nexcept Exception:\n    pass", 6),
        "equal to itself": _new("found = total([1])\nassert found == found", 6),
    },
    passes={
        "a class of its own that asserts": _new(
            "Checker().check(total([1]))",
            head="class Base:\n    def check(self, one):\n        assert one == 1\n\n"
            "class Checker(Base):\n    pass\n",
        ),
        "a fixture that checks": _tests(
            {
                _PATH: _HEAD + "def test_new(check_total):\n    check_total([1])\n",
                "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef check_total():\n"
                "    def check(cart):\n        assert sum(cart) == 1\n    return check\n",
            },
            base="",
        ),
    },
)
_HOLLOW_NOTED = Cases(
    fails={
        "does not raise": _new("total([])", 6, name="test_empty_does_not_raise"),
        "smoke": _new("total([])", 6, name="test_smoke"),
    },
    passes={
        "nothing at all": _new("total([1])"),
        "skipped": _new("pytest.skip('later')", name="test_smoke"),
    },
)
CASES = {
    "test-deleted": _DELETED,
    "test-deleted-noted": _DELETED_NOTED,
    "test-skipped": _SKIPPED,
    "test-skipped-noted": _SKIPPED_NOTED,
    "test-weakened": _WEAKENED,
    "test-weakened-noted": _WEAKENED_NOTED,
    "test-asserts-nothing": _HOLLOW,
    "test-asserts-nothing-noted": _HOLLOW_NOTED,
}
