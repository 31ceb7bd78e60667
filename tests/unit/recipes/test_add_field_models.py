"""Models are found in code as Django would find them: apps, packages, aliases, inheritance."""

import pytest

from agent.recipes.add_field.models_index import ModelsIndex
from tests.unit.recipes.trees import (
    DictTree,
    app,
    form,
    project,
    resolve_parameters,
)

MODELS = "from django.db import models\n\n\n"
BODY = "    a = models.TextField()\n"


def labels(files: dict[str, str], *python_path: str) -> list[str]:
    return [model.label for model in ModelsIndex(DictTree(files), python_path).models]


def test_apps_by_folder_config_and_meta() -> None:
    model = MODELS + "class {}(models.Model):\n" + BODY
    files = (
        app("project/apps/shop", model.format("A"))
        | app("billing", model.format("B"))
        | {
            "billing/apps.py": "from django.apps import AppConfig\n\n\nclass C(AppConfig):\n"
            "    name = 'billing'\n    label = 'money'\n",
            "billing/models.py": model.format("B")
            + "\n    class Meta:\n        app_label = 'project_shop'\n",
            "__init__.py": "",
            "billing/more/__init__.py": "",
            "billing/more/rows.py": model.format("C"),
            "project/apps/shop/apps.py": "from django.apps import AppConfig\n\n\n"
            "class C(AppConfig):\n    name = 'project.apps.shop'\n    label = 'project_shop'\n",
        }
    )
    assert labels(files) == ["project_shop.B", "money.C", "project_shop.A"]


def test_packages_of_models_and_sub_folders() -> None:
    files = app("src/shop", "") | {
        "src/shop/models/__init__.py": "from .people import Customer\n",
        "src/shop/models/people.py": MODELS + "class Customer(models.Model):\n" + BODY,
    }
    del files["src/shop/models.py"]
    assert labels(files, "src") == ["shop.Customer"]
    body = form(add_a_test="yes")
    files["src/shop/tests/test_x.py"] = "def test_x():\n    pass\n"
    settled = resolve_parameters(body, files, detected=project(python_path=("", "src")))
    assert settled.path == "src/shop/models/people.py"
    assert settled.migrations == "src/shop/migrations"
    assert settled.test is not None
    assert settled.test.module == "shop.models.people"


def test_models_of_packages_are_known_by_their_names_or_their_fields() -> None:
    head = "from django import forms\nfrom django.db import models\nfrom mptt.models import MPTTModel\n"
    files = app(
        "shop",
        f"{head}from tree import Node\n\n\nclass A(MPTTModel):\n    pass\n\n\n"
        f"class B(Node):\n{BODY}\n\nclass C(Node):\n    pass\n\n\n"
        "class D(models.TextChoices):\n    X = 'x'\n\n\nclass E(models.Manager):\n    pass\n\n\n"
        "class F(forms.Form):\n    x = forms.CharField()\n",
    )
    assert labels(files) == ["shop.A", "shop.B"]


@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("from django.db import models as m\n", "m.Model"),
        ("from .reexport import *\n", "Basis"),
        ("from six import with_metaclass\nfrom .basis import Basis\n", "with_metaclass(M, Basis)"),
    ],
)
def test_bases_are_followed_through_imports(head: str, base: str) -> None:
    files = app("shop", f"{head}\n\nclass Customer({base}):\n    class Meta:\n        pass\n") | {
        "shop/basis.py": MODELS + "class Basis(models.Model):\n    class Meta:\n"
        "        abstract = True\n",
        "shop/reexport.py": "from shop.basis import Basis\n",
    }
    assert "shop.Customer" in labels(files)
