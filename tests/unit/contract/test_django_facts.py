"""The ways of a Django project that are counted: views, managers."""

from __future__ import annotations

import pytest

from agent.contract import django_facts
from agent.contract.facts import Evidence

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)
SITE = {"manage.py": MANAGE, "site/settings.py": "INSTALLED_APPS = []\n"}
MODELS = "from django.db import models\n" + "".join(
    f"class M{number}(models.Model):\n    pass\n" for number in range(3)
)


def counted(made) -> dict[str, tuple[object, bool]]:
    return {one.key: (one.value, one.sure) for one in django_facts.counted(Evidence(made))}


def test_without_django_nothing_is_counted(tree):
    assert counted(tree({"app/models.py": MODELS})) == {}


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


def test_the_manager_that_the_code_goes_by(tree):
    models = (
        "from django.db import models\nclass Order(models.Model):\n"
        "    objects = models.Manager()\n    active = ActiveManager()\n"
    )
    uses = "from .models import Order\n" + "Order.active.all()\n" * 5
    files = SITE | {"shop/models.py": models, "shop/use.py": uses}
    assert counted(tree(files))["django.managers"] == ({"Order": "active"}, True)
    both = uses + "Order.objects.all()\n" * 2
    assert "django.managers" not in counted(tree(files | {"shop/use.py": both}))
