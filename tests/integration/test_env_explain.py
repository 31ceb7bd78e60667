"""What `env explain` says of an environment, above all of one that is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.package_index import SimpleIndex
from agent.cli import env
from agent.environments import explanation
from agent.environments.build import EnvironmentRequest
from agent.settings import Settings
from repo_config.schema import PythonSection
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


@pytest.mark.deep
def test_a_python_that_is_not_to_be_had_hides_nothing_else(explain, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://reader:hunter2@index.example.org/simple")
    monkeypatch.setenv("https_proxy", "http://clerk:hunter2@proxy.example.org:3128")
    monkeypatch.setenv("MERGEWRIGHT_SYSTEM_PACKAGES", "no-such-*")
    files = {
        ".github/mergewright.yml": 'python: {version: "3.8",'
        " system_packages: [libc6, no-such-package, another]}\n"
        'services: [redis, "postgres:99"]\n',
        "requirements.txt": "six==1.17.0\n",
        "tests/test_x.py": "",
    }
    printed = explain(files, "--json")
    assert printed.exit_code == 1
    said = json.loads(printed.stdout)
    assert said["reason"] == "environment_failed"
    assert "Python 3.8" in said["refused"][0]
    assert "PostgreSQL 99 is not to be had" in said["sentence"]
    assert said["python"] == said["key"] == ""
    assert said["requirements"] == ["six==1.17.0  (requirements.txt:1)"]
    redis, postgres = said["services"]
    assert redis["version"].startswith("Redis ")
    assert redis["program"].endswith("redis-server")
    assert "apt-get install postgresql-99" in postgres["lacking"]
    assert [(one["name"], one["there"]) for one in said["system_packages"]] == [
        ("libc6", True), ("no-such-package", False), ("another", False),
    ]  # fmt: skip
    ways = [one["provided_by"] for one in said["system_packages"]]
    assert ways[0] == ""
    assert ways[1].endswith("install no-such-package")
    assert "MERGEWRIGHT_SYSTEM_PACKAGES" in ways[2]
    assert said["indexes"] == [
        {"url": "https://index.example.org/simple/", "origin": "PIP_INDEX_URL",
         "with_credentials": True, "certificates": said["indexes"][0]["certificates"],
         "proxy": "http://proxy.example.org:3128 (HTTPS_PROXY)"},
    ]  # fmt: skip
    shown = explain({"again": ""})
    assert shown.exit_code == 1
    for text in (
        "Python 3.8",
        "https://index.example.org/simple/  (PIP_INDEX_URL; with credentials",
        "http://proxy.example.org:3128 (HTTPS_PROXY)",
        "+ redis: there",
        "- postgres:99: missing",
        "+ libc6: there",
        "- no-such-package: missing",
    ):
        assert text in shown.stdout
    assert "hunter2" not in printed.output + shown.output


def test_nothing_is_refused_where_all_is_there(explain):
    printed = explain({"requirements.txt": "six==1.17.0\n"}, "--json")
    assert printed.exit_code == 0, printed.output
    said = json.loads(printed.stdout)
    assert said["refused"] == []
    assert "outcome" not in said
    assert not said["ready"]


@pytest.mark.deep
def test_the_type_checker_is_named_where_pyright_is_used(explain):
    plain = explain({"requirements.txt": "six==1.17.0\n"}, "--json")
    assert json.loads(plain.stdout)["type_checker"] is None
    used = explain({"pyrightconfig.json": "{}"}, "--json")
    said = json.loads(used.stdout)["type_checker"]
    assert said["pin"].startswith("basedpyright 1.")
    assert said["there"] is False
    assert said["pin"] in explain({"again": ""}).stdout


@pytest.mark.deep
def test_services_that_no_room_could_be_searched_for_are_not_called_missing(home, tmp_path):
    class Without(BubblewrapSandbox):
        def run(self, order, cancelled=None, hear=None):
            result = super().run(order, cancelled, hear)
            # No interpreter runs in these rooms.
            return result.model_copy(update={"exit_code": 127, "files": {}})

    settings = Settings(home=home)
    request = EnvironmentRequest(
        tree=str(tmp_path), python=PythonSection(version="3.11"), services=("redis",)
    )
    said = explanation.make(request, Without(settings), SimpleIndex(settings, {}), settings)
    assert len(said.refused) == 1
    assert "not looked for" in said.services[0].lacking


def test_a_configuration_with_a_mistake_ends_with_the_exit_code_of_one(explain):
    result = explain({".github/mergewright.yml": "verison: 1\n"}, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["reason"] == "config_invalid"
