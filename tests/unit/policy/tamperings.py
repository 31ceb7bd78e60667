"""Ways to make red tests green without mending the code, and honest changes that look alike.

Data only: each entry is a base, the files after the change, and the ticket. Three suites, as real
projects have them: pytest, unittest, Django.
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
        "    return sum(cart, Decimal(0))\n"
    ),
    "tests/conftest.py": (
        "from decimal import Decimal\n\nimport pytest\n\n\n"
        "@pytest.fixture\ndef cart():\n    return [Decimal('9.99'), Decimal('5.01')]\n"
    ),
    "tests/test_checkout.py": (
        "from decimal import Decimal\n\nimport pytest\n\nfrom shop import checkout\n"
        "from shop.checkout import EmptyCartError, total\n\n\n"
        "def assert_money(actual, expected):\n"
        "    assert actual == Decimal(expected)\n    assert actual.as_tuple().exponent >= -2\n\n\n"
        "def test_total(cart):\n    result = total(cart)\n    assert result == Decimal('15.00')\n"
        "    assert isinstance(result, Decimal)\n\n\n"
        "def test_total_of_one():\n    assert_money(total([Decimal('5')]), '5')\n\n\n"
        "def test_empty_cart():\n"
        "    with pytest.raises(EmptyCartError, match='the cart is empty'):\n        total([])\n\n\n"
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
        "    def test_list_hides_others(self):\n"
        "        response = self.client.get(reverse('posts'))\n"
        "        self.assertNotContains(response, 'First')\n\n"
        "    def test_publish(self):\n        self.post.publish()\n"
        "        self.post.refresh_from_db()\n        self.assertTrue(self.post.public)\n"
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
    module = next(one for one in base if one.endswith(("/checkout.py", "levels.py", "models.py")))
    if code and module != path:
        after[module] = base[module] + "\n\ndef more(value):\n    return value\n"
    return Entry(base, after, ticket)


def _add(base: dict[str, str], path: str, text: str, ticket: str = _FIX) -> Entry:
    return Entry(base, {path: base.get(path, "") + text}, ticket)


_T, _L, _P = "tests/test_checkout.py", "tests/test_levels.py", "blog/tests/test_posts.py"
_TOTAL = (
    "def test_total(cart):\n    result = total(cart)\n    assert result == Decimal('15.00')\n"
    "    assert isinstance(result, Decimal)\n\n\n"
)
_LOW = "        self.assertEqual(self.levels.low(), ['cap', 'pen'])\n"

TAMPERINGS: dict[str, Entry] = {
    "the test is deleted": _edit(SHOP, _T, (_TOTAL, "")),
    "the file is renamed away": Entry(SHOP, {_T: None, "tests/checkout_checks.py": SHOP[_T]}),
    "skipped for a condition that always holds": _edit(
        SHOP,
        _T,
        ("def test_total(cart)", "@pytest.mark.skipif(1 == 1, reason='x')\ndef test_total(cart)"),
    ),
    "the value becomes a range": _edit(
        SHOP, _T, ("assert result == Decimal('15.00')", "assert result > 0")
    ),
    "suppressed": _edit(
        SHOP,
        _T,
        (
            "    assert result == Decimal('15.00')\n",
            "    with contextlib.suppress(Exception):\n        assert result == Decimal('15.00')\n",
        ),
    ),
    "the expected value alone": _edit(
        SHOP, _T, ("Decimal('15.00')", "Decimal('14.99')"), code=False
    ),
    "the code under test is patched": _edit(
        SHOP,
        _T,
        (
            "    result = total(cart)\n",
            "    mocker.patch.object(checkout, 'total', return_value=Decimal('15.00'))\n    result = checkout.total(cart)\n",
        ),
    ),
    "a new test that cannot fail": _add(
        SHOP,
        "tests/test_more.py",
        "from shop.checkout import total\n\n\ndef test_sum():\n    result = total([1])\n    assert result or not result\n",
    ),
    "unittest: true with a message": _edit(
        STOCK, _L, (_LOW, "        self.assertTrue(self.levels.low(), ['cap', 'pen'])\n")
    ),
    "Django: only if it holds": _edit(
        BLOG,
        _P,
        (
            "        self.assertTrue(self.post.public)",
            "        if self.post.public:\n            self.assertTrue(self.post.public)",
        ),
    ),
    "a test is deselected": _edit(
        SHOP,
        "pyproject.toml",
        ("--strict-markers", "--strict-markers --deselect tests/test_checkout.py::test_total"),
    ),
    "reports are written": _add(
        SHOP,
        "tests/conftest.py",
        "\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    result = yield\n    report = result.get_result()\n    report.outcome = 'passed'\n",
    ),
}
_OF_ONE = "def test_total_of_one():\n    assert_money(total([Decimal('5')]), '5')\n\n\n"
_AS_CASES = (
    "@pytest.mark.parametrize(\n    ('cart', 'expected'),\n"
    "    [([Decimal('9.99'), Decimal('5.01')], '15.00'), ([Decimal('5')], '5')],\n)\n"
    "def test_total(cart, expected):\n    assert_money(total(cart), expected)\n"
    "    assert isinstance(total(cart), Decimal)\n\n\n"
)

HONEST: dict[str, Entry] = {
    "two tests become cases": _edit(
        SHOP,
        _T,
        (_TOTAL + _OF_ONE, _AS_CASES),
    ),
    "another value with the code": _edit(SHOP, _T, ("Decimal('15.00')", "Decimal('15.01')")),
    "deleted as the ticket asks": _edit(
        SHOP, _T, (_TOTAL, ""), ticket="Remove test_total, which test_total_of_one replaces"
    ),
    "a library is patched": _add(
        SHOP,
        _T,
        "\n\ndef test_rate_of_france(mocker):\n    get = mocker.patch('shop.checkout.requests.get')\n    get.return_value.json.return_value = {'rate': '0.1'}\n    assert checkout.rate('fr') == Decimal('0.1')\n",
    ),
    "unittest: as pytest writes it": _edit(
        STOCK,
        _L,
        (
            _LOW + "        self.assertNotIn('ink', self.levels.low())\n",
            "        assert self.levels.low() == ['cap', 'pen']\n        assert 'ink' not in self.levels.low()\n",
        ),
    ),
    "settings are moved": Entry(
        SHOP,
        {
            "pyproject.toml": SHOP["pyproject.toml"].replace("[tool.mypy]\nstrict = true\n\n", ""),
            "mypy.ini": "[mypy]\nstrict = True\n",
        },
    ),
}
