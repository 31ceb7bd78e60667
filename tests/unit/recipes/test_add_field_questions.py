"""What a ticket leaves open is asked, all at once, with its place; what cannot be is refused."""

from __future__ import annotations

import pytest

from agent.errors import RequestRefused, TicketUnclear
from repo_config.detect import Project
from tests.unit.recipes.trees import SHOP, app, form, models_file, project, questions, settle

MODELS = "from django.db import models\n\n\n"


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ({"options": "null=True"}, "max_length"),
        ({"field_type": "ForeignKey", "options": "to=Shop, null=True"}, "on_delete"),
        ({"options": "max_length=50"}, "existing rows"),
        ({"options": "max_length='fifty', null=True"}, "`max_length='fifty'`"),
        ({"options": "max_length=5, null=True, primary_key=True"}, "`primary_key`"),
        ({"options": "max_length=3, default='long'"}, "max_length=3"),
        ({"field_type": "JSONField", "options": "default={'a': 1}"}, "shared by all rows"),
        (
            {"options": "max_length=5, unique=True", "default_for_existing_rows": "x"},
            "unique",
        ),
    ],
)
def test_type_options_and_defaults(facts: dict[str, str], about: str) -> None:
    (asked,) = questions(form(**facts))
    assert about in asked


@pytest.mark.parametrize("name", ["class", "nick__name", "pk", "id", "save", "nick, age"])
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


class Person(Base, Named):
    found = models.Manager()
    town = models.ForeignKey("Town", on_delete=models.CASCADE)
    kind = models.CharField(max_length=1, choices=[("a", "A")])

    def full(self):
        return ""


class Customer(Person):
    points = models.IntegerField(default=0)


class Gold(Customer):
    rank = models.IntegerField(default=0)


class Town(models.Model):
    mayor = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="ruled")
    guests = models.ManyToManyField("shop.Customer")
"""
)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("code", "a field of Base (shop/models.py:10)"),
        ("town_id", "the column of a relation of Person (shop/models.py:18)"),
        ("rank", "a field of Gold (shop/models.py:30)"),
        ("town_set", "Town.guests (shop/models.py:35)"),
    ],
)
def test_names_that_are_taken_say_where(name: str, where: str) -> None:
    (asked,) = questions(form(field_name=name), CLASHES)
    assert where in asked


def test_reverse_names_are_asked_for() -> None:
    facts = {"field_type": "ForeignKey", "options": "to=Customer, on_delete=CASCADE, null=True"}
    (asked,) = questions(form(model="Town", field_name="judge", **facts), CLASHES)
    assert "`town_set`" in asked
    assert "Town.guests (shop/models.py:35)" in asked
    facts["options"] += ", related_name='points'"
    (asked,) = questions(form(model="Town", field_name="judge", **facts), CLASHES)
    assert "Customer.points (shop/models.py:26)" in asked
    facts["options"] = facts["options"].replace("points", "judged")
    assert settle(form(model="Town", field_name="judge", **facts), CLASHES).field.target == (
        "shop.Customer"
    )


@pytest.mark.parametrize(
    ("model", "about"),
    [
        ("shop.Custmer", "Nearest: shop.Customer"),
        ("Customer", "crm.Customer (crm/models.py:4), shop.Customer (shop/models.py:8)"),
    ],
)
def test_models(model: str, about: str) -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    (asked,) = questions(form(model=model), files)
    assert about in asked


def test_the_app_tells_models_of_one_name_apart() -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    for named in ("crm.Customer", "crm.models.Customer", "crm.customer"):
        assert settle(form(model=named), files).app_label == "crm"
    assert settle(form(model="Customer", app="crm"), files).app_label == "crm"
    (asked,) = questions(form(model="Customer", app="hr"), files)
    assert "app hr" in asked


def test_contradictions_name_both_places() -> None:
    body = form() + "\n\nAdd a TextField `nickname` to `Shop`, max length 60.\n"
    asked = questions(body)
    assert len(asked) == 3
    for one in asked:
        assert "(the heading “" in one
        assert "(“Add a TextField `nickname` to `Shop`, max length 60.”)" in one


def test_everything_is_asked_at_once() -> None:
    asked = questions("### Model\n\nShp\n\n### Field type\n\nText\n\n### Test\n\nperhaps\n")
    for one, about in zip(asked, ("perhaps", "shop.Shop", "called", "TextField"), strict=True):
        assert about in one
    assert len(questions("Please add a field.", title="")) == 3
    assert len(questions(" \n", title=" ")) == 1


def test_text_is_data_and_never_code() -> None:
    for options in (
        "max_length=50, default=__import__('os').system('true')",
        "max_length=50, default=open('/etc/passwd').read()",
        "max_length=50, default=[x for x in ()]",
        "max_length=50, default=f'{1}'",
        "max_length=9**9**9",
    ):
        with pytest.raises(TicketUnclear):
            settle(form(options=options))


def refusal(model: str, files: dict[str, str], detected: Project | None = None) -> str:
    with pytest.raises(RequestRefused) as raised:
        settle(form(model=model), files, detected=detected)
    return raised.value.message


def test_models_without_a_table_of_their_own_are_refused() -> None:
    files = models_file(
        "class Shop(models.Model):\n    a = models.TextField()\n\n\n"
        "class Seller(Shop):\n    class Meta:\n        proxy = True\n\n\n"
        "class View(models.Model):\n    a = models.TextField()\n\n"
        "    class Meta:\n        managed = False\n\n\n"
        "class Account(models.Model):\n    a = models.TextField()\n\n"
        "    class Meta:\n        swappable = 'ACCOUNT_MODEL'\n"
    )
    assert "shop.Seller (shop/models.py:8) is a proxy model" in refusal("Seller", files)
    assert "shop.View (shop/models.py:13) is unmanaged" in refusal("View", files)
    settle(form(model="Account"), files)
    swapped = files | {"config/settings.py": "ACCOUNT_MODEL = 'crm.Account'\n"}
    assert "ACCOUNT_MODEL" in refusal("Account", swapped)


def test_models_of_installed_packages_are_refused() -> None:
    assert refusal("auth.User", SHOP).startswith("auth.User belongs to Django")
    files = SHOP | {"shop/views.py": "from allauth.account.models import EmailAddress\n"}
    told = refusal("EmailAddress", files)
    assert "allauth.account.models.EmailAddress, imported in shop/views.py" in told


def test_an_app_without_migrations_is_refused_with_the_fix() -> None:
    files = {path: text for path, text in SHOP.items() if "migrations" not in path}
    for more, missing in (
        ({}, "there is no shop/migrations/"),
        ({"shop/migrations/0001_initial.py": ""}, "shop/migrations/__init__.py is missing"),
        ({"shop/migrations/__init__.py": ""}, "shop/migrations/ has no migration"),
    ):
        message = refusal("Customer", files | more)
        assert missing in message
        assert "`python manage.py makemigrations shop`" in message


def test_a_repository_in_which_django_cannot_start_is_refused() -> None:
    assert "No settings module was found" in refusal("Customer", SHOP, project(settings=None))
    plain = project().model_copy(update={"django": None, "framework": "none"})
    assert "not a Django project" in refusal("Customer", SHOP, plain)
