"""What `env explain` says of an environment, above all of one that is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import env
from agent.errors import ConfigInvalid
from tests.integration.environment_building import lay

Explain = Callable[..., Any]


@pytest.fixture
def explain(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explain]:
    """Commit a tree and run the command on it."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))

    def run(files: dict[str, str], *words: str) -> Any:
        lay(tmp_path, files)
        if not (tmp_path / ".git").exists():
            _git(tmp_path, "init", "-q")
        _git(tmp_path, "add", "-A")
        _git(tmp_path, "commit", "-qm", "x")
        return CliRunner().invoke(env.app, ["explain", "--repo", str(tmp_path), *words])

    yield run


def _git(folder: Path, *words: str) -> None:
    given = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    subprocess.run(given, cwd=folder, check=True, timeout=30)


def test_a_python_that_is_not_to_be_had_hides_nothing_that_is_declared(explain, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://reader:hunter2@index.example.org/simple")
    files = {
        ".github/mergewright.yml": 'python: {version: "3.8"}\n',
        "requirements.txt": "six==1.17.0\n",
    }
    printed = explain(files, "--json")
    assert printed.exit_code == 1
    said = json.loads(printed.stdout)
    assert (said["python"], said["key"]) == ("", "")
    assert "Python 3.8" in said["refused"]
    assert said["requirements"] == ["six==1.17.0  (requirements.txt:1)"]
    assert said["indexes"] == ["https://index.example.org/simple/ (PIP_INDEX_URL)"]
    shown = explain({"again": ""})
    assert shown.exit_code == 1
    for text in ("refused", "Python 3.8", "requirements.txt: by its name", "six==1.17.0"):
        assert text in shown.stdout
    assert "hunter2" not in printed.output + shown.output


def test_nothing_is_refused_where_all_is_there(explain):
    printed = explain({"requirements.txt": "six==1.17.0\n"}, "--json")
    assert printed.exit_code == 0, printed.output
    said = json.loads(printed.stdout)
    assert said["refused"] == ""
    assert not said["ready"]


def test_a_configuration_with_a_mistake_is_named(explain):
    result = explain({".github/mergewright.yml": "verison: 1\n"}, "--json")
    assert isinstance(result.exception, ConfigInvalid)
    assert "verison" in result.exception.message
