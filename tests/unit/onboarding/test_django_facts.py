"""The ways of a Django project that are counted: views."""

from __future__ import annotations

import pytest

from agent.onboarding import django_facts
from agent.onboarding.facts import Evidence

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)
SITE = {"manage.py": MANAGE, "site/settings.py": "INSTALLED_APPS = []\n"}


def counted(made) -> dict[str, tuple[object, bool]]:
    return {one.key: (one.value, one.sure) for one in django_facts.counted(Evidence(made))}


def test_without_django_nothing_is_counted(tree):
    assert counted(tree({"app/views.py": "def a(request): ...\n" * 3})) == {}


@pytest.mark.parametrize(
    ("views", "value"),
    [
        ("def {}(request):\n    pass\n", "function"),
        ("class {}(generic.ListView):\n    pass\n", "class"),
        ("def _{}(request):\n    pass\n", None),
    ],
)
def test_views_of_one_kind(tree, views, value):
    text = "".join(views.format(f"one{number}") for number in range(5))
    found = counted(tree(SITE | {"shop/views.py": text}))
    assert found.get("django.views") == ((value, True) if value else None)


def test_views_of_both_kinds_leave_it_open(tree):
    text = "def a(request): ...\ndef b(request): ...\ndef c(request): ...\nclass D(View): ...\n"
    assert "django.views" not in counted(tree(SITE | {"shop/views.py": text}))
