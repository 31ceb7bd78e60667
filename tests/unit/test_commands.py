"""What the commands about a repository have in common."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import main
from agent.cli.main import app

pytestmark = pytest.mark.usefixtures("commands_home")

#: Each reads the repository that is here, or the one of --repo.
COMMANDS = (("config", "check"), ("run", "--ticket", "ticket.md"))


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def plain(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticket.md").write_text("Add a field\n")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_outside_of_a_repository_all_say_the_same(here, command):
    for more in ((), ("--json",)):
        result = run(*command, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{here} is not in a git repository" in plain(result.stderr)


@pytest.mark.parametrize(
    ("words", "setting", "problem"),
    [
        (("run", "--ticket", "none.md"), "5", "does not exist"),
        (("run", "--nobody-knows"), "5", "No such option"),
        (("doctor",), "-1", "MERGEWRIGHT_MODEL_USD: give a number, above 0"),
    ],
)
def test_wrong_arguments_and_settings_are_one_object_for_programs(
    here, monkeypatch, capsys, words, setting, problem
):
    monkeypatch.setenv("MERGEWRIGHT_MODEL_USD", setting)
    monkeypatch.setenv("COLUMNS", "200")
    for asked in (["--json"], []):
        monkeypatch.setattr(sys, "argv", ["mergewright", *words, *asked])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        assert ended.value.code == 2
        assert problem in plain(err)
        assert [json.loads(line)["problem"].count(problem) for line in out.splitlines()] == (
            [1] if asked else []
        )
