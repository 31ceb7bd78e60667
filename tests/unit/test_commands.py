"""What the commands about a repository have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

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
