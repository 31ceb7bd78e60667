"""What Django produced is accepted only if it is exactly what was asked."""

import json

import pytest

from agent.errors import EditFailed
from agent.models.run import Reason
from agent.recipes.add_field import migration as migrations
from tests.unit.recipes.trees import form, project, resolve_parameters

FILE = "shop/migrations/0002_customer_nickname.py"
FIELD = "models.CharField(blank=True, max_length=50)"
ADD = "migrations.AddField(model_name='customer', name='nickname', field={}),"
OK = json.dumps({"problem": None}).encode()


def migration(*operations: str) -> bytes:
    listed = "\n        ".join(operations)
    return (
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        f"    operations = [\n        {listed}\n    ]\n"
    ).encode()


def accept(files: dict[str, bytes], report: bytes = OK) -> tuple[str, ...]:
    return migrations.accept_migration(resolve_parameters(form()), report, files)


def refuse(files: dict[str, bytes], report: bytes = OK) -> EditFailed:
    with pytest.raises(EditFailed) as raised:
        accept(files, report)
    return raised.value


def test_a_history_table_that_follows_is_said() -> None:
    history = ADD.replace("'customer'", "'historicalcustomer'").format(FIELD)
    (note, made) = accept({FILE: migration(ADD.format(FIELD), history)})
    assert "AddField nickname on historicalcustomer" in note
    assert made == f"Django made `{FILE}`."
    assert "no migration that adds nickname to shop.Customer" in refuse({}).message


@pytest.mark.parametrize(
    ("operation", "shown"),
    [
        (
            "migrations.AlterField(model_name='customer', name='id', field=models.BigAutoField()),",
            "AlterField id on customer",
        ),
        ("migrations.RunPython(shop.models.evil),", "migrations.RunPython(shop.models.evil)"),
        (
            "migrations.AddField(model_name='shop', name='nickname', field=models.TextField()),",
            "AddField nickname on shop",
        ),
    ],
)
def test_operations_nobody_asked_for_withhold_the_change(operation: str, shown: str) -> None:
    failure = refuse({FILE: migration(ADD.format(FIELD), operation)})
    assert failure.reason is Reason.UNASKED_OPERATIONS
    assert f"- {shown} ({FILE})\n" in failure.message
    assert "`python manage.py makemigrations shop`" in failure.message


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (FILE, migration(ADD.format(FIELD)) + b"\n\ndef forwards(apps, editor):\n    pass\n"),
        (FILE, migration(ADD.format(FIELD)) + b"\n\nevil()\n"),
        (FILE, b"class Migration("),
        ("shop/evil.py", migration(ADD.format(FIELD))),
        ("crm/migrations/0002_x.py", migration(ADD.format(FIELD))),
    ],
)
def test_a_file_that_is_more_than_a_migration_or_elsewhere_is_refused(
    path: str, content: bytes
) -> None:
    assert refuse({path: content}).message.startswith(f"{path} ")


def test_what_the_report_says_reaches_the_reader() -> None:
    report = json.dumps({"problem": "the app is away"}).encode()
    assert "the app is away" in refuse({}, report).message
    assert "cannot be read" in refuse({}, b"[" * 100_000).message
    assert "cannot be read" in refuse({}, b"[]").message


def test_the_command_names_the_folders_the_settings_and_the_value() -> None:
    linted = project(lint=("ruff check .", "flake8"))
    asked = form(options="max_length=50", default_for_existing_rows="'n/a'")
    command = migrations.make_command(resolve_parameters(asked, detected=linted), linted)
    assert command.globs == ("shop/migrations/*",)
    assert command.environ == {"DJANGO_SETTINGS_MODULE": "config.settings"}
    told = json.loads(command.args[0])
    assert (told["formatters"], told["label"]) == ([["ruff check", []]], "shop.Customer")
    assert told["existing"] == {"code": "'n/a'", "imports": []}
