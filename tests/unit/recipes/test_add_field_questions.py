"""What a ticket leaves open is said at once, with its place; what cannot be is refused."""

import pytest

from agent.errors import RequestRefused
from agent.models.record import replace
from repo_config.detect import Project
from tests.unit.recipes.trees import SHOP, app, form, project, questions, resolve_parameters

MODELS = "from django.db import models\n\n\n"


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ({"options": "max_length=50"}, "xisting rows need a value"),
        ({"options": "max_length=50, blank=False, null=False"}, "xisting rows need a value"),
        ({"options": "max_length=5, default=code"}, "`code` is not known in shop/models.py"),
        ({"options": "max_length=50, max_length=5"}, "given twice"),
        ({"field_type": "ForeignKey", "options": "Lead, null=True"}, "`Lead` is not known"),
    ],
)
def test_type_options_and_defaults(facts: dict[str, str], about: str) -> None:
    assert about in " ".join(questions(form(**facts)))


def test_a_name_that_the_class_has_says_where() -> None:
    (asked,) = questions(form(field_name="email"))
    assert "`email` is taken by shop.Customer (shop/models.py:8)" in asked


def test_models_of_one_name_are_told_apart_by_their_app() -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    (asked,) = questions(form(model="Customer"), files)
    assert "crm.Customer (crm/models.py:4), shop.Customer (shop/models.py:8)" in asked
    for named in ("crm.Customer", "crm.models.Customer"):
        assert resolve_parameters(form(model=named), files).app_label == "crm"


@pytest.mark.parametrize(
    ("detected", "about"),
    [
        (project(settings=None), "No settings module was found"),
        (replace(project(), django=None, framework="none"), "not a Django project"),
    ],
)
def test_a_repository_in_which_django_cannot_start_is_refused(
    detected: Project, about: str
) -> None:
    with pytest.raises(RequestRefused, match=about):
        resolve_parameters(form(), detected=detected)
