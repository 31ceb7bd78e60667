"""What a ticket leaves open is said at once, with its place; what cannot be is refused."""

import pytest

from agent.errors import RequestRefused
from agent.models.record import replace
from repo_config.detect import Project
from tests.unit.recipes.trees import (
    SHOP,
    app,
    form,
    models_file,
    project,
    questions,
    resolve_parameters,
)

MODELS = "from django.db import models\n\n\n"


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ({"options": "max_length=50"}, "xisting rows need a value"),
        ({"options": "max_length=50, blank=False, null=False"}, "xisting rows need a value"),
        ({"options": "max_length=5, default=code"}, "`code` is not known in shop/models.py"),
        ({"options": "max_length=50, max_length=5"}, "given twice"),
        ({"options": "max_length=5", "default_for_existing_rows": "n/a"}, "`n / a` is not"),
        ({"options": "max_length=5", "default_for_existing_rows": "a b"}, "text needs quotes"),
        ({"field_type": "ForeignKey", "options": "Lead, null=True"}, "`Lead` is not known"),
    ],
)
def test_type_options_and_defaults(facts: dict[str, str], about: str) -> None:
    assert about in " ".join(questions(form(**facts)))


@pytest.mark.parametrize("name", ["nick__name", "pk", "id"])
def test_names_that_no_field_may_have(name: str) -> None:
    (asked,) = questions(form(field_name=name))
    assert f"`{name}`" in asked


CLASHES = models_file(
    """class Named:
    def label(self):
        return ""


class Base(models.Model):
    code = models.TextField()

    class Meta:
        abstract = True


class Customer(Base, Named):
    def full(self):
        return ""


class Gold(Customer):
    rank = models.IntegerField(default=0)
"""
)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("code", "Base (shop/models.py:9)"),
        ("rank", "Gold (shop/models.py:21)"),
        ("full", "Customer (shop/models.py:16)"),
    ],
)
def test_names_that_are_taken_say_where(name: str, where: str) -> None:
    (asked,) = questions(form(field_name=name), CLASHES)
    assert where in asked


def test_models_of_one_name_are_told_apart_by_their_app() -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    (asked,) = questions(form(model="Customer"), files)
    assert "crm.Customer (crm/models.py:4), shop.Customer (shop/models.py:8)" in asked
    for named in ("crm.Customer", "crm.models.Customer"):
        assert resolve_parameters(form(model=named), files).app_label == "crm"


def refusal(model: str, files: dict[str, str], detected: Project | None = None) -> str:
    with pytest.raises(RequestRefused) as raised:
        resolve_parameters(form(model=model), files, detected=detected)
    return raised.value.message


def test_models_without_a_table_of_their_own_are_refused() -> None:
    files = models_file(
        "class Shop(models.Model):\n    a = models.TextField()\n\n\n"
        "class Seller(Shop):\n    class Meta:\n        proxy = True\n\n\n"
        "class View(models.Model):\n    a = models.TextField()\n\n"
        "    class Meta:\n        managed = False\n"
    )
    assert "shop.Seller (shop/models.py:8) is a proxy model" in refusal("Seller", files)
    assert "shop.View (shop/models.py:13) is unmanaged" in refusal("View", files)
    abstract = refusal("Base", CLASHES)
    assert "is abstract" in abstract
    assert "Ask for the field on shop.Customer or shop.Gold." in abstract


def test_a_repository_in_which_django_cannot_start_is_refused() -> None:
    assert "No settings module was found" in refusal("Customer", SHOP, project(settings=None))
    plain = replace(project(), django=None, framework="none")
    assert "not a Django project" in refusal("Customer", SHOP, plain)
