"""The order for Django, and what its report says."""

import json

import pytest

from agent.errors import EditFailed
from agent.models.run import Reason
from agent.recipes.add_field import migration as migrations
from tests.unit.recipes.trees import form, project, resolve_parameters

FILE = "shop/migrations/0002_customer_nickname.py"


def refuse(report: bytes) -> EditFailed:
    with pytest.raises(EditFailed) as raised:
        migrations.accept_migration(resolve_parameters(form()), report, ())
    return raised.value


def test_what_was_made_is_named() -> None:
    report = json.dumps({"problem": None, "histories": ["shop.Customer"]}).encode()
    given = resolve_parameters(form()), report, [FILE]
    history, made = migrations.accept_migration(*given)
    assert history == "The history table of shop.Customer follows."
    assert made == f"Django made `{FILE}`."


def test_operations_nobody_asked_for_withhold_the_change() -> None:
    report = {"problem": "Alter field id on customer", "kind": "unasked"}
    failure = refuse(json.dumps(report).encode())
    assert failure.reason is Reason.UNASKED_OPERATIONS
    assert "more than requested: Alter field id on customer.\n" in failure.message
    assert "`python manage.py makemigrations shop`" in failure.message


def test_what_the_report_says_reaches_the_reader() -> None:
    report = json.dumps({"problem": "the app is away"}).encode()
    assert "the app is away" in refuse(report).message
    assert "cannot be read" in refuse(b"[" * 100_000).message
    assert "cannot be read" in refuse(b"[]").message


def test_the_command_names_the_folders_the_settings_and_the_value() -> None:
    linted = project(lint=("ruff check .", "flake8"))
    asked = form(options="max_length=50", default_for_existing_rows="'n/a'")
    told = json.loads(migrations.make_request(resolve_parameters(asked, detected=linted), linted))
    assert (told["folders"], told["settings"]) == (["shop/migrations"], "config.settings")
    assert (told["formatters"], told["label"]) == ([["ruff check", []]], "shop.Customer")
    assert told["existing"] == {"code": "'n/a'", "imports": []}
