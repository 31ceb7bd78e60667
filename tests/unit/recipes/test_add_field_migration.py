"""The order for Django, and what its report says."""

from types import SimpleNamespace

import pytest

from agent.checks import report
from agent.editing import by_recipe
from agent.editing.by_recipe import MadeMigration
from agent.errors import EditFailed, RepositoryUnfit, UnaskedOperations
from agent.models.record import replace
from tests.unit.recipes.trees import form, project, resolve_parameters

FILE = "shop/migrations/0002_customer_nickname.py"
MADE = MadeMigration(event="field", problem="", kind="", switched_off=[], histories=[])


def read(monkeypatch: pytest.MonkeyPatch, *events: report.ReportEvent, problem: str = "") -> object:
    made = report.Report(events, problem)
    monkeypatch.setattr(report, "read_report", lambda *_: made)
    result = SimpleNamespace(limit=None, output="It said so.")
    return by_recipe.read_migration(resolve_parameters(form()), result)


def test_what_was_made_is_named() -> None:
    made = replace(MADE, histories=["shop.Customer"])
    history, file = by_recipe.describe_migration(resolve_parameters(form()), made, [FILE])
    assert history == "The history table of shop.Customer follows."
    assert file == f"Django made `{FILE}`."


@pytest.mark.parametrize(
    ("kind", "problem", "error", "words"),
    [
        ("unasked", "Alter field id", UnaskedOperations, "more than requested: Alter field id.\n"),
        ("unasked", "Alter", UnaskedOperations, "`python manage.py makemigrations shop`"),
        ("failed", "the app is away", EditFailed, "could not create the migration: the app is"),
    ],
)
def test_what_the_report_says_reaches_the_reader(
    monkeypatch: pytest.MonkeyPatch, kind: str, problem: str, error: type[Exception], words: str
) -> None:
    said = replace(MADE, kind=kind, problem=problem)
    with pytest.raises(error, match=words.replace("`", ".")):
        read(monkeypatch, said)


def test_no_report_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = report.BrokenEvent(event="broken", text="KeyError: 'KEY'", place="settings.py:1")
    with pytest.raises(RepositoryUnfit, match=r"KeyError: 'KEY' \(settings.py:1\)"):
        read(monkeypatch, broken)
    for events in ((), (MADE,), (broken,)):
        with pytest.raises(EditFailed, match="line 1 cannot be read; it printed:\nIt said so"):
            read(monkeypatch, *events, problem="line 1 cannot be read")
    with pytest.raises(EditFailed):
        read(monkeypatch)


def test_the_command_names_the_folder_and_the_value() -> None:
    linted = project(lint=("ruff check .", "flake8"))
    asked = form(options="max_length=50", default_for_existing_rows="'n/a'")
    told = by_recipe.describe_field(resolve_parameters(asked, detected=linted), linted)
    assert (told["folder"], told["label"]) == ("shop/migrations", "shop.Customer")
    assert told["formatters"] == [("ruff check", ())]
    assert told["existing"] == {"code": "'n/a'", "imports": ()}
