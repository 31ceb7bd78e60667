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
COMMANDS = (
    ("config", "check"),
    ("config", "explain"),
    ("config", "detect"),
    ("readiness",),
    ("env", "explain"),
    ("env", "build"),
    ("run", "--ticket", "ticket.md"),
)


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def plain(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticket.md").write_text("Add a field\n")
    return tmp_path


@pytest.mark.parametrize("command", [*COMMANDS, ("rules", "--repo", ".")], ids=" ".join)
def test_outside_of_a_repository_all_say_the_same(here, command):
    for more in ((), ("--json",)):
        result = run(*command, *more)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert (
            f"{here} is not in a git repository. Name the folder of a clone, or make it one:"
            " git init, git add, git commit" in plain(result.stderr)
        )


@pytest.fixture
def shop(here: Path) -> Path:
    (here / ".git").mkdir()
    (here / "requirements.txt").write_text("django\nrequests>=2\n")
    (here / "mypy.ini").write_text("[mypy]\n")
    return here


@pytest.mark.parametrize("command", [("rules",), ("readiness",)], ids=" ".join)
def test_in_a_pipe_every_row_keeps_to_its_line_and_no_blanks_follow(shop, monkeypatch, command):
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = run(*command).output.splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert not any(line.startswith("  ") for line in lines[1:])
    assert max(map(len, lines)) > 90


@pytest.mark.parametrize("command", [("rules",), ("readiness",)], ids=" ".join)
def test_a_narrow_terminal_cuts_nothing_off(shop, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "60")
    output = run(*command).output
    assert "…" not in output
    table = [line for line in output.splitlines() if "`" not in line]
    assert max(map(len, table)) <= 60


@pytest.mark.parametrize(
    ("words", "setting", "problem"),
    [
        (("run", "--ticket", "none.md"), "5", "does not exist"),
        (("run", "--ticket", "ticket.md"), "5", "is not in a git repository. Name the folder"),
        (("run", "--nobody-knows"), "5", "No such option"),
        (("replay", "none"), "5", "there is no file 'none', and no run"),
        (("replay", "none"), "-1", "MERGEWRIGHT_MODEL_USD: give a number above 0; '-1' is not"),
        (("models",), "-1", "MERGEWRIGHT_MODEL_USD: give a number above 0; '-1' is not that"),
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
