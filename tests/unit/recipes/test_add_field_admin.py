"""The admin list: the right one is found, and only it changes."""

from __future__ import annotations

import pytest

from tests.unit.recipes.trees import SHOP, edited, form, questions

ADMIN = "from django.contrib import admin\n\nfrom .models import Customer, Shop\n\n\n"
REGISTERED = ADMIN + "@admin.register(Customer)\nclass CustomerAdmin(admin.ModelAdmin):\n"


def listed(before: str) -> str:
    """The file after the edit."""
    path = "shop/admin.py"
    after = edited(form(show_in_admin_list="Yes"), SHOP | {path: before})
    return after.get(path, before.encode()).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('("name", "email")', '("name", "email", "nickname")'),
        (
            '[\n        "name",  # who\n        "email"  # where\n    ]',
            '[\n        "name",  # who\n        "email",  # where\n        "nickname"\n    ]',
        ),
        (
            '("a_rather_long_name", "another_rather_long_name", "and_yet_one_more_of_them")',
            (
                '(\n        "a_rather_long_name",\n        "another_rather_long_name",\n'
                '        "and_yet_one_more_of_them",\n        "nickname",\n    )'
            ),
        ),
        ('("name", "nickname")', '("name", "nickname")'),
    ],
)
def test_the_list_keeps_its_shape(before: str, after: str) -> None:
    head = REGISTERED + "    list_display = "
    assert listed(f"{head}{before}\n") == f"{head}{after}\n"


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (REGISTERED + "    list_display = columns()\n", "works its list_display out"),
        (
            REGISTERED + "    def get_list_display(self, request):\n        return ()\n",
            "get_list_display()",
        ),
        (REGISTERED + "    pass\n", "has no list_display of its own"),
    ],
)
def test_what_the_admin_leaves_open_is_asked(text: str, about: str) -> None:
    (asked,) = questions(form(show_in_admin_list="Yes"), SHOP | {"shop/admin.py": text})
    assert about in asked
