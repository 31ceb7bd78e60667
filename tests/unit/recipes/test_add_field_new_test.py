"""The test that is written: in the repository's style, in its place, and with meaning."""

from __future__ import annotations

import re

import pytest

from tests.unit.recipes.trees import SHOP, edited, form, project, questions, settle

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
        "from django.db import models\n\nfrom shop.models import Customer\n\n\n"
        "def test_customer_has_nickname():\n"
        '    field = Customer._meta.get_field("nickname")\n\n'
        "    assert isinstance(field, models.CharField)\n"
        "    assert field.max_length == 50\n"
        "    assert field.blank is True\n"
        "    assert field.null is False\n"
    )


def test_a_single_module_of_tests_is_appended_to() -> None:
    before = (
        "from django.test import TestCase\n\nfrom .models import Shop\n\n\nclass A(TestCase):\n"
    )
    before += "    def test_a(self):\n        self.assertTrue(Shop)\n"
    files = SHOP | {"shop/tests.py": before}
    settled = settle(form(add_a_test="yes"), files, detected=project("django"))
    assert settled.test is not None
    assert settled.test.append
    after = written("shop/tests.py", files, "django")
    assert after.startswith(
        "from django.db import models\nfrom django.test import TestCase\n\n"
        "from .models import Customer, Shop\n\n\nclass A(TestCase):\n    def test_a(self):\n"
        "        self.assertTrue(Shop)\n\n\nclass CustomerNicknameTests(TestCase):\n"
    )


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


def test_options_are_checked_one_by_one() -> None:
    files = SIMPLE | {"shop/test_a.py": FUNCTIONS}
    options = "max_length=1, choices=[('a', 'A')], default='a', unique=False, help_text='x'"
    text = written("shop/test_customer_nickname.py", files, options=options)
    assert '    assert field.default == "a"\n' in text
    assert '    assert field.help_text == "x"\n' in text
    relation = written(
        "shop/test_customer_nickname.py",
        files,
        field_type="ForeignKey",
        options="to=Customer, on_delete=CASCADE, null=True, related_name='friends'",
    )
    assert '    assert field.remote_field.model._meta.label == "shop.Customer"\n' in relation
    assert "    assert field.remote_field.on_delete is models.CASCADE\n" in relation
    assert '    assert field.remote_field.related_name == "friends"\n' in relation


@pytest.mark.parametrize(
    ("taken", "chosen"),
    [
        (["elsewhere/Test_Customer_Nickname.py"], "shop/tests/test_customer_nickname_field.py"),
    ],
)  # fmt: skip
def test_where_the_name_of_the_file_is_taken_another_is_chosen(taken, chosen) -> None:
    files = SIMPLE | {"shop/tests/__init__.py": "", "shop/tests/test_a.py": FUNCTIONS}
    files |= dict.fromkeys(taken, FUNCTIONS)
    after = edited(form(add_a_test="yes"), files, detected=project("pytest"))
    assert b"def test_customer_has_nickname():" in after[chosen]
    assert not set(taken) & set(after)


@pytest.mark.parametrize(
    "line",
    [
        "Customer = load_model('shop', 'Customer')",
    ],
)
def test_a_file_that_uses_a_needed_name_for_something_else_gets_a_new_one_beside_it(line) -> None:
    files = SIMPLE | {"shop/tests.py": f"{line}\n\n\nclass OneTests(object):\n    pass\n"}
    after = edited(form(add_a_test="yes"), files, detected=project("django"))
    assert "shop/tests.py" not in after
    text = after["shop/test_customer_nickname.py"].decode()
    assert "from shop.models import Customer\n" in text
    assert "class CustomerNicknameTests(TestCase):" in text


@pytest.mark.parametrize(
    ("before", "names"),
    [
        (
            FUNCTIONS + "\n\ndef test_customer_has_nickname():\n    pass\n",
            ["def test_customer_has_nickname_field():"],
        ),
    ],
)
def test_a_test_never_takes_a_name_that_the_file_has(before, names) -> None:
    text = written("shop/tests.py", SIMPLE | {"shop/tests.py": before})
    assert before.rpartition("\n\n\n")[2] in text
    for name in names:
        assert text.count(name) == 1
    defined = re.findall(r"^(?:def|class) (\w+)", text, re.MULTILINE)
    assert len(defined) == len(set(defined))


def test_a_repository_without_tests_is_asked_about() -> None:
    (asked,) = questions(form(add_a_test="yes"), SHOP)
    assert "test" in asked
