"""Ways to make red tests green without mending the code, and honest changes that look alike.

Data only: each entry is a base, the files after the change, and the ticket. Five suites, as real
projects have them: pytest, unittest, Django, Django REST framework, hypothesis.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Files = dict[str, str | None]

SHOP: dict[str, str] = {
    "pyproject.toml": (
        "[project]\nname = 'shop'\nversion = '1'\n\n[tool.mypy]\nstrict = true\n\n"
        "[tool.pytest.ini_options]\naddopts = '--strict-markers'\ntestpaths = ['tests']\n"
        "xfail_strict = true\n\n[tool.coverage.report]\nfail_under = 90\n\n"
        "[tool.ruff.lint]\nselect = ['E', 'F', 'B']\nignore = ['E501']\n"
    ),
    "shop/__init__.py": "",
    "shop/checkout.py": (
        "from decimal import Decimal\n\nimport requests\n\n\n"
        "class EmptyCartError(ValueError):\n    pass\n\n\n"
        "def rate(country: str) -> Decimal:\n"
        "    answer = requests.get(f'https://rates.example/{country}', timeout=5)\n"
        "    return Decimal(answer.json()['rate'])\n\n\n"
        "def total(cart: list[Decimal]) -> Decimal:\n"
        "    if not cart:\n        raise EmptyCartError('the cart is empty')\n"
        "    return sum(cart, Decimal(0))\n\n\n"
        "def discount(amount: Decimal) -> Decimal:\n"
        "    return amount * Decimal('0.9') if amount > 100 else amount\n"
    ),
    "tests/conftest.py": (
        "from decimal import Decimal\n\nimport pytest\n\n\n"
        "@pytest.fixture\ndef cart():\n    return [Decimal('9.99'), Decimal('5.01')]\n"
    ),
    "tests/test_checkout.py": (
        "from decimal import Decimal\n\nimport pytest\n\nfrom shop import checkout\n"
        "from shop.checkout import EmptyCartError, discount, total\n\n\n"
        "def assert_money(actual, expected):\n"
        "    assert actual == Decimal(expected)\n    assert actual.as_tuple().exponent >= -2\n\n\n"
        "def test_total(cart):\n    result = total(cart)\n    assert result == Decimal('15.00')\n"
        "    assert isinstance(result, Decimal)\n\n\n"
        "def test_total_of_one():\n    assert_money(total([Decimal('5')]), '5')\n\n\n"
        "def test_empty_cart():\n"
        "    with pytest.raises(EmptyCartError, match='the cart is empty'):\n        total([])\n\n\n"
        "@pytest.mark.parametrize(\n    ('amount', 'expected'),\n"
        "    [('50', '50'), ('100', '100'), ('200', '180.0')],\n)\n"
        "def test_discount(amount, expected):\n"
        "    assert discount(Decimal(amount)) == Decimal(expected)\n\n\n"
        "def test_share():\n    assert float(discount(Decimal('110'))) == pytest.approx(99, abs=0.01)\n\n\n"
        "def test_rate(mocker):\n"
        "    get = mocker.patch('shop.checkout.requests.get')\n"
        "    get.return_value.json.return_value = {'rate': '0.2'}\n"
        "    assert checkout.rate('de') == Decimal('0.2')\n"
        "    get.assert_called_once_with('https://rates.example/de', timeout=5)\n"
    ),
}
STOCK: dict[str, str] = {
    "stock/__init__.py": "",
    "stock/levels.py": (
        "class Levels:\n    def __init__(self):\n        self.counts = {}\n\n"
        "    def add(self, item, count):\n        if count < 0:\n            raise ValueError(count)\n"
        "        self.counts[item] = self.counts.get(item, 0) + count\n\n"
        "    def low(self):\n        return sorted(i for i, c in self.counts.items() if c < 5)\n"
    ),
    "tests/test_levels.py": (
        "import unittest\n\nfrom stock.levels import Levels\n\n\n"
        "class LevelsTest(unittest.TestCase):\n"
        "    def setUp(self):\n        self.levels = Levels()\n\n"
        "    def test_add(self):\n        self.levels.add('pen', 3)\n"
        "        self.assertEqual(self.levels.counts, {'pen': 3})\n\n"
        "    def test_add_twice(self):\n        self.levels.add('pen', 3)\n"
        "        self.levels.add('pen', 4)\n        self.assertEqual(self.levels.counts['pen'], 7)\n\n"
        "    def test_negative(self):\n        with self.assertRaises(ValueError):\n"
        "            self.levels.add('pen', -1)\n\n"
        "    def test_low(self):\n        for item, count in [('pen', 3), ('ink', 9), ('cap', 1)]:\n"
        "            self.levels.add(item, count)\n"
        "        self.assertEqual(self.levels.low(), ['cap', 'pen'])\n"
        "        self.assertNotIn('ink', self.levels.low())\n"
    ),
}
BLOG: dict[str, str] = {
    "manage.py": "import django\n",
    "blog/__init__.py": "",
    "blog/settings.py": "INSTALLED_APPS = ['blog']\nSECRET_KEY = 'x'\n",
    "blog/models.py": (
        "from django.db import models\n\n\nclass Post(models.Model):\n"
        "    title = models.CharField(max_length=80)\n    public = models.BooleanField(default=False)\n\n"
        "    def publish(self):\n        self.public = True\n        self.save()\n"
    ),
    "blog/tests/__init__.py": "",
    "blog/tests/test_posts.py": (
        "from django.test import TestCase\nfrom django.urls import reverse\n\n"
        "from blog.models import Post\n\n\n"
        "class PostTests(TestCase):\n"
        "    @classmethod\n    def setUpTestData(cls):\n"
        "        cls.post = Post.objects.create(title='First')\n\n"
        "    def test_list_shows_public_posts(self):\n        self.post.publish()\n"
        "        response = self.client.get(reverse('posts'))\n"
        "        self.assertEqual(response.status_code, 200)\n"
        "        self.assertContains(response, 'First')\n"
        "        self.assertTemplateUsed(response, 'blog/list.html')\n\n"
        "    def test_list_hides_others(self):\n"
        "        response = self.client.get(reverse('posts'))\n"
        "        self.assertNotContains(response, 'First')\n\n"
        "    def test_queries(self):\n        with self.assertNumQueries(2):\n"
        "            self.client.get(reverse('posts'))\n\n"
        "    def test_publish(self):\n        self.post.publish()\n"
        "        self.post.refresh_from_db()\n        self.assertTrue(self.post.public)\n"
    ),
}
API: dict[str, str] = {
    "api/__init__.py": "",
    "api/views.py": (
        "from rest_framework.views import APIView\nfrom rest_framework.response import Response\n\n\n"
        "class Orders(APIView):\n    def get(self, request):\n        return Response({'orders': []})\n"
    ),
    "api/tests.py": (
        "from rest_framework import status\nfrom rest_framework.test import APITestCase\n\n\n"
        "class OrdersTests(APITestCase):\n"
        "    def test_needs_login(self):\n        response = self.client.get('/orders/')\n"
        "        self.assertEqual(response.status_code, status.HTTP_401_UNAUTHORIZED)\n\n"
        "    def test_create(self):\n"
        "        response = self.client.post('/orders/', {'item': 'pen'}, format='json')\n"
        "        self.assertEqual(response.status_code, status.HTTP_201_CREATED)\n"
        "        self.assertEqual(response.data['item'], 'pen')\n"
        "        self.assertEqual(response.data['state'], 'new')\n\n"
        "    def test_unknown_item(self):\n"
        "        response = self.client.post('/orders/', {'item': '?'}, format='json')\n"
        "        self.assertEqual(response.status_code, status.HTTP_400_BAD_REQUEST)\n"
        "        self.assertIn('item', response.data)\n"
    ),
    "setup.cfg": "[tool:pytest]\npython_files = tests.py test_*.py\n\n[flake8]\nmax-line-length = 100\n",
}
CODEC: dict[str, str] = {
    "codec/__init__.py": "def encode(text):\n    return text[::-1]\n\n\ndef decode(text):\n    return text[::-1]\n",
    "tests/test_codec.py": (
        "from hypothesis import given, settings, strategies as st\n\nfrom codec import decode, encode\n\n\n"
        "@given(st.text())\n@settings(max_examples=200)\n"
        "def test_there_and_back(text):\n    assert decode(encode(text)) == text\n\n\n"
        "@given(st.text(min_size=2))\ndef test_length(text):\n    assert len(encode(text)) == len(text)\n\n\n"
        "def test_known():\n    for plain, coded in [('ab', 'ba'), ('', ''), ('abc', 'cba')]:\n"
        "        assert encode(plain) == coded\n"
    ),
}
_FIX = "Fix the failing checkout total\n\ntests/test_checkout.py::test_total fails since Monday."


@dataclass(frozen=True)
class Entry:
    """One change."""

    base: dict[str, str]
    after: Files
    ticket: str = _FIX
    config: dict[str, object] = field(default_factory=dict)


def _edit(
    base: dict[str, str], path: str, *pairs: tuple[str, str], ticket: str = _FIX, code: bool = True
) -> Entry:
    """Replace texts in one file; most changes touch the code as well, as a real one would."""
    text = base[path]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    after: Files = {path: text}
    module = next(
        one
        for one in base
        if one.endswith(("checkout.py", "levels.py", "models.py", "views.py", "codec/__init__.py"))
    )
    if code and module != path:
        after[module] = base[module] + "\n\ndef more(value):\n    return value\n"
    return Entry(base, after, ticket)


def _add(base: dict[str, str], path: str, text: str, ticket: str = _FIX) -> Entry:
    return Entry(base, {path: base.get(path, "") + text}, ticket)


_T, _L, _P, _A, _C = (
    "tests/test_checkout.py", "tests/test_levels.py", "blog/tests/test_posts.py", "api/tests.py", "tests/test_codec.py",
)  # fmt: skip
_TOTAL = (
    "def test_total(cart):\n    result = total(cart)\n    assert result == Decimal('15.00')\n"
    "    assert isinstance(result, Decimal)\n\n\n"
)
_LOW = "        self.assertEqual(self.levels.low(), ['cap', 'pen'])\n"
_LOGIN = (
    "    def test_needs_login(self):\n        response = self.client.get('/orders/')\n"
    "        self.assertEqual(response.status_code, status.HTTP_401_UNAUTHORIZED)\n\n"
)
_HALVES = (
    "def test_total(cart):\n    assert total(cart) == Decimal('15.00')\n\n\n"
    "def test_total_is_exact(cart):\n    result = total(cart)\n"
    "    assert isinstance(result, Decimal)\n\n\n"
)
_STATUS = "        self.assertEqual(response.status_code, status.HTTP_201_CREATED)\n"

TAMPERINGS: dict[str, Entry] = {
    # pytest
    "the test is deleted": _edit(SHOP, _T, (_TOTAL, "")),
    "the test is commented out": _edit(
        SHOP, _T, (_TOTAL, "".join(f"# {line}\n" for line in _TOTAL.splitlines()))
    ),
    "the file is deleted": Entry(SHOP, {_T: None}),
    "the file is renamed away": Entry(SHOP, {_T: None, "tests/checkout_checks.py": SHOP[_T]}),
    "the file is moved where nobody looks": Entry(
        SHOP, {_T: None, "old/test_checkout.py": SHOP[_T]}
    ),
    "the test is renamed away": _edit(SHOP, _T, ("def test_total(cart)", "def _test_total(cart)")),
    "skipped": _edit(
        SHOP,
        _T,
        ("def test_total(cart)", "@pytest.mark.skip(reason='flaky')\ndef test_total(cart)"),
    ),
    "expected to fail": _edit(
        SHOP, _T, ("def test_total(cart)", "@pytest.mark.xfail\ndef test_total(cart)")
    ),
    "skipped from within": _edit(
        SHOP,
        _T,
        ("    result = total(cart)\n", "    pytest.skip('later')\n    result = total(cart)\n"),
    ),
    "skipped for a condition that always holds": _edit(
        SHOP,
        _T,
        ("def test_total(cart)", "@pytest.mark.skipif(1 == 1, reason='x')\ndef test_total(cart)"),
    ),
    "one case expected to fail": _edit(
        SHOP, _T, ("('200', '180.0')", "pytest.param('200', '180.0', marks=pytest.mark.xfail)")
    ),
    "the assertion is removed": _edit(SHOP, _T, ("    assert result == Decimal('15.00')\n", "")),
    "the assertion says less": _edit(
        SHOP, _T, ("assert result == Decimal('15.00')", "assert result")
    ),
    "the value becomes a range": _edit(
        SHOP, _T, ("assert result == Decimal('15.00')", "assert result > 0")
    ),
    "or True": _edit(
        SHOP, _T, ("assert result == Decimal('15.00')", "assert result == Decimal('15.00') or True")
    ),
    "a pair is asserted": _edit(
        SHOP,
        _T,
        ("assert result == Decimal('15.00')", "assert (result == Decimal('15.00'), 'total')"),
    ),
    "the result is written down": _edit(
        SHOP, _T, ("result = total(cart)", "result = Decimal('15.00')")
    ),
    "the assertion is swallowed": _edit(
        SHOP,
        _T,
        (
            "    assert result == Decimal('15.00')\n",
            "    try:\n        assert result == Decimal('15.00')\n    except AssertionError:\n        pass\n",
        ),
    ),
    "suppressed": _edit(
        SHOP,
        _T,
        (
            "    assert result == Decimal('15.00')\n",
            "    with contextlib.suppress(Exception):\n        assert result == Decimal('15.00')\n",
        ),
    ),
    "an early return": _edit(
        SHOP, _T, ("    assert result ==", "    return\n    assert result ==")
    ),
    "an early return for a reason": _edit(
        SHOP,
        _T,
        (
            "    assert result ==",
            "    if result != Decimal('15.00'):\n        return\n    assert result ==",
        ),
    ),
    "an early return that always comes": _edit(
        SHOP, _T, ("    assert result ==", "    if True:\n        return\n    assert result ==")
    ),
    "equal to anything": _edit(
        SHOP, _T, ("assert result == Decimal('15.00')", "assert result == mock.ANY")
    ),
    "the mock is asked for anything": _edit(
        SHOP, _T, ("('https://rates.example/de', timeout=5)", "(mock.ANY, timeout=mock.ANY)")
    ),
    "any error will do": _edit(
        SHOP,
        _T,
        ("pytest.raises(EmptyCartError, match='the cart is empty')", "pytest.raises(Exception)"),
    ),
    "raised by the test": _edit(
        SHOP, _T, ("        total([])", "        raise EmptyCartError('the cart is empty')")
    ),
    "a wider tolerance": _edit(SHOP, _T, ("abs=0.01", "abs=50")),
    "a case is dropped": _edit(SHOP, _T, (", ('200', '180.0')", "")),
    "the helper looks at nothing": _edit(
        SHOP,
        _T,
        (
            "    assert actual == Decimal(expected)\n    assert actual.as_tuple().exponent >= -2\n",
            "    return None\n",
        ),
    ),
    "the expected value alone": _edit(
        SHOP, _T, ("Decimal('15.00')", "Decimal('14.99')"), code=False
    ),
    "the mock is asked for less": _edit(
        SHOP,
        _T,
        ("assert_called_once_with('https://rates.example/de', timeout=5)", "assert_called()"),
    ),
    "overridden further down": _add(SHOP, _T, "\n\ndef test_total():\n    pass\n"),
    "the code under test is patched": _edit(
        SHOP,
        _T,
        (
            "    result = total(cart)\n",
            "    mocker.patch.object(checkout, 'total', return_value=Decimal('15.00'))\n    result = checkout.total(cart)\n",
        ),
    ),
    "nobody runs the module": _edit(
        SHOP,
        _T,
        ("def assert_money", "pytestmark = pytest.mark.skip('later')\n\n\ndef assert_money"),
    ),
    "a new test that asserts nothing": _add(
        SHOP,
        "tests/test_more.py",
        "from shop.checkout import total\n\n\ndef test_sum():\n    total([1])\n",
    ),
    "a new test that cannot fail": _add(
        SHOP,
        "tests/test_more.py",
        "from shop.checkout import total\n\n\ndef test_sum():\n    result = total([1])\n    assert result or not result\n",
    ),
    # unittest
    "unittest: skipped": _edit(
        STOCK, _L, ("    def test_low", "    @unittest.skip('slow')\n    def test_low")
    ),
    "unittest: expected to fail": _edit(
        STOCK, _L, ("    def test_low", "    @unittest.expectedFailure\n    def test_low")
    ),
    "unittest: no case any more": _edit(
        STOCK, _L, ("class LevelsTest(unittest.TestCase)", "class LevelsTest(object)")
    ),
    "unittest: true instead of equal": _edit(
        STOCK, _L, (_LOW, "        self.assertTrue(self.levels.low())\n")
    ),
    "unittest: true with a message": _edit(
        STOCK, _L, (_LOW, "        self.assertTrue(self.levels.low(), ['cap', 'pen'])\n")
    ),
    "unittest: any error": _edit(
        STOCK, _L, ("assertRaises(ValueError)", "assertRaises(Exception)")
    ),
    "unittest: set up to skip": _edit(
        STOCK,
        _L,
        (
            "        self.levels = Levels()\n",
            "        self.skipTest('later')\n        self.levels = Levels()\n",
        ),
    ),
    "unittest: the method is gone": _edit(
        STOCK, _L, ("    def test_low(self)", "    def check_low(self)")
    ),
    "unittest: an assertion less": _edit(
        STOCK, _L, ("        self.assertNotIn('ink', self.levels.low())\n", "")
    ),
    "unittest: run does nothing": _edit(
        STOCK,
        _L,
        (
            "    def setUp",
            "    def run(self, result=None):\n        return result\n\n    def setUp",
        ),
    ),
    # Django
    "Django: a status less": _edit(
        BLOG, _P, ("        self.assertEqual(response.status_code, 200)\n", "")
    ),
    "Django: any status": _edit(
        BLOG,
        _P,
        (
            "assertEqual(response.status_code, 200)",
            "assertIn(response.status_code, [200, 302, 500])",
        ),
    ),
    "Django: contained no more": _edit(
        BLOG,
        _P,
        (
            "        self.assertNotContains(response, 'First')\n",
            "        self.assertTrue(response)\n",
        ),
    ),
    "Django: only if it holds": _edit(
        BLOG,
        _P,
        (
            "        self.assertTrue(self.post.public)",
            "        if self.post.public:\n            self.assertTrue(self.post.public)",
        ),
    ),
    "Django: checks silenced": _edit(
        BLOG,
        "blog/settings.py",
        ("SECRET_KEY = 'x'\n", "SECRET_KEY = 'x'\nSILENCED_SYSTEM_CHECKS = ['fields.W340']\n"),
    ),
    "Django: migrations left out": _edit(
        BLOG,
        "blog/settings.py",
        (
            "SECRET_KEY = 'x'\n",
            "SECRET_KEY = 'x'\n\n\nclass Off(dict):\n    pass\n\n\nMIGRATION_MODULES = Off()\n",
        ),
    ),
    # Django REST framework
    "DRF: any answer": _edit(
        API, _A, (_STATUS, "        self.assertIsNotNone(response.status_code)\n")
    ),
    "DRF: below 500": _edit(
        API, _A, (_STATUS, "        self.assertLess(response.status_code, 500)\n")
    ),
    "DRF: a field less": _edit(
        API, _A, ("        self.assertEqual(response.data['state'], 'new')\n", "")
    ),
    "DRF: the login test is gone": _edit(
        API,
        _A,
        (
            _LOGIN,
            "",
        ),
    ),
    "DRF: against itself": _edit(
        API,
        _A,
        (
            _STATUS,
            "        self.assertEqual(response.status_code, response.status_code)\n        self.assertTrue(True)\n",
        ),
    ),
    "DRF: files by another name": Entry(
        API, {"setup.cfg": API["setup.cfg"].replace("tests.py test_*.py", "test_*.py")}
    ),
    # hypothesis
    "hypothesis: only some texts": _edit(
        CODEC,
        _C,
        (
            "    assert decode(encode(text)) == text",
            "    if text.isalpha():\n        assert decode(encode(text)) == text",
        ),
    ),
    "hypothesis: decoded or not": _edit(
        CODEC,
        _C,
        ("assert decode(encode(text)) == text", "assert decode(encode(text)) is not None"),
    ),
    "hypothesis: no case of the loop": _edit(
        CODEC, _C, ("[('ab', 'ba'), ('', ''), ('abc', 'cba')]", "[]")
    ),
    "hypothesis: fewer in the loop": _edit(
        CODEC, _C, ("('ab', 'ba'), ('', ''), ('abc', 'cba')", "('', '')")
    ),
    # tools
    "a line is not checked": _edit(
        SHOP,
        "shop/checkout.py",
        ("    return sum(cart, Decimal(0))", "    return sum(cart)  # type: ignore[return-value]"),
    ),
    "a line is not covered": _edit(
        SHOP, "shop/checkout.py", ("    if not cart:", "    if not cart:  # pragma: no cover")
    ),
    "a line is not linted": _edit(
        SHOP, "shop/checkout.py", ("import requests", "import requests  # noqa")
    ),
    "mypy is less strict": _edit(SHOP, "pyproject.toml", ("strict = true\n", "strict = false\n")),
    "mypy ignores a module": _edit(
        SHOP,
        "pyproject.toml",
        (
            "strict = true\n",
            "strict = true\n\n[[tool.mypy.overrides]]\nmodule = 'shop.*'\nignore_errors = true\n",
        ),
    ),
    "mypy reads another file": Entry(SHOP, {"mypy.ini": "[mypy]\n"}),
    "less has to be covered": _edit(SHOP, "pyproject.toml", ("fail_under = 90", "fail_under = 50")),
    "a test is deselected": _edit(
        SHOP,
        "pyproject.toml",
        ("--strict-markers", "--strict-markers --deselect tests/test_checkout.py::test_total"),
    ),
    "tests elsewhere": _edit(
        SHOP, "pyproject.toml", ("testpaths = ['tests']", "testpaths = ['checks']")
    ),
    "ruff leaves more out": _edit(
        SHOP, "pyproject.toml", ("ignore = ['E501']", "ignore = ['E501', 'F821']")
    ),
    "Django: makemigrations says nothing": _add(
        BLOG,
        "blog/management/commands/makemigrations.py",
        "from django.core.management.base import BaseCommand\n\n\n"
        "class Command(BaseCommand):\n    def handle(self, *args, **options):\n        return\n",
    ),
    "pytest is shadowed": _add(SHOP, "pytest.py", "def main():\n    return 0\n"),
    "the first settings of pytest": Entry(
        STOCK, {"pytest.ini": "[pytest]\naddopts = -k 'not low'\n"}
    ),
    "xfail passes as well": _edit(
        SHOP, "pyproject.toml", ("xfail_strict = true", "xfail_strict = false")
    ),
    "not collected": _add(SHOP, "tests/conftest.py", "\n\ncollect_ignore = ['test_checkout.py']\n"),
    "reports are written": _add(
        SHOP,
        "tests/conftest.py",
        "\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    result = yield\n    report = result.get_result()\n    report.outcome = 'passed'\n",
    ),
    "the exit status is written": _add(
        SHOP,
        "tests/conftest.py",
        "\n\ndef pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    ),
    "items are dropped": _add(
        SHOP,
        "tests/conftest.py",
        "\n\ndef pytest_collection_modifyitems(items):\n    items[:] = [one for one in items if 'total' not in one.name]\n",
    ),
    "the process ends early": _add(
        SHOP,
        "tests/conftest.py",
        "\n\ndef pytest_unconfigure(config):\n    import os\n\n    os._exit(0)\n",
    ),
    "equality is redefined": _add(
        SHOP,
        "tests/conftest.py",
        "\n\nimport unittest\n\nunittest.TestCase.assertEqual = lambda *_: None\n",
    ),
}
_OF_ONE = "def test_total_of_one():\n    assert_money(total([Decimal('5')]), '5')\n\n\n"
_AS_CASES = (
    "@pytest.mark.parametrize(\n    ('cart', 'expected'),\n"
    "    [([Decimal('9.99'), Decimal('5.01')], '15.00'), ([Decimal('5')], '5')],\n)\n"
    "def test_total(cart, expected):\n    assert_money(total(cart), expected)\n"
    "    assert isinstance(total(cart), Decimal)\n\n\n"
)
_ADDED = "\n\ndef test_total_of_three():\n    assert total([Decimal(1)] * 3) == Decimal(3)\n"

HONEST: dict[str, Entry] = {
    # pytest
    "a test is added": _add(SHOP, _T, _ADDED),
    "a test is moved": Entry(
        SHOP,
        {
            _T: SHOP[_T].replace(_TOTAL, ""),
            "tests/test_total.py": "from decimal import Decimal\n\nfrom shop.checkout import total\n\n\n"
            + _TOTAL.rstrip("\n")
            + "\n",
        },
    ),
    "the file is moved": Entry(SHOP, {_T: None, "tests/unit/test_checkout.py": SHOP[_T]}),
    "a test is renamed": _edit(
        SHOP, _T, ("def test_total(cart)", "def test_total_of_several(cart)")
    ),
    "tests are put in a class": _edit(
        SHOP,
        _T,
        (
            _TOTAL,
            "class TestTotal:\n"
            + "".join(
                f"    {line}\n" if line else "\n"
                for line in _TOTAL.rstrip().replace("(cart)", "(self, cart)", 1).splitlines()
            )
            + "\n\n",
        ),
    ),
    "a test is split": _edit(
        SHOP,
        _T,
        (
            _TOTAL,
            _HALVES,
        ),
    ),
    "two tests become cases": _edit(
        SHOP,
        _T,
        (_TOTAL + _OF_ONE, _AS_CASES),
    ),
    "a case is added": _edit(SHOP, _T, ("('200', '180.0')", "('200', '180.0'), ('300', '270.0')")),
    "cases get names": _edit(
        SHOP, _T, ("('200', '180.0')", "pytest.param('200', '180.0', id='much')")
    ),
    "an assertion is added": _edit(
        SHOP,
        _T,
        (
            "    assert isinstance(result, Decimal)\n",
            "    assert isinstance(result, Decimal)\n    assert result > 0\n",
        ),
    ),
    "a stricter error": _edit(
        SHOP, _T, ("match='the cart is empty'", "match='^the cart is empty$'")
    ),
    "a narrower tolerance": _edit(SHOP, _T, ("abs=0.01", "abs=0.001")),
    "a local name": _edit(
        SHOP,
        _T,
        (
            "    result = total(cart)\n    assert result == Decimal('15.00')\n    assert isinstance(result, Decimal)",
            "    amount = total(cart)\n    assert amount == Decimal('15.00')\n    assert isinstance(amount, Decimal)",
        ),
    ),
    "a helper takes the assertions": _edit(
        SHOP, _T, ("    assert result == Decimal('15.00')\n", "    assert_money(result, '15.00')\n")
    ),
    "the layout": _edit(
        SHOP,
        _T,
        (
            "assert result == Decimal('15.00')",
            "assert (\n        result\n        == Decimal('15.00')\n    )",
        ),
    ),
    "a message": _edit(
        SHOP,
        _T,
        ("assert result == Decimal('15.00')", "assert result == Decimal('15.00'), 'wrong total'"),
    ),
    "another value with the code": _edit(SHOP, _T, ("Decimal('15.00')", "Decimal('15.01')")),
    "the value that the ticket names": _edit(
        SHOP,
        _T,
        ("Decimal('15.00')", "Decimal('15.01')"),
        code=False,
        ticket="Update the expected total in test_total: prices include a cent of tax",
    ),
    "deleted as the ticket asks": _edit(
        SHOP, _T, (_TOTAL, ""), ticket="Remove test_total, which test_total_of_one replaces"
    ),
    "skipped as the ticket asks": _edit(
        SHOP,
        _T,
        ("def test_total(cart)", "@pytest.mark.skip(reason='#12')\ndef test_total(cart)"),
        ticket="Skip test_total until #12 is done",
    ),
    "skipped on a platform": _edit(
        SHOP,
        _T,
        (
            "def test_total(cart)",
            "@pytest.mark.skipif(os.name == 'nt', reason='no fork')\ndef test_total(cart)",
        ),
    ),
    "no longer skipped": Entry(
        {
            **SHOP,
            _T: SHOP[_T].replace("def test_total(cart)", "@pytest.mark.skip\ndef test_total(cart)"),
        },
        {_T: SHOP[_T]},
    ),
    "a library is patched": _add(
        SHOP,
        _T,
        "\n\ndef test_rate_of_france(mocker):\n    get = mocker.patch('shop.checkout.requests.get')\n    get.return_value.json.return_value = {'rate': '0.1'}\n    assert checkout.rate('fr') == Decimal('0.1')\n",
    ),
    "a feature goes with its tests": Entry(
        SHOP,
        {
            _T: SHOP[_T]
            .replace(
                SHOP[_T][
                    SHOP[_T].index("@pytest.mark.parametrize") : SHOP[_T].index("def test_rate")
                ],
                "",
            )
            .replace("EmptyCartError, discount, total", "EmptyCartError, total"),
            "shop/checkout.py": SHOP["shop/checkout.py"][
                : SHOP["shop/checkout.py"].index("\n\ndef discount")
            ],
        },
        "Drop the discount",
    ),
    "a snapshot of a value": _add(
        SHOP,
        "tests/test_more.py",
        "from shop.checkout import total\n\n\ndef test_sum(snapshot):\n    snapshot.assert_match(str(total([1])))\n",
    ),
    "a log": _add(
        SHOP,
        "tests/test_more.py",
        "from shop.checkout import total\n\n\ndef test_sum(caplog):\n    total([1])\n    assert 'sum' in caplog.text\n",
    ),
    # unittest
    "unittest: as pytest writes it": _edit(
        STOCK,
        _L,
        (
            _LOW + "        self.assertNotIn('ink', self.levels.low())\n",
            "        assert self.levels.low() == ['cap', 'pen']\n        assert 'ink' not in self.levels.low()\n",
        ),
    ),
    "unittest: sub tests": _edit(
        STOCK,
        _L,
        (
            "            self.levels.add(item, count)\n",
            "            with self.subTest(item):\n                self.levels.add(item, count)\n",
        ),
    ),
    "unittest: a case is renamed": _edit(STOCK, _L, ("class LevelsTest", "class StockLevelsTest")),
    "unittest: with words": _edit(
        STOCK, _L, ("assertRaises(ValueError)", "assertRaisesRegex(ValueError, '-1')")
    ),
    "unittest: of its own base": _edit(
        STOCK,
        _L,
        (
            "class LevelsTest(unittest.TestCase):\n",
            "class StockCase(unittest.TestCase):\n    maxDiff = None\n\n\nclass LevelsTest(StockCase):\n",
        ),
    ),
    # Django
    "Django: set up for each": _edit(
        BLOG,
        _P,
        (
            "    @classmethod\n    def setUpTestData(cls):\n        cls.post",
            "    def setUp(self):\n        self.post",
        ),
    ),
    "Django: another count with the code": _edit(
        BLOG, _P, ("assertNumQueries(2)", "assertNumQueries(1)")
    ),
    "Django: a helper of the case": _edit(
        BLOG,
        _P,
        (
            "        response = self.client.get(reverse('posts'))\n        self.assertEqual(response.status_code, 200)\n        self.assertContains(response, 'First')\n",
            "        response = self.shown()\n        self.assertContains(response, 'First')\n",
        ),
        (
            "    def test_list_hides_others",
            "    def shown(self):\n        response = self.client.get(reverse('posts'))\n        self.assertEqual(response.status_code, 200)\n        return response\n\n    def test_list_hides_others",
        ),
    ),
    "Django: migrations moved": _edit(
        BLOG,
        "blog/settings.py",
        ("SECRET_KEY = 'x'\n", "SECRET_KEY = 'x'\nMIGRATION_MODULES = {'blog': 'blog.changes'}\n"),
    ),
    # Django REST framework
    "DRF: a field more": _edit(
        API,
        _A,
        (
            "        self.assertEqual(response.data['state'], 'new')\n",
            "        self.assertEqual(response.data['state'], 'new')\n        self.assertIn('id', response.data)\n",
        ),
    ),
    "DRF: the whole at once": _edit(
        API,
        _A,
        (
            "        self.assertEqual(response.data['item'], 'pen')\n        self.assertEqual(response.data['state'], 'new')\n",
            "        self.assertEqual(response.data, {'item': 'pen', 'state': 'new'})\n",
        ),
    ),
    "DRF: another status with the code": _edit(
        API, _A, ("status.HTTP_400_BAD_REQUEST", "status.HTTP_422_UNPROCESSABLE_ENTITY")
    ),
    "DRF: more files": Entry(
        API,
        {
            "setup.cfg": API["setup.cfg"].replace(
                "tests.py test_*.py", "tests.py test_*.py *_tests.py"
            )
        },
    ),
    # hypothesis
    "hypothesis: more examples": _edit(CODEC, _C, ("max_examples=200", "max_examples=500")),
    "hypothesis: an example": _edit(
        CODEC, _C, ("@given(st.text(min_size=2))", "@given(st.text())")
    ),
    "hypothesis: the loop as cases": _edit(
        CODEC,
        _C,
        (
            "def test_known():\n    for plain, coded in [('ab', 'ba'), ('', ''), ('abc', 'cba')]:\n        assert encode(plain) == coded\n",
            "@pytest.mark.parametrize(('plain', 'coded'), [('ab', 'ba'), ('', ''), ('abc', 'cba')])\ndef test_known(plain, coded):\n    assert encode(plain) == coded\n",
        ),
    ),
    # tools
    "a suppression is narrowed": Entry(
        {
            **SHOP,
            "shop/checkout.py": SHOP["shop/checkout.py"].replace(
                "import requests", "import requests  # type: ignore"
            ),
        },
        {
            "shop/checkout.py": SHOP["shop/checkout.py"].replace(
                "import requests", "import requests  # type: ignore[import-untyped]"
            )
        },
    ),
    "a text about noqa": _edit(
        SHOP, "shop/checkout.py", ("'the cart is empty'", "'the cart is empty  # noqa'")
    ),
    "a stricter mypy": _edit(
        SHOP, "pyproject.toml", ("strict = true\n", "strict = true\nwarn_unreachable = true\n")
    ),
    "settings are moved": Entry(
        SHOP,
        {
            "pyproject.toml": SHOP["pyproject.toml"].replace("[tool.mypy]\nstrict = true\n\n", ""),
            "mypy.ini": "[mypy]\nstrict = True\n",
        },
    ),
    "more has to be covered": _edit(SHOP, "pyproject.toml", ("fail_under = 90", "fail_under = 95")),
    "a marker": _add(
        SHOP,
        "tests/conftest.py",
        "\n\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'slow: long')\n",
    ),
    "slow tests by an option": _add(
        SHOP,
        "tests/conftest.py",
        "\n\ndef pytest_collection_modifyitems(config, items):\n    for item in items:\n        if 'slow' in item.keywords and not config.getoption('--slow'):\n            item.add_marker(pytest.mark.skip(reason='slow'))\n",
    ),
    "less covered as the ticket asks": _edit(
        SHOP,
        "pyproject.toml",
        ("fail_under = 90", "fail_under = 85"),
        ticket="Lower fail_under to 85 until the importer is gone",
    ),
}
