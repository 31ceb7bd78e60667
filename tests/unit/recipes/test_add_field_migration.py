"""What Django produced is accepted only if it is exactly what was asked."""

from __future__ import annotations

import json

import pytest

from agent.domain import Reason
from agent.errors import EditFailed
from tests.unit.recipes.trees import RECIPE, form, project, settle

FILE = "shop/migrations/0002_customer_nickname.py"
FIELD = "models.CharField(blank=True, max_length=50)"
ADD = "migrations.AddField(model_name='customer', name='nickname', field={}),"
OK = json.dumps({"problem": None, "unasked": []}).encode()


def migration(*operations: str, more: str = "", top: str = "") -> bytes:
    listed = "\n        ".join(operations)
    return (
        f"from django.db import migrations, models\n{top}\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        f"{more}    operations = [\n        {listed}\n    ]\n"
    ).encode()


def accept(files: dict[str, bytes], report: bytes = OK, **facts: str) -> tuple[str, ...]:
    return RECIPE.accept_produced(settle(form(**facts)).model_dump_json(), report, files)


def refused(files: dict[str, bytes], report: bytes = OK, **facts: str) -> EditFailed:
    with pytest.raises(EditFailed) as raised:
        accept(files, report, **facts)
    return raised.value


def test_the_asked_column_is_accepted() -> None:
    assert accept({FILE: migration(ADD.format(FIELD))}) == (f"Django made {FILE}.",)


def test_the_value_for_existing_rows_is_accepted() -> None:
    one_off = ADD.format("models.CharField(blank=True, default='x', max_length=50)")
    one_off = one_off.replace("),", ", preserve_default=False),")
    accept({FILE: migration(one_off)}, default_for_existing_rows="x")
    other = refused({FILE: migration(one_off)}, default_for_existing_rows="y")
    assert other.message == f"{FILE}: for existing rows, `default` is 'x', not 'y'."
    assert "fills existing rows with a value that nobody asked for" in (
        refused({FILE: migration(one_off)}).message
    )


def test_a_default_and_another_value_for_existing_rows_take_two_operations() -> None:
    facts = {"options": "max_length=50, default='new'", "default_for_existing_rows": "old"}
    first = ADD.format("models.CharField(default='old', max_length=50)")
    first = first.replace("),", ", preserve_default=False),")
    second = ADD.replace("AddField", "AlterField").format(
        "models.CharField(default='new', max_length=50)"
    )
    accept({FILE: migration(first, second)}, **facts)
    wrong = second.replace("'new'", "'newer'")
    assert refused({FILE: migration(first, wrong)}, **facts).message.endswith(
        "`default` is 'newer', not 'new'."
    )
    assert refused({FILE: migration(first, second)}, default_for_existing_rows="old").reason is (
        Reason.UNASKED_OPERATIONS
    )


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("models.TextField(blank=True)", "adds a TextField, but a CharField was asked for"),
        ("models.CharField(blank=True, max_length=60)", "`max_length` is 60, not 50"),
        (
            "models.CharField(blank=True, max_length=50, null=True)",
            "gives the field null, which nobody asked for",
        ),
        (
            "models.CharField(blank=True, max_length=50, default=shop.models.evil())",
            "gives the field default, which nobody asked for",
        ),
        ("models.CharField(blank=1, max_length=50)", "`blank` is 1, not True"),
        ("'x'", "the field that is added cannot be read"),
    ],
)
def test_another_field_than_asked_is_refused(field: str, problem: str) -> None:
    assert problem in refused({FILE: migration(ADD.format(field))}).message


@pytest.mark.parametrize(
    ("operation", "shown"),
    [
        (
            "migrations.AlterField(model_name='customer', name='id', field=models.BigAutoField()),",
            "AlterField id on customer",
        ),
        ("migrations.DeleteModel(name='Shop'),", "DeleteModel Shop"),
        ("migrations.RunPython(shop.models.evil),", "migrations.RunPython(shop.models.evil)"),
        (
            "migrations.AddField(model_name='shop', name='nickname', field=models.TextField()),",
            "AddField nickname on shop",
        ),
        ("evil(),", "evil()"),
    ],
)
def test_operations_nobody_asked_for_withhold_the_change(operation: str, shown: str) -> None:
    failure = refused({FILE: migration(ADD.format(FIELD), operation)})
    assert failure.reason is Reason.UNASKED_OPERATIONS
    assert f"- shop: {shown} ({FILE})\n" in failure.message
    assert "Run `python manage.py makemigrations shop` on the base branch" in failure.message


@pytest.mark.parametrize(
    "content",
    [
        migration(ADD.format(FIELD), top="import os\nos.system('true')\n"),
        migration(ADD.format(FIELD), more="    atomic = print('x')\n"),
        migration(ADD.format(FIELD)) + b"\n\ndef forwards(apps, editor):\n    pass\n",
        migration(ADD.format(FIELD)).replace(b"class Migration", b"@evil\nclass Migration"),
        migration(ADD.format(FIELD)).replace(b"operations = [", b"operations = evil() + ["),
        b"\xff\xfe",
        b"def (:",
    ],
)
def test_a_file_that_is_more_than_a_migration_is_refused(content: bytes) -> None:
    assert refused({FILE: content}).message.startswith(f"{FILE} was produced, but ")


@pytest.mark.parametrize("path", ["shop/evil.py", "crm/migrations/0002_x.py", "0002.py"])
def test_a_file_in_another_place_is_refused(path: str) -> None:
    failure = refused({path: migration(ADD.format(FIELD))})
    assert failure.message == f"{path} was produced, but no migration belongs there."


def test_too_little_is_refused() -> None:
    assert "Django made no migration that adds nickname to shop.Customer" in refused({}).message


def test_what_the_report_says_reaches_the_reader() -> None:
    report = json.dumps({"problem": "the app is away"}).encode()
    assert refused({}, report).message == ("Django could not make the migration: the app is away")
    report = json.dumps({"unasked": ["crm: Create model Lead"]}).encode()
    failure = refused({FILE: migration(ADD.format(FIELD))}, report)
    assert "- crm: Create model Lead" in failure.message
    assert "cannot be read" in refused({}, b"[" * 100_000).message
    assert "cannot be read" in refused({}, b"[]").message


def test_history_tables_are_noted() -> None:
    history = ADD.replace("'customer'", "'historicalcustomer'").format(FIELD)
    assert accept({FILE: migration(ADD.format(FIELD), history)})[0] == (
        "The history table of Customer follows: AddField on historicalcustomer."
    )


def test_the_command_names_the_folders_the_settings_and_the_value() -> None:
    linted = project(lint=("ruff", "flake8"))
    settled = settle(form(default_for_existing_rows="n/a"), detected=linted)
    command = RECIPE.produce(settled.model_dump_json(), linted)
    assert command is not None
    assert command.script == "make_migration.py"
    assert command.globs == ("shop/migrations/*.py",)
    assert command.environ == {"DJANGO_SETTINGS_MODULE": "config.settings"}
    assert json.loads(command.args[0]) == {
        "defined_in": "Customer",
        "existing": {"kind": "literal", "text": "'n/a'", "module": "", "name": ""},
        "field": "nickname",
        "formatters": [["ruff check", []]],
        "manage": "manage.py",
        "models": [["shop", "Customer"]],
        "python_path": [""],
    }


def test_titles_and_steps_are_for_people() -> None:
    settled = settle(form(default_for_existing_rows="n/a")).model_dump_json()
    assert RECIPE.title(settled) == "Add nickname to Customer"
    long = settle(form(field_name="n" * 60)).model_dump_json()
    assert len(RECIPE.title(long)) == 60
    assert RECIPE.steps(settled) == (
        "Add `nickname = CharField(max_length=50, blank=True)` to Customer in shop/models.py.",
        "Let Django make the migration for shop.Customer.",
        "Existing rows get 'n/a'.",
    )
    assert RECIPE.touches(settled) == ("shop/models.py",)
