"""The admin list: the one class that has it is found, and only it changes."""

import pytest

from tests.unit.recipes.trees import SHOP, edited, form, questions

ADMIN = "from django.contrib import admin\n\nfrom .models import Customer, Shop\n\n\n"
REGISTERED = ADMIN + "@admin.register(Customer)\nclass CustomerAdmin(admin.ModelAdmin):\n"
CALLED = (
    ADMIN + "class CustomerAdmin(admin.ModelAdmin):\n    list_display = {}\n\n\n"
    "class ShopAdmin(admin.ModelAdmin):\n    list_display = ()\n\n\n"
    "if True:\n    admin.site.register(Customer, CustomerAdmin)\n"
    "admin.site.register(Shop, ShopAdmin)\n"
)


def listed(before: str) -> str:
    """The file after the edit."""
    path = "shop/admin.py"
    return edited(form(show_in_admin_list="Yes"), SHOP | {path: before})[path].decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('("name", "email")', '("name", "email", "nickname")'),
        ('("name",)', '("name", "nickname")'),
        (
            '[\n        "name",  # who\n        "email"  # where\n    ]',
            '[\n        "name",  # who\n        "email",  # where\n        "nickname",\n    ]',
        ),
        (
            '("a_rather_long_name", "another_rather_long_name", "yet_one_more")',
            (
                '(\n        "a_rather_long_name",\n        "another_rather_long_name",\n'
                '        "yet_one_more",\n        "nickname",\n    )'
            ),
        ),
    ],
)
def test_the_list_keeps_its_shape(before: str, after: str) -> None:
    head = REGISTERED + "    list_display = "
    assert listed(f"{head}{before}\n") == f"{head}{after}\n"


def test_a_class_that_a_call_registers_is_found() -> None:
    assert listed(CALLED.format('("name",)')) == CALLED.format('("name", "nickname")')


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (REGISTERED + "    list_display = columns()\n", "no literal list_display"),
        (REGISTERED + "    pass\n", "no literal list_display"),
        (REGISTERED + '    list_display = ("nickname",)\n', "already lists nickname"),
        (ADMIN, "has none in its app"),
        (
            f"{REGISTERED}    pass\n\n\n@site.register(Customer)\nclass Other(CustomerAdmin): ...\n",
            "has CustomerAdmin (shop/admin.py:7), Other (shop/admin.py:12)",
        ),
    ],
)
def test_what_the_admin_leaves_open_is_asked(text: str, about: str) -> None:
    (asked,) = questions(form(show_in_admin_list="Yes"), SHOP | {"shop/admin.py": text})
    assert about in asked
