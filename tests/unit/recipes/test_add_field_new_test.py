"""The test that is written: in the repository's style, in its place, and with meaning."""

import pytest

from tests.unit.recipes.trees import SHOP, edited, form, project

FUNCTIONS = "import pytest\n\n\n@pytest.mark.django_db\ndef test_one():\n    assert True\n"
SIMPLE = SHOP | {
    "shop/models.py": "from django.db import models\n\n\nclass Customer(models.Model):\n"
    "    name = models.CharField(max_length=100)\n"
}


def written(path: str, files: dict[str, str], runner: str = "pytest", **facts: str) -> str:
    after = edited(form(add_a_test="yes", **facts), files, detected=project(runner))
    return after[path].decode()


def test_functions_where_the_app_has_functions() -> None:
    files = SIMPLE | {"shop/tests/__init__.py": "", "shop/tests/test_a.py": FUNCTIONS}
    assert written("shop/tests/test_customer_nickname.py", files) == (
        "from shop.models import Customer\n\n\n"
        "def test_customer_has_nickname() -> None:\n"
        '    field = Customer._meta.get_field("nickname")\n\n'
        '    assert type(field).__name__ == "CharField"\n'
    )


def test_a_method_where_djangos_own_runner_runs_the_tests() -> None:
    files = SHOP | {"shop/tests.py": "from django.test import TestCase\n"}
    text = written("shop/test_customer_nickname.py", files, "django")
    assert text.startswith(
        "from django.test import SimpleTestCase\n\nfrom shop.models import Customer\n\n\nclass CustomerNicknameTests(SimpleTestCase):\n"
        "    def test_customer_has_nickname(self) -> None:\n"
    )
    assert text.endswith('        self.assertEqual(type(field).__name__, "CharField")\n')


@pytest.mark.parametrize(
    ("siblings", "path"),
    [
        ({"shop/test_a.py": FUNCTIONS}, "shop/test_customer_nickname.py"),
        (
            {"tests/shop/test_a.py": FUNCTIONS, "tests/crm/test_b.py": FUNCTIONS},
            "tests/shop/test_customer_nickname.py",
        ),
    ],
)
def test_the_file_goes_beside_its_like(siblings: dict[str, str], path: str) -> None:
    assert path in edited(form(add_a_test="yes"), SHOP | siblings)
