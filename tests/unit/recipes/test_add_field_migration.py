"""The order for Django, and what its report says."""

from types import SimpleNamespace

import pytest

from agent.checks import report
from agent.editing import by_recipe
from agent.errors import EditFailed, RepositoryUnfit
from tests.unit.recipes.trees import form, project, resolve_parameters


def test_no_report_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = report.BrokenEvent(event="broken", text="KeyError: 'KEY'", place="settings.py:1")
    made = by_recipe.MadeMigration(event="field", problem="", kind="")
    result = SimpleNamespace(limit=None, output="It said so.")
    for events, problem, error, words in (
        ((broken,), "", RepositoryUnfit, r"KeyError: 'KEY' \(settings.py:1\)"),
        ((made,), "line 1 cannot be read", EditFailed, "be read; it printed:\nIt said so"),
        ((), "", EditFailed, "it printed"),
    ):
        read = report.Report(events, problem)
        monkeypatch.setattr(report, "read_report", lambda *_, read=read: read)
        with pytest.raises(error, match=words):
            by_recipe.require_migration(resolve_parameters(form()), result)


def test_the_command_names_the_folder_and_the_formatters() -> None:
    linted = project(lint=("ruff check .", "flake8"))
    field = by_recipe.describe_field(resolve_parameters(form(), detected=linted), linted)
    assert (field["migrations"], field["label"]) == ("shop/migrations", "shop.Customer")
    assert field["formatters"] == [("ruff check", ())]
