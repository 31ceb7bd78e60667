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
    code: bool = True,
) -> Snippet:
    """A change of `tests/test_cart.py`, as a rule beside one of the code."""
    files = {_PATH: _HEAD + after} if isinstance(after, str) else after
    changed: dict[str, str | bytes | None] = {**(_CHANGED if code else {}), **files}
    before: dict[str, str | bytes] = {**_CODE, _PATH: _HEAD + base}
    return Snippet(changed, base=before, line=line, ticket=ticket)


_CLASS = "import unittest\n\n\nclass TestCart(unittest.TestCase):\n    def test_total(self):\n"
_IN_CLASS = "        self.assertEqual(sum([1]), 1)\n"
_SPLIT = "def test_total():\n    assert total([1, 2]) == 3\n    assert total([5]) == 5\n"
_PARAMETRIZED = (
    "@pytest.mark.parametrize(('cart', 'expected'), [([1, 2], 3), ([], 0)])\n"
    "def test_totals(cart, expected):\n    assert total(cart) == expected\n"
)

_DELETED = Cases(
    fails={
        "deleted": _tests(_TOTAL),
        "the whole file": _tests({_PATH: None}),
        "another name": _tests(_TOTAL + _EMPTY.replace("test_empty", "check_empty")),
        "a file that nobody collects": _tests(
            {_PATH: None, "tests/cart.py": _HEAD + _TOTAL + _EMPTY}
        ),
        "never defined": _tests(
            _TOTAL + "if False:\n    def test_empty():\n        assert total([]) == 0\n"
        ),
        "taken away again": _tests(_TOTAL + _EMPTY + "del test_empty\n"),
        "another ticket": _tests(_TOTAL, ticket="Fix the failing checkout total"),
        "with a function by a name that many have": Snippet(
            {**_CODE, _PATH: _HEAD + _TOTAL},
            base={
                "app/cart.py": "def get(cart):\n    return cart[0]\n\n\n" + _CODE["app/cart.py"],
                _PATH: _HEAD
                + _TOTAL
                + "def test_get():\n    assert {'a': total([])}.get('a') == 0\n",
            },
        ),
        "a short word of the ticket": Snippet(
            {**_CHANGED, "tests/log/test_cart.py": _HEAD + _TOTAL},
            base={**_CODE, "tests/log/test_cart.py": _HEAD + _TOTAL + _EMPTY},
            ticket="Remove the log",
        ),
        "a class that nobody collects": _tests(
            "class CartChecks:\n    def test_total(self):\n        assert total([1, 2]) == 3\n",
            "class TestCart:\n    def test_total(self):\n        assert total([1, 2]) == 3\n",
        ),
    },
    passes={
        "left": _tests(_TOTAL + _EMPTY + "def test_more():\n    assert total([1]) == 1\n"),
        "moved": _tests({_PATH: _HEAD + _TOTAL, "tests/test_empty.py": _HEAD + _EMPTY}),
        "renamed": _tests(_TOTAL + _EMPTY.replace("test_empty", "test_nothing")),
        "split": _tests(_TOTAL + "def test_five():\n    assert total([5]) == 5\n", base=_SPLIT),
        "parametrized": _tests(_PARAMETRIZED),
        "into a class": _tests(
            "class TestCart:\n    def test_total(self):\n        assert total([1, 2]) == 3\n",
            base=_TOTAL,
        ),
        "asked for": _tests(_TOTAL, ticket="Remove test_empty, which tests nothing of ours"),
        "a helper": _tests(_TOTAL, base=_TOTAL + "def build():\n    return [1]\n"),
    },
)
_DELETED_NOTED = Cases(
    fails={
        "by its name": _tests(_TOTAL, ticket="Remove test_empty, which tests nothing of ours"),
        "by its file": _tests({_PATH: None}, ticket="Delete tests/test_cart.py"),
        "by its feature": _tests(
            _TOTAL,
            base=_TOTAL + "def test_export_xml():\n    assert total([2]) == 2\n",
            ticket="Drop support for XML export",
        ),
        "with its code": Snippet(
            {"app/cart.py": "", _PATH: _HEAD},
            base={**_CODE, _PATH: _HEAD + _TOTAL},
        ),
        "with a short function that it imports": Snippet(
            {"app/cart.py": _CODE["app/cart.py"], _PATH: _HEAD + _TOTAL},
            base={
                "app/cart.py": "def get(cart):\n    return cart[0]\n\n\n" + _CODE["app/cart.py"],
                _PATH: "from app.cart import get\n"
                + _HEAD
                + _TOTAL
                + "def test_get():\n    assert get([0]) == 0\n",
            },
        ),
        "by a short feature": _tests(
            _TOTAL,
            base=_TOTAL + "def test_export_xml():\n    assert total([2]) == 2\n",
            ticket="Drop XML",
        ),
        "with its module": Snippet(
            {"app/cart.py": None, _PATH: None}, base={**_CODE, _PATH: _HEAD + _TOTAL}
        ),
    },
    passes={
        "not asked for": _tests(_TOTAL, ticket="Fix the failing checkout total"),
        "forbidden": _tests(_TOTAL, ticket="Fix the total. Do not remove test_empty."),
        "quoted": _tests(_TOTAL, ticket="Fix the total\n> please remove test_empty"),
        "in a log": _tests(_TOTAL, ticket="Fix it\n```\nremove test_empty\n```"),
        "a question": _tests(_TOTAL, ticket="Fix the total\nShould we remove test_empty?"),
        "moved": _tests({_PATH: _HEAD + _TOTAL, "tests/test_empty.py": _HEAD + _EMPTY}),
    },
)
_SKIP = "@pytest.mark.skip\n"
_SKIPPED = Cases(
    fails={
        "a mark": _tests(_SKIP + _TOTAL + _EMPTY, line=6),
        "expected to fail": _tests(
            "@pytest.mark.xfail(reason='later')\n" + _TOTAL + _EMPTY, line=6
        ),
        "under another name": _tests(
            "from pytest import mark as m\n@m.skip(reason='x')\n" + _TOTAL + _EMPTY, line=7
        ),
        "of unittest": Snippet(
            {_PATH: _CLASS.replace("    def", "    @unittest.skip('later')\n    def") + _IN_CLASS},
            base={_PATH: _CLASS + _IN_CLASS},
            line=5,
        ),
        "in its first line": _tests(
            "def test_total():\n    pytest.skip('later')\n    assert total([1, 2]) == 3\n" + _EMPTY,
            line=7,
        ),
        "a condition that always holds": _tests(
            "@pytest.mark.skipif(True, reason='x')\n" + _TOTAL + _EMPTY, line=6
        ),
        "the whole module": _tests("pytestmark = pytest.mark.skip\n" + _TOTAL + _EMPTY, line=6),
        "no test any more": _tests("__test__ = False\n" + _TOTAL + _EMPTY, line=6),
        "left out of the collection": _tests(
            {"tests/conftest.py": "collect_ignore = ['test_cart.py']\n"}, base=_TOTAL
        ),
        "a fixture for all": _tests(
            "@pytest.fixture(autouse=True)\ndef _off():\n    pytest.skip('x')\n" + _TOTAL + _EMPTY,
            line=8,
        ),
    },
    passes={
        "as before": _tests(_SKIP + _TOTAL + "def test_b():\n    assert 1\n", base=_SKIP + _TOTAL),
        "on a platform": _tests(
            "import sys\n@pytest.mark.skipif(sys.platform == 'win32', reason='x')\n"
            + _TOTAL
            + _EMPTY
        ),
        "no longer": _tests(_TOTAL, base=_SKIP + _TOTAL),
        "a new test": _tests(
            _TOTAL + _EMPTY + _SKIP + "def test_b():\n    assert total([2]) == 2\n"
        ),
        "asked for": _tests(
            _SKIP + _TOTAL + _EMPTY, ticket="Skip test_total until the tax service is back"
        ),
        "a text": _tests(_TOTAL + _EMPTY + "NAME = 'pytest.mark.skip'\n"),
        "moved": _tests(
            {_PATH: _HEAD, "tests/test_b.py": _HEAD + _SKIP + _TOTAL}, base=_SKIP + _TOTAL
        ),
    },
)
_SKIPPED_NOTED = Cases(
    fails={
        "on a platform": _tests(
            "import sys\n@pytest.mark.skipif(sys.platform == 'win32', reason='x')\n"
            + _TOTAL
            + _EMPTY,
            line=7,
        ),
        "without a library": _tests(
            "numpy = pytest.importorskip('numpy')\n" + _TOTAL + _EMPTY, line=6
        ),
        "in a branch": _tests(
            "def test_total():\n    if not total:\n        pytest.skip('x')\n    assert total([1, 2]) == 3\n"
            + _EMPTY,
            line=8,
        ),
        "a new test": _tests(
            _TOTAL + _EMPTY + _SKIP + "def test_b():\n    assert total([2]) == 2\n", line=10
        ),
        "asked for": _tests(
            _SKIP + _TOTAL + _EMPTY, line=6, ticket="Skip test_total until the tax service is back"
        ),
        "one case": _tests(
            "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.xfail)])\n"
            "def test_n(n):\n    assert total([n]) == n\n",
            base="",
            line=6,
        ),
    },
    passes={
        "nothing new": _tests(_TOTAL + _EMPTY + "x = 1\n"),
        "as before": _tests(_SKIP + _TOTAL + "x = 1\n", base=_SKIP + _TOTAL),
        "another mark": _tests("@pytest.mark.slow\n" + _TOTAL + _EMPTY),
        "no test": Snippet("def skip():\n    pass\n\n\nskip()\n"),
        "caught": _tests(
            "def test_total():\n    with pytest.raises(pytest.skip.Exception):\n        total(1)\n",
            base="",
        ),
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
        "says less": _one("assert total([1, 2])", line=7),
        "or anything": _one("assert total([1, 2]) == 3 or True"),
        "a choice": _one("assert total([1, 2]) in (3, 4)", line=7),
        "wider": _one("assert total([0.1, 0.2]) == pytest.approx(0.3, abs=1)", _NEAR, line=7),
        "any error": _one("with pytest.raises(Exception):\n    total(None)", _RAISES, line=7),
        "swallowed": _one(
            "try:\n    assert total([1, 2]) == 3\nexcept AssertionError:\n    pass", line=8
        ),
        "after the end": _one("return\nassert total([1, 2]) == 3", line=8),
        "under a condition": _one("if total([1]):\n    assert total([1, 2]) == 3", line=8),
        "over nothing": _one("for _ in []:\n    assert total([1, 2]) == 3", line=8),
        "against itself": _one("expected = 3\nassert expected == 3"),
        "fewer cases": _tests(_CASES.replace("[1, 2, 3]", "[1]"), base=_CASES, line=7),
        "a helper that looks at less": _tests(
            "def check(cart):\n    pass\n\n\ndef test_a():\n    check([1])\n",
            base="def check(cart):\n    assert total(cart) == 1\n\n\ndef test_a():\n    check([1])\n",
        ),
        "expects what it gets, and no code changes": _one(
            "assert total([1, 2]) == 4", code=False, line=7
        ),
        "overridden further down": _tests(
            _TOTAL + _EMPTY + "def test_total():\n    pass\n", line=10
        ),
        "what a shop expects": _one(
            "assert total([1, 2]) == 4",
            code=False,
            line=7,
            ticket="Fix the expected delivery date",
        ),
        "expected by others": _one(
            "assert total([1, 2]) == 4",
            code=False,
            line=7,
            ticket="Change the total to the one expected in the tests of others",
        ),
    },
    passes={
        "more": _one(
            "cart = [1, 2]\nassert total(cart) == 3\nassert cart",
            "    cart = [1, 2]\n    assert total(cart) == 3\n",
        ),
        "closer": _one("assert total([1, 2]) == 3", "    assert total([1, 2]) > 2\n"),
        "of unittest before": _one(
            "assert total([1, 2]) == 3", "    self.assertEqual(total([1, 2]), 3)\n"
        ),
        "the other way round": _one("assert 3 == total([1, 2])"),
        "a variable first": _one("result = total([1, 2])\nassert result == 3"),
        "in a helper": _tests(
            "def check(cart, n):\n    assert total(cart) == n\n\n\ndef test_total():\n    check([1, 2], 3)\n",
            base=_TOTAL,
        ),
        "expects else with the code": _one("assert total([1, 2]) == 4"),
        "narrower": _one("assert total([0.1, 0.2]) == pytest.approx(0.3, abs=0.0001)", _NEAR),
        "more cases": _tests(_CASES.replace("[1, 2, 3]", "[1, 2, 3, 4]"), base=_CASES),
        "asked for": _one(
            "assert total([1, 2]) == 4",
            code=False,
            ticket="Update the expected value in test_total",
        ),
        "all of them asked for": _one(
            "assert total([1, 2]) == 4",
            code=False,
            ticket="Update the snapshots: prices include tax",
        ),
        "expected in tests": _one(
            "assert total([1, 2]) == 4",
            code=False,
            ticket="Correct all expected totals of the tests",
        ),
        "a part of the whole": _one(
            "assert [total([1, 2]), total([5])] == [3, 5]",
            "    assert total([1, 2]) == 3\n    assert total([5]) == 5\n",
        ),
        "layout": _one("assert (\n    total([1, 2])\n    == 3\n)"),
    },
)
_WEAKENED_NOTED = Cases(
    fails={
        "expects else": _one("assert total([1, 2]) == 4", line=7),
        "another error": _one(
            "with pytest.raises(TypeError, match='no'):\n    total(None)", _RAISES, line=7
        ),
        "looks elsewhere": _one("assert list([1, 2]) == [1, 2, 3]", line=7),
        "on some platform": _one(
            "import sys\nif sys.platform == 'linux':\n    assert total([1, 2]) == 3", line=9
        ),
        "asked for": _one(
            "assert total([1, 2]) == 4",
            code=False,
            line=7,
            ticket="Update the expected value in test_total",
        ),
        "fewer as asked": _one(
            "assert total([1, 2])", line=7, ticket="Relax test_total: it knows too much"
        ),
    },
    passes={
        "the same": _one("assert total([1, 2]) == 3"),
        "more": _one("assert total([1, 2]) == 3\nassert total([]) == 0"),
        "another name": _one(
            "basket = [1, 2]\nassert sum(basket) == total(basket)",
            "    cart = [1, 2]\n    assert sum(cart) == total(cart)\n",
        ),
        "of unittest before": _one(
            "assert total([1, 2]) == 3", "    self.assertEqual(total([1, 2]), 3)\n"
        ),
        "a message": _one("assert total([1, 2]) == 3, 'wrong'"),
        "a new test": _tests(_TOTAL + _EMPTY + "def test_b():\n    assert total([2]) == 2\n"),
    },
)


def _new(body: str, line: int | None = None, name: str = "test_new", head: str = "") -> Snippet:
    after = "".join(f"    {one}\n" for one in body.splitlines())
    return _tests(f"{head}def {name}():\n{after}", base="", line=line)


_HEIR = (
    "from tests.kits import Case\n\n\nclass TestCart(Case):\n"
    "    def test_a(self):\n        self.{}(1)\n"
)
_ANCESTORS: dict[str, str | bytes] = {
    "tests/__init__.py": "",
    "tests/kits.py": "from app.test_kit import BaseTestCase\n\n\nclass Case(BaseTestCase):\n    pass\n",
    "app/__init__.py": "",
    "app/test_kit/__init__.py": "class BaseTestCase:\n    def look(self, cart):\n"
    "        assert cart == 1\n\n    def fill(self, cart):\n        return cart\n",
    "app/cart.py": "class Cart:\n    def total(self, cart):\n        assert cart\n",
}
_TAKES = (
    "from {} import takes\n\n\ndef test_a():\n    with takes(KeyError):\n        raise KeyError\n"
)
_TAKERS: dict[str, str | bytes] = {
    "tests/__init__.py": "",
    "tests/kits.py": "def takes(kind):\n    return suppress(kind)\n",
    "app/__init__.py": "",
    "app/errors.py": "def takes(kind):\n    return suppress(kind)\n",
}
_HOLLOW = Cases(
    fails={
        "nothing": _new("pass", 6),
        "a call": _new("total([1, 2])", 6),
        "an argument that speaks of skipping": _new("total([1], skip_blank=True)", 6),
        "always true": _new("assert True", 6),
        "a pair": _new("assert (total([1]) == 2, 'wrong')", 6),
        "its own value": _new("result = 3\nassert result == 3", 6),
        "behind a return": _new("total([1])\nreturn\nassert total([1]) == 1", 6),
        "swallowed": _new("try:\n    assert total([1]) == 2\nexcept Exception:\n    pass", 6),
        "raises itself": _new("with pytest.raises(ValueError):\n    raise ValueError", 6),
        "a helper that looks at nothing": _new(
            "run([1])", 8, head="def run(cart):\n    return total(cart)\n"
        ),
        "a method made of a function that looks at nothing": _tests(
            "def run(cart):\n    return total(cart)\n\n\nclass TestTotal:\n"
            "    run = staticmethod(run)\n\n    def test_new(self):\n        self.run([1])\n",
            base="",
            line=13,
        ),
        "a helper of its class that looks at nothing": Snippet(
            {"tests/test_a.py": _HEIR.format("fill")}, base=_ANCESTORS, line=5
        ),
        "a method of the code under test": Snippet(
            {"tests/test_a.py": _HEIR.format("total").replace("Case", "Cart")},
            base={**_ANCESTORS, "tests/kits.py": "from app.cart import Cart\n"},
            line=5,
        ),
        "a stand-in that raises": _new(
            "def load(key):\n    if key:\n        raise KeyError\ntotal(load)", 6
        ),
        "a stand-in for what the code calls": _new("load = Mock(side_effect=KeyError)", 6),
        "what the standard library takes is raised": _new(
            "with contextlib.suppress(KeyError):\n    raise KeyError",
            8,
            head="import contextlib\n\n",
        ),
        "what a helper of the tests takes is raised": Snippet(
            {"tests/test_a.py": _TAKES.format("tests.kits")}, base=_TAKERS, line=4
        ),
        "an error that never comes": _new("if False:\n    raise TimeoutError", 6),
        "raises what it makes": _new(
            "with pytest.raises(ValueError):\n    raise errors.wrong(1)", 6
        ),
        "a function that nobody calls": _new(
            "def inner():\n    assert total([1]) == 2\ntotal([1])", 6
        ),
        "a check that checks nothing": _new(
            "check_total([1])", 8, head="def check_total(cart):\n    return total(cart)\n"
        ),
        "an assertion that asserts nothing": _new(
            "assert_total([1])", 8, head="def assert_total(cart):\n    total(cart)\n"
        ),
        "a check by way of another": _new(
            "check([1])",
            11,
            head="def _verify(cart):\n    return total(cart) == 1\n\n"
            "def check(cart):\n    _verify(cart)\n",
        ),
        "a check of the code that only answers": Snippet(
            {
                "tests/test_a.py": "from app.cart import check_total\n\n\n"
                "def test_a():\n    check_total([1])\n"
            },
            base={"app/cart.py": "def check_total(cart):\n    return sum(cart) == 1\n"},
            line=4,
        ),
        "a check of a class of its own": _new(
            "Checker().check(total([1]))",
            9,
            head="class Checker:\n    def check(self, one):\n        return one == 1\n",
        ),
        "a checker in a variable": _new(
            "checker = Checker()\nchecker.check(total([1]))",
            9,
            head="class Checker:\n    def check(self, one):\n        return one == 1\n",
        ),
        "a fixture that checks nothing": _tests(
            {
                _PATH: _HEAD + "def test_new(check_total):\n    check_total([1])\n",
                "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef check_total():\n"
                "    return lambda cart: cart\n",
            },
            base="",
            line=6,
        ),
        "a lambda by the name of an assertion": _new(
            "assert_total([1])", 7, head="assert_total = lambda cart: cart\n"
        ),
        "another function by the name of an assertion": _new(
            "assert_equal(total([1]), 2)", 7, head="from operator import eq as assert_equal\n"
        ),
        "a method by the name of an assertion": Snippet(
            {
                _PATH: _CLASS
                + "        self.assert_total([1])\n\n    def assert_total(self, cart):\n        sum(cart)\n"
            },
            line=5,
        ),
        "a client": _new("TestClient(total).get('/')", 6),
        "sub tests": _new("with self.subTest(1):\n    total([1])", 6),
        "a check that is swallowed": _new(
            "try:\n    check([1])\nexcept Exception:\n    pass",
            8,
            head="def check(cart):\n    assert total(cart) == 1\n",
        ),
        "another context by the name of raises": _new(
            "with raises(ValueError):\n    total([1])",
            7,
            head="from contextlib import suppress as raises\n",
        ),
        "the same call twice": _new("assert total([1]) == total([1])", 6),
        "equal to itself": _new("found = total([1])\nassert found == found", 6),
        "the same attribute": _new("assert total([1]).value == total([1]).value", 6),
        "a length": _new("assert len(total([1])) >= 0", 6),
        "a length, the other way round": _new("assert 0 <= len(total([1]))", 6),
        "an object": _new("assert isinstance(total([1]), object)", 6),
        "an object, or else": _new("assert isinstance(total([1]), (int, object))", 6),
        "of its own type": _new("found = total([1])\nassert isinstance(found, type(found))", 6),
        "in itself": _new("assert total([1]) in [total([1]), 2]", 6),
        "an empty text": _new("assert '' in total([1])", 6),
        "begins with nothing": _new("assert total([1]).startswith('')", 6),
        "in nothing": _new("assert total([1]) not in []", 6),
        "true or false": _new("assert bool(total([1])) in (True, False)", 6),
        "a table": _new("assert {'total': total([1])}", 6),
        "a text": _new("assert f'total {total([1])}'", 6),
        "equal to itself or not": _new("found = total([1])\nassert found == found or not found", 6),
    },
    passes={
        "an assertion": _new("assert total([1]) == 1"),
        "raises": _new("with pytest.raises(TypeError):\n    total(None)"),
        "a log": _tests(
            "def test_new(caplog):\n    total([1])\n    assert 'x' in caplog.text\n", base=""
        ),
        "a status": _new("client.get('/').raise_for_status()"),
        "a snapshot": _tests(
            "def test_new(data_regression):\n    data_regression.check(total([1]))\n", base=""
        ),
        "a helper": _new("run([1])", head="def run(cart):\n    assert total(cart) == 1\n"),
        "a helper that hands on": _new(
            "run([1])", head="def run(cart):\n    page.expect_text(total(cart))\n"
        ),
        "an imported helper": Snippet(
            {
                "tests/test_a.py": "from tests.checks import is_right\n\n\ndef test_a():\n    is_right(1)\n"
            },
            base={
                "tests/checks.py": "def is_right(n):\n    assert n == 1\n",
                "tests/__init__.py": "",
            },
        ),
        "a method made of a function that looks": _tests(
            "def run(cart):\n    assert total(cart) == 1\n\n\nclass TestTotal:\n"
            "    run = staticmethod(run)\n\n    def test_new(self):\n        self.run([1])\n",
            base="",
        ),
        "a helper of what its class inherits from": Snippet(
            {"tests/test_a.py": _HEIR.format("look")}, base=_ANCESTORS
        ),
        "a stand-in that fails the test": _new(
            "total(load=Mock(side_effect=AssertionError('not to be loaded')))"
        ),
        "a stand-in that is told to": _new(
            "load = Mock()\nload.side_effect = AssertionError\ntotal(load)"
        ),
        "what the code takes is raised": Snippet(
            {"tests/test_a.py": _TAKES.format("app.errors")}, base=_TAKERS
        ),
        "a method of a page": _tests(
            "class Page(View):\n    def test(self):\n        return 1\n\n\n"
            "def test_page():\n    class Narrow(Page):\n        pass\n\n"
            "    assert Narrow().test() == 1\n",
            base="",
        ),
        "an error of its own": _new("if total([1]) > 2:\n    raise TimeoutError('too much')"),
        "raises what the code hands out": _new(
            "with pytest.raises(ValueError):\n    raise total(None).error"
        ),
        "a mock": _new("mail = Mock()\ntotal(mail)\nmail.send.assert_called_once()"),
        "named after not failing": _new("total([])", name="test_empty_does_not_raise"),
        "driven": _tests(
            "from hypothesis import given, strategies as st\n\n\n@given(st.lists(st.integers()))\n"
            "def test_new(cart):\n    total(cart)\n",
            base="",
        ),
        "no test": _new("total([1])", name="build"),
        "a check of the code that raises": Snippet(
            {
                "tests/test_a.py": "from app.cart import check_total\n\n\n"
                "def test_a():\n    check_total([1])\n"
            },
            base={
                "app/cart.py": "def check_total(cart):\n    if sum(cart) > 1:\n        _stop()\n\n\n"
                "def _stop():\n    raise ValueError\n"
            },
        ),
        "two helpers": _new(
            "run([1])",
            head="def _compare(a, b):\n    assert a == b\n\n"
            "def _both(cart):\n    _compare(total(cart), 1)\n\n"
            "def run(cart):\n    _both(cart)\n",
        ),
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
        "a fixture of a plugin": _tests(
            "def test_new(assert_all_sent):\n    assert_all_sent(total([1]))\n", base=""
        ),
        "a library that validates": _new(
            "validate(total([1]), {})", head="from jsonschema import validate\n"
        ),
        "raises under another name": _new(
            "with fails(TypeError):\n    total(None)", head="from pytest import raises as fails\n"
        ),
        "the test above": Snippet(
            {
                _PATH: "import unittest\n\n\nclass Above(unittest.TestCase):\n"
                "    def test_total(self):\n        assert sum([1]) == 1\n\n\n"
                "class TestCart(Above):\n    def test_total(self):\n        super().test_total()\n"
            }
        ),
        "two of a class": _new("assert Cart(1) == Cart(1)"),
        "the same object": _new("assert total([1]) is total([1])"),
        "a length above": _new("assert len(total([1])) >= 1"),
        "some type": _new("assert isinstance(total([1]), int)"),
        "one of two": _new("assert total([1]) in [1, 2]"),
        "a doctest": _new("doctest.testmod(total)"),
    },
)
_HOLLOW_NOTED = Cases(
    fails={
        "does not raise": _new("total([])", 6, name="test_empty_does_not_raise"),
        "smoke": _new("total([])", 6, name="test_smoke"),
        "works": _new("total([])", 6, name="test_works"),
        "no crash": _new("total([])", 6, name="test_no_crash"),
        "driven": _tests(
            "from hypothesis import given, strategies as st\n\n\n@given(st.lists(st.integers()))\n"
            "def test_new(cart):\n    total(cart)\n",
            base="",
            line=10,
        ),
    },
    passes={
        "an assertion": _new("assert total([]) == 0", name="test_smoke"),
        "nothing at all": _new("total([1])"),
        "raises": _new("with pytest.raises(TypeError):\n    total(None)", name="test_smoke"),
        "there before": _tests(
            "def test_smoke():\n    total([])\nx = 1\n", base="def test_smoke():\n    total([])\n"
        ),
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
