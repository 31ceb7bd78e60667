"""What a ticket leaves open is asked, in these words, all at once; what cannot be is refused."""

from __future__ import annotations

import pytest

from agent.errors import RequestRefused, TicketUnclear
from repo_config.detect import Project
from repo_config.schema import RepoConfig
from tests.unit.recipes.trees import (
    RECIPE,
    SHOP,
    DictTree,
    app,
    form,
    models_file,
    project,
    questions,
    settle,
    ticket,
)

MODELS = "from django.db import models\n\n\n"
NO_VALUE = (
    "Which value do existing rows get? State a default for existing rows, a default for all, or "
    "null=True."
)


@pytest.mark.parametrize(
    ("facts", "question"),
    [
        (
            {"options": "null=True"},
            "How many characters may it have? A CharField needs max_length.",
        ),
        (
            {"field_type": "DecimalField", "options": "null=True"},
            (
                "How many digits and decimal places? A DecimalField needs max_digits and "
                "decimal_places."
            ),
        ),
        (
            {"field_type": "ForeignKey", "options": "on_delete=CASCADE, null=True"},
            "To which model does the ForeignKey point? State it as in `app.Model`.",
        ),
        (
            {"field_type": "ForeignKey", "options": "to=Shop, null=True"},
            (
                "What happens when the row it points to is deleted? State on_delete: one of CASCADE, "
                "PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, DO_NOTHING."
            ),
        ),
        ({"options": "max_length=50"}, NO_VALUE),
        ({"field_type": "DateTimeField", "options": "auto_now_add=True"}, NO_VALUE),
        (
            {"field_type": "StringField"},
            "`StringField` is no field type of Django. Is it CharField or TextField, or which one?",
        ),
        (
            {"field_type": "CharFeild"},
            "`CharFeild` is no field type of Django. Is it CharField, or which one?",
        ),
        (
            {"field_type": "NullBooleanField", "options": "none"},
            (
                "A NullBooleanField cannot be added this way: Django 4.0 removed it; BooleanField with "
                "null=True is its replacement. Which type is meant?"
            ),
        ),
        (
            {"field_type": "IntegerField", "options": "max_length=5, null=True"},
            (
                "An IntegerField takes no `max_length`. It takes blank, db_index, default, null, unique "
                "and the options of every field. What is meant?"
            ),
        ),
        (
            {"options": "max_lenght=5, null=True, max_length=5"},
            (
                "A CharField takes no `max_lenght`. Nearest: max_length. It takes db_collation, "
                "max_length and the options of every field. What is meant?"
            ),
        ),
        (
            {"options": "max_length='fifty', null=True"},
            "`max_length='fifty'`: this option is a whole number from 1 up. What is meant?",
        ),
        (
            {"options": "max_length=5, null='yes'"},
            "`null='yes'`: this option is True or False. What is meant?",
        ),
        (
            {"options": "max_length=5, null=True, validators=[check]"},
            (
                "`validators` (the heading “Options”): `[check]` is neither a literal nor one of the "
                "values a ticket may name (timezone.now, date.today, uuid.uuid4, dict, list); text needs "
                "quotes."
            ),
        ),
        (
            {"options": "max_length=5, default=n/a"},
            (
                "`default` (the heading “Options”): `n / a` is neither a literal nor one of the values a "
                "ticket may name (timezone.now, date.today, uuid.uuid4, dict, list); text needs quotes."
            ),
        ),
        (
            {"options": "max_length=5, null=True, primary_key=True"},
            (
                "`primary_key` cannot be stated in a ticket: the primary key of a filled table cannot be "
                "replaced by adding a field. Leave it out?"
            ),
        ),
        (
            {"options": "max_length=5, default=7"},
            (
                "The default does not fit: `7` is no text, which a CharField holds; write it in quotes. "
                "Which default is meant?"
            ),
        ),
        (
            {"options": "max_length=3, default='long'"},
            (
                "The default does not fit: `'long'` has 4 characters, more than max_length=3. "
                "Which default is meant?"
            ),
        ),
        (
            {"options": "max_length=3, default=None"},
            (
                "The default does not fit: `None` does not fit a field that is not null. "
                "Which default is meant?"
            ),
        ),
        (
            {"field_type": "IntegerField", "options": "default='x'"},
            (
                "The default does not fit: `'x'` is no whole number, which an IntegerField holds. "
                "Which default is meant?"
            ),
        ),
        (
            {"field_type": "PositiveIntegerField", "options": "default=-1"},
            (
                "The default does not fit: `-1` is less than a PositiveIntegerField holds (0). "
                "Which default is meant?"
            ),
        ),
        (
            {"field_type": "BooleanField", "options": "default=1"},
            (
                "The default does not fit: `1` is neither True nor False (BooleanField). "
                "Which default is meant?"
            ),
        ),
        (
            {
                "field_type": "DecimalField",
                "options": "max_digits=4, decimal_places=2, default=1.234",
            },
            (
                "The default does not fit: `decimal.Decimal('1.234')` has more than decimal_places=2 "
                "places. Which default is meant?"
            ),
        ),
        (
            {"field_type": "DateTimeField", "options": "default=timezone.now()"},
            (
                "The default does not fit: `timezone.now()` would be worked out once, when the code is "
                "loaded; without the parentheses it is worked out for each row. Which default is meant?"
            ),
        ),
        (
            {"field_type": "DateField", "options": "default=uuid.uuid4"},
            (
                "The default does not fit: `uuid.uuid4` is no value of a DateField. "
                "Which default is meant?"
            ),
        ),
        (
            {"options": "max_length=1, choices=[('a', 'A')], default='b'"},
            "The default does not fit: `'b'` is none of the choices ('a'). Which default is meant?",
        ),
        (
            {"field_type": "JSONField", "options": "default={'a': 1}"},
            (
                "The default `{'a': 1}` would be shared by all rows; Django wants a callable there, "
                "which a ticket cannot state. Which default is meant?"
            ),
        ),
        (
            {"field_type": "IntegerField", "options": "none", "default_for_existing_rows": "many"},
            (
                "The value for existing rows (the heading “Default for existing rows”): `many` is "
                "neither a literal nor one of the values a ticket may name (timezone.now, date.today, "
                "uuid.uuid4, dict, list); text needs quotes."
            ),
        ),
        (
            {"options": "max_length=2", "default_for_existing_rows": "n/a"},
            (
                "The value for existing rows does not fit: `'n/a'` has 3 characters, more than "
                "max_length=2. Which value is meant?"
            ),
        ),
        (
            {"options": "max_length=5, unique=True", "default_for_existing_rows": "x"},
            (
                "A unique field cannot give all existing rows the same value. Is it to be null=True "
                "without a default, or not unique?"
            ),
        ),
        (
            {"field_type": "ForeignKey", "options": "to=Shop, on_delete=SET_NULL, default=1"},
            "on_delete=SET_NULL needs null=True, which is not stated. Which one holds?",
        ),
        (
            {"field_type": "ForeignKey", "options": "to=Shop, on_delete=SET_DEFAULT, null=True"},
            "on_delete=SET_DEFAULT needs a default, which is not stated. Which one?",
        ),
        (
            {"field_type": "ForeignKey", "options": "to=Shop, on_delete=CASCADES, null=True"},
            (
                "`on_delete` (the heading “Options”): `CASCADES` is none of CASCADE, PROTECT, RESTRICT, "
                "SET_NULL, SET_DEFAULT, DO_NOTHING; nearest: CASCADE."
            ),
        ),
        (
            {"field_type": "ForeignKey", "options": "to=Shopp, on_delete=CASCADE, null=True"},
            "There is no model `Shopp` to point to in this repository. Nearest: Shop.",
        ),
        (
            {"field_type": "ManyToManyField", "options": "to=Shop, null=True"},
            (
                "A ManyToManyField takes no `null`. It takes blank, db_constraint, db_table, editable, "
                "help_text, limit_choices_to, related_name, related_query_name, symmetrical, through, "
                "through_fields, to, verbose_name. What is meant?"
            ),
        ),
        (
            {"field_type": "DateField", "options": "auto_now=True, default=date.today"},
            "auto_now and default exclude each other. Which one holds?",
        ),
        (
            {"options": "max_length=3, null=True, choices=[('long', 'Long')]"},
            "The choice 'long' is longer than max_length=3. Which is right?",
        ),
        (
            {"field_type": "GenericIPAddressField", "options": "blank=True, default='::1'"},
            "Django allows blank=True on a GenericIPAddressField only with null=True.",
        ),
        (
            {"options": "max_length=5, null=True, **more"},
            "What does `**` stand for in the heading “Options”? State each option.",
        ),
        (
            {"options": "max_length=5\nnull=True\nsomehow fast"},
            (
                "I cannot read “somehow fast” among the options (the heading “Options”). Write options "
                "as in `max_length=50, blank=True`."
            ),
        ),
        ({"add_a_test": "maybe"}, "the heading “Add a test” says “maybe”. Is it yes or no?"),
    ],
)
def test_type_options_and_defaults(facts: dict[str, str], question: str) -> None:
    assert questions(form(**facts)) == (question,)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("class", "`class` is a Python keyword and cannot name a field. What is the field's name?"),
        (
            "nick_",
            "`nick_` ends with an underscore, which Django forbids. What is the field's name?",
        ),
        (
            "nick__name",
            "`nick__name` contains “__”, which Django forbids. What is the field's name?",
        ),
        ("pk", "`pk` is reserved by Django. What is the field's name?"),
        (
            "Nick name",
            "“Nick name” is no Python identifier and cannot name a field. Would `nick_name` do?",
        ),
        (
            "id",
            (
                "The name `id` is taken on shop.Customer: it is the automatic primary key of "
                "Customer. What is the new field called?"
            ),
        ),
        (
            "email",
            (
                "The name `email` exists already on shop.Customer: it is a field of Customer "
                "(shop/models.py:12). What is the new field called?"
            ),
        ),
        (
            "save",
            (
                "The name `save` is taken on shop.Customer: it is a part of every Django model. "
                "What is the new field called?"
            ),
        ),
        (
            "nick, age",
            (
                "The ticket names several fields: `nick, age`. One ticket adds one field; "
                "which one is it? Please open a ticket for each other one."
            ),
        ),
    ],
)
def test_names(name: str, question: str) -> None:
    assert questions(form(field_name=name)) == (question,)


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
    ("name", "found"),
    [
        (
            "code",
            (
                "exists already on shop.Customer: it is a field of Base (shop/models.py:10), "
                "which Customer inherits from"
            ),
        ),
        (
            "found",
            (
                "is taken on shop.Customer: it is an attribute of Person (shop/models.py:17), "
                "which Customer inherits from"
            ),
        ),
        (
            "full",
            (
                "is taken on shop.Customer: it is an attribute of Person (shop/models.py:21), "
                "which Customer inherits from"
            ),
        ),
        ("label", "is taken on shop.Customer: it is an attribute of Named (shop/models.py:5)"),
        (
            "town_id",
            (
                "is taken on shop.Customer: it is the column of a relation of Person "
                "(shop/models.py:18), which Customer inherits from"
            ),
        ),
        (
            "get_kind_display",
            (
                "is taken on shop.Customer: it is a method that Django makes for a "
                "field of Person (shop/models.py:16), which Customer inherits from"
            ),
        ),
        (
            "rank",
            (
                "exists already on shop.Customer: it is a field of Gold (shop/models.py:30), "
                "which inherits from Customer"
            ),
        ),
        (
            "ruled",
            (
                "is taken on shop.Customer: it is the reverse name that Town.mayor "
                "(shop/models.py:34) puts on Customer"
            ),
        ),
        (
            "town",
            (
                "exists already on shop.Customer: it is a field of Person (shop/models.py:18), "
                "which Customer inherits from"
            ),
        ),
        (
            "town_set",
            (
                "is taken on shop.Customer: it is the reverse name that Town.guests "
                "(shop/models.py:35) puts on Customer"
            ),
        ),
        (
            "gold",
            (
                "is taken on shop.Customer: it is the reverse name that shop.Gold "
                "(shop/models.py:29) puts on Customer"
            ),
        ),
    ],
)
def test_names_that_are_taken_say_where(name: str, found: str) -> None:
    wanted = f"The name `{name}` {found}. What is the new field called?"
    assert questions(form(field_name=name), CLASHES) == (wanted,)


def test_reverse_names_are_asked_for() -> None:
    facts = {"field_type": "ForeignKey", "options": "to=Customer, on_delete=CASCADE, null=True"}
    assert questions(form(model="Town", field_name="judge", **facts), CLASHES) == (
        (
            "The reverse name `town_set` on shop.Customer is taken by Town.guests "
            "(shop/models.py:35). Which related_name is `judge` to have?"
        ),
    )
    facts["options"] += ", related_name='points'"
    assert questions(form(model="Town", field_name="judge", **facts), CLASHES) == (
        (
            "The reverse name `points` on shop.Customer is taken by Customer.points "
            "(shop/models.py:26). Which related_name is `judge` to have?"
        ),
    )
    facts["options"] = facts["options"].replace("points", "judged")
    assert settle(form(model="Town", field_name="judge", **facts), CLASHES).field.target == (
        "shop.Customer"
    )


def test_an_abstract_model_with_children_needs_a_pattern_in_related_name() -> None:
    files = models_file(
        "class Shop(models.Model):\n    pass\n\n\nclass Base(models.Model):\n"
        "    class Meta:\n        abstract = True\n\n\nclass A(Base):\n    pass\n\n\n"
        "class B(Base):\n    pass\n"
    )
    facts = {"model": "Base", "field_type": "ForeignKey"}
    options = "to=Shop, on_delete=CASCADE, null=True, related_name="
    assert questions(form(options=options + "'them'", **facts), files) == (
        (
            "shop.Base has several children (shop.A, shop.B), so `related_name` needs `%(class)s` in "
            "it. Which related_name is meant?"
        ),
    )
    settle(form(options=options + "'%(class)s_them'", **facts), files)


@pytest.mark.parametrize(
    ("model", "question"),
    [
        (
            "shop.Custmer",
            (
                "There is no model `shop.Custmer` in this repository. Nearest: "
                "shop.Customer. Which one is meant?"
            ),
        ),
        (
            "Wholesaler",
            (
                "There is no model `Wholesaler` in this repository. Models here: "
                "crm.Customer, shop.Customer, shop.Shop."
            ),
        ),
        (
            "Customer",
            (
                "`Customer` may be crm.Customer (crm/models.py:4), shop.Customer "
                "(shop/models.py:8). Which model gets the field?"
            ),
        ),
        ("the customer", "`the customer` is no name of a model. State it as in `app.Model`."),
    ],
)
def test_models(model: str, question: str) -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    assert questions(form(model=model), files) == (question,)


def test_the_app_tells_models_of_one_name_apart() -> None:
    files = SHOP | app(
        "crm", MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    )
    for named in ("crm.Customer", "crm.models.Customer", "crm.customer"):
        assert settle(form(model=named), files).app_label == "crm"
    assert settle(form(model="Customer", app="crm"), files).app_label == "crm"
    assert questions(form(model="Customer", app="hr"), files) == (
        (
            "The ticket says app hr, but `Customer` is in crm.Customer (crm/models.py:4), "
            "shop.Customer (shop/models.py:8). Which is right?"
        ),
    )


def test_models_of_tests_stand_back_behind_real_ones() -> None:
    model = MODELS + "class Customer(models.Model):\n    a = models.TextField()\n"
    files = SHOP | app("tests/testapp", model)
    assert settle(form(model="Customer"), files).app_label == "shop"
    assert settle(form(model="testapp.Customer"), files).app_label == "testapp"


def test_contradictions_name_both_places() -> None:
    body = form() + "\n\nAdd a TextField `nickname` to `Shop`, max length 60.\n"
    assert questions(body) == (
        (
            "The ticket names more than one model: shop.Customer (the heading “Model”), Shop (“Add a "
            "TextField `nickname` to `Shop`, max length 60.”). Which one gets the field?"
        ),
        (
            "The field type is said twice, differently: CharField (the heading “Field type”) and "
            "TextField (“Add a TextField `nickname` to `Shop`, max length 60.”). Which one holds?"
        ),
        (
            "`max_length` is said twice, differently: 50 (the heading “Options”) and 60 (“Add a "
            "TextField `nickname` to `Shop`, max length 60.”). Which one holds?"
        ),
    )
    prose = "Add a nullable CharField `a` of max length 5 to `Customer`. It must not be null."
    assert questions(prose) == (
        (
            "`null` is said twice, differently: True (“Add a nullable CharField `a` of max length 5 "
            "to `Customer`.”) and False (“It must not be null.”). Which one holds?"
        ),
    )


def test_words_that_leave_something_open_are_asked_about() -> None:
    assert questions("Add an optional BooleanField `vip` to `Customer`, default False.") == (
        (
            "“Add an optional BooleanField `vip` to `Customer`, default False.” says that the field is "
            "optional, and its default is False. May it be unknown as well (null=True), or is the "
            "default enough?"
        ),
    )
    assert questions("Add a required IntegerField `age` to `Customer`, null=True.") == (
        (
            "“Add a required IntegerField `age` to `Customer`, null=True.” says that the field is "
            "required, and elsewhere `null=True` is stated. Which one holds?"
        ),
    )


def test_several_fields_are_several_tickets() -> None:
    assert questions("Add the fields `a` and `b` to `Customer`, both TextField, null=True.") == (
        (
            "The ticket names several fields: `a`, `b`. One ticket adds one field; which one is it? "
            "Please open a ticket for each other one."
        ),
    )


def test_a_request_for_more_is_asked_about() -> None:
    assert questions(form() + "\n\nAlso remove the old `name` field.\n") == (
        (
            "The ticket also says: “Also remove the old `name` field”. One field is added here, "
            "and nothing else is done; take the rest out, or open a ticket of its own for it."
        ),
    )


def test_everything_is_asked_at_once() -> None:
    assert questions("### Model\n\nShp\n\n### Field type\n\nText\n\n### Test\n\nperhaps\n") == (
        "the heading “Test” says “perhaps”. Is it yes or no?",
        "There is no model `Shp` in this repository. Nearest: shop.Shop. Which one is meant?",
        "What is the field called?",
        "`Text` is no field type of Django. Is it TextField or CharField, or which one?",
    )
    assert questions("Please add a field.", title="") == (
        (
            "Which model gets the field? State it as in `app.Model`. Models here: shop.Customer, "
            "shop.Shop."
        ),
        "What is the field called?",
        "Which field type is meant? State it as in `CharField`.",
    )


def test_an_empty_ticket_is_unclear() -> None:
    with pytest.raises(TicketUnclear) as raised:
        RECIPE.settle(ticket(" \n", " "), DictTree(SHOP), RepoConfig(), project())
    assert raised.value.questions == ("The ticket is empty. Which field goes on which model?",)


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
    assert refusal("Seller", files) == (
        "shop.Seller (shop/models.py:8) is a proxy model: it has no table of its own. "
        "Ask for the field on shop.Shop."
    )
    assert refusal("View", files).startswith(
        "shop.View (shop/models.py:13) is unmanaged (`managed = False`)"
    )
    settle(form(model="Account"), files)
    swapped = files | {"config/settings.py": "ACCOUNT_MODEL = 'crm.Account'\n"}
    assert refusal("Account", swapped).startswith(
        "shop.Account (shop/models.py:20) is swapped for crm.Account by the setting ACCOUNT_MODEL"
    )


def test_models_of_installed_packages_are_refused() -> None:
    assert refusal("auth.User", SHOP).startswith("auth.User belongs to Django")
    files = SHOP | {"shop/views.py": "from allauth.account.models import EmailAddress\n"}
    assert refusal("EmailAddress", files) == (
        "EmailAddress comes from the installed package allauth "
        "(allauth.account.models.EmailAddress, imported in shop/views.py); its table cannot be "
        "changed from here. Add the field to a model of your own that refers to it."
    )


def test_an_app_without_migrations_is_refused_with_the_fix() -> None:
    files = {path: text for path, text in SHOP.items() if "migrations" not in path}
    fix = "Run `python manage.py makemigrations shop` on the base branch and commit the result"
    for more, missing in (
        ({}, "there is no shop/migrations/"),
        ({"shop/migrations/0001_initial.py": ""}, "shop/migrations/__init__.py is missing"),
        ({"shop/migrations/__init__.py": ""}, "shop/migrations/ has no migration"),
    ):
        message = refusal("Customer", files | more)
        assert f"The app shop has no migrations to add to: {missing}. {fix}" in message


def test_a_repository_in_which_django_cannot_start_is_refused() -> None:
    assert "No settings module was found" in refusal("Customer", SHOP, project(settings=None))
    plain = project().model_copy(update={"django": None, "framework": "none"})
    assert "not a Django project" in refusal("Customer", SHOP, plain)
