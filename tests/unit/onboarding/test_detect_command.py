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


def test_what_it_writes_is_valid_and_says_what_it_printed(repo):
    printed = run("detect", "--repo", repo).stdout
    assert "# mypy: mypy.ini\n  types: mypy ." in printed
    assert not (repo / ".github").exists(), "only where it is told to"
    assert run("detect", "--repo", repo, "--write").stdout == f"written: {CONFIG}\n"
    assert (repo / CONFIG).read_text() == printed
    assert run("check", "--repo", repo).output.startswith(f"{CONFIG}: valid\n")
    assert "already" in run("detect", "--repo", repo, "--write").stderr


def test_nothing_is_written_through_a_link(repo, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (repo / ".github").symlink_to(outside, target_is_directory=True)
    result = run("detect", "--repo", repo, "--write")
    assert result.exit_code != 0
    assert list(outside.iterdir()) == []
