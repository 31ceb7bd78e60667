"""`mergewright config detect`, as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app

CONFIG = ".github/mergewright.yml"

pytestmark = pytest.mark.usefixtures("commands_home")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mypy.ini").write_text("")
    return tmp_path


def run(*args: object):
    return CliRunner().invoke(app, ["config", *map(str, args)])


def test_what_it_prints_is_a_valid_file(repo):
    printed = run("detect", "--repo", repo).stdout
    assert "checks:\n  types: mypy .\n" in printed
    assert not (repo / ".github").exists()
    (repo / ".github").mkdir()
    (repo / CONFIG).write_text(printed)
    assert run("check", "--repo", repo).output.startswith(f"{CONFIG}: valid\n")
