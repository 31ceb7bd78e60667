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

CI = """\
jobs:
  tests:
    steps:
      - run: |
          apt-get install -y gdal-bin
          pip install -e .[redis]
          pytest
"""

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


def test_a_python_that_is_not_to_be_had_hides_nothing_else(explain, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://reader:hunter2@index.example.org/simple")
    monkeypatch.setenv("https_proxy", "http://clerk:hunter2@proxy.example.org:3128")
    monkeypatch.setenv("MERGEWRIGHT_SYSTEM_PACKAGES", "no-such-*")
    files = {
        ".github/mergewright.yml": 'python: {version: "3.8",'
        " system_packages: [libc6, no-such-package, another]}\n"
        'services: [redis, "postgres:99"]\n',
        ".github/workflows/t.yml": CI,
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
    assert ways[2].endswith(
        "install another; the operator has to allow it in MERGEWRIGHT_SYSTEM_PACKAGES as well"
    )
    assert said["indexes"] == [
        {"url": "https://index.example.org/simple/", "origin": "PIP_INDEX_URL",
         "with_credentials": True, "certificates": said["indexes"][0]["certificates"],
         "proxy": "http://proxy.example.org:3128 (HTTPS_PROXY)"},
    ]  # fmt: skip
    lines = {hint["subject"]: hint["line"] for hint in said["hints"]}
    assert lines["extras"] == "python: {extras: [redis]}"
    assert lines["system packages"].endswith("no-such-package, another, gdal-bin]}")

    shown = explain({"again": ""})
    assert shown.exit_code == 1
    for text in (
        "refused\n  The repository asks for Python 3.8",
        "index   https://index.example.org/simple/  (PIP_INDEX_URL; with credentials",
        "by the proxy http://proxy.example.org:3128 (HTTPS_PROXY))",
        "+ redis: there, Redis",
        "- postgres:99: missing. services: PostgreSQL 99",
        "+ libc6: there",
        "- no-such-package: missing; provided by",
        "to follow it: python: {extras: [redis]}",
    ):
        assert text in shown.stdout
    assert "hunter2" not in printed.output + shown.output


def test_a_lock_that_cannot_be_read_hides_nothing_else(explain):
    files = {
        ".github/mergewright.yml": "services: [redis]\npython: {system_packages: [libc6]}\n",
        ".github/workflows/t.yml": CI,
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n',
        "poetry.lock": "[[package\n",
        "tests/test_x.py": "",
    }
    printed = explain(files, "--json")
    assert printed.exit_code == 1
    said = json.loads(printed.stdout)
    assert [line.partition(":")[0] for line in said["refused"]] == ["poetry.lock"]
    assert said["declared"] is False
    # Which Python it would be stands where nothing could be read.
    assert said["python"] == ""
    assert said["services"][0]["program"]
    assert said["system_packages"] == [{"name": "libc6", "there": True, "provided_by": ""}]
    assert said["indexes"]
    subjects = {hint["subject"]: hint["line"] for hint in said["hints"]}
    assert subjects["extras"] == ""
    assert subjects["system packages"] == "python: {system_packages: [libc6, gdal-bin]}"


def test_what_a_lock_names_and_is_not_fetched_is_said_beside_the_rest(explain):
    files = {
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["far"]\n',
        "pylock.toml": 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "far"\n'
        'vcs = { type = "git", url = "https://example.org/far",'
        ' commit-id = "0123456789012345678901234567890123456789" }\n',
        ".github/workflows/t.yml": CI,
        "tests/test_x.py": "",
    }
    printed = explain(files, "--json")
    assert printed.exit_code == 1
    said = json.loads(printed.stdout)
    assert "far comes from" in said["refused"][0]
    assert said["python"]
    assert [choice["what"] for choice in said["choices"]] == ["pylock.toml"]
    assert said["hints"]


def test_a_proxy_of_another_kind_is_said_with_the_rest(explain, monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://clerk:hunter2@proxy.example.org")
    printed = explain({"requirements.txt": "six==1.17.0\n"})
    assert printed.exit_code == 1
    assert "refused\n  HTTPS_PROXY names no proxy" in printed.stdout
    assert "six==1.17.0  (requirements.txt:1)" in printed.stdout
    assert "hunter2" not in printed.output


def test_nothing_is_refused_where_all_is_there(explain):
    printed = explain({"requirements.txt": "six==1.17.0\n"}, "--json")
    assert printed.exit_code == 0, printed.output
    said = json.loads(printed.stdout)
    assert said["refused"] == []
    assert "outcome" not in said
    assert not said["ready"]


def test_the_type_checker_is_named_where_pyright_is_used(explain):
    plain = explain({"requirements.txt": "six==1.17.0\n"}, "--json")
    assert json.loads(plain.stdout)["type_checker"] is None
    used = explain({"pyrightconfig.json": "{}"}, "--json")
    said = json.loads(used.stdout)["type_checker"]
    assert said["pin"].startswith("basedpyright 1.")
    assert said["there"] is False
    shown = explain({"again": ""}).stdout
    assert "type checker for pyright and basedpyright\n" in shown
    assert f"  + {said['pin']}: fetched once, by the first run that needs it\n" in shown


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
    assert said.services[0].lacking.startswith("it was not looked for")


def test_a_configuration_with_a_mistake_ends_with_the_exit_code_of_one(explain):
    result = explain({".github/mergewright.yml": "verison: 1\n"}, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["reason"] == "config_invalid"
