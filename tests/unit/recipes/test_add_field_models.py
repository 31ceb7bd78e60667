"""A class is found by its name and that of its app: packages, sub-folders."""

from tests.unit.recipes.trees import app, form, project, resolve_parameters

MODELS = "from django.db import models\n\n\n"
BODY = "    a = models.TextField()\n"


def test_an_app_is_known_by_its_folder() -> None:
    model = MODELS + "class {}(models.Model):\n" + BODY
    files = app("project/apps/shop", model.format("A")) | app("billing", model.format("B")) | {
        "__init__.py": "",
        "billing/more/__init__.py": "",
        "billing/more/rows.py": model.format("C"),
    }  # fmt: skip
    for label in ("billing.C", "billing.B", "shop.A"):
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
