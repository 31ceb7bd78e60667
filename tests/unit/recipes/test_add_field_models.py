"""A class is found by its name: apps by folder, `apps.py` and Meta; packages; sub-folders."""

from tests.unit.recipes.trees import app, form, project, resolve_parameters

MODELS = "from django.db import models\n\n\n"
BODY = "    a = models.TextField()\n"


def test_apps_by_folder_config_and_meta() -> None:
    model = MODELS + "class {}(models.Model):\n" + BODY
    config = "from django.apps import AppConfig\n\n\nclass Config(AppConfig):\n    name = '{}'\n"
    files = app("project/apps/shop", model.format("A")) | app("billing", model.format("B")) | {
        "billing/apps.py": config.format("billing") + "    label = 'money'\n",
        "billing/models.py": model.format("B")
        + "\n    class Meta:\n        app_label = 'project_shop'\n",
        "__init__.py": "",
        "billing/more/__init__.py": "",
        "billing/more/rows.py": model.format("C"),
        "project/apps/shop/apps.py": config.format("project.apps.shop")
        + "    label = 'project_shop'\n",
    }  # fmt: skip
    for label in ("project_shop.B", "money.C", "project_shop.A"):
        assert resolve_parameters(form(model=label), files).label == label


def test_packages_of_models_and_sub_folders() -> None:
    files = app("src/shop", "") | {
        "src/shop/models/__init__.py": "from .people import Customer\n",
        "src/shop/models/people.py": MODELS + "class Customer(models.Model):\n" + BODY,
        "src/shop/forms.py": "class Customer(Form):\n    pass\n",
        "src/shop/tests/test_x.py": "def test_x():\n    class Customer(Base): ...\n",
    }
    del files["src/shop/models.py"]
    detected = project(python_path=("", "src"))
    parameters = resolve_parameters(form(add_a_test="yes"), files, detected=detected)
    assert parameters.path == "src/shop/models/people.py"
    assert parameters.migrations == "src/shop/migrations"
    assert parameters.test is not None
    assert parameters.test.module == "shop.models.people"
