"""`mergewright config explain` and `check --no-run`, as they are called."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.settings import Settings
from tests import reference
from tests.folders import lay_files

ROOT = Path(__file__).parents[3]


pytestmark = pytest.mark.usefixtures("commands_home")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / ".git").mkdir(parents=True)
    write(folder, "mypy.ini", "[mypy]\n")
    write(folder, "shop/tests/test_shop.py", "")
    return folder


def write(folder: Path, path: str, text: str) -> None:
    lay_files(folder, {path: text})


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def explained(repo: Path, *args: str) -> dict[str, tuple[object, str]]:
    result = run("config", "explain", "--repo", repo, "--json", *args)
    assert result.exit_code == 0, result.output
    return {load["key"]: (load.get("value"), load["origin"]) for load in json.loads(result.output)}


def test_what_the_operator_bounds_is_told_with_what_was_asked_for(repo, monkeypatch):
    text = "limits: {minutes: 90, runs_per_day: 3, usd: 9}\nlabel: go\n"
    write(repo, ".github/mergewright.yml", text)
    monkeypatch.setenv("MERGEWRIGHT_MAX_MINUTES", "20")
    found = explained(repo)
    for key, holds, by, asked in (
        ("limits.minutes", 20, "MERGEWRIGHT_MAX_MINUTES", "90"),
        ("limits.usd", 5.0, "MERGEWRIGHT_MODEL_USD", "9.0"),
    ):
        value, origin = found[key]
        assert (value, origin.split(":")[0]) == (holds, f"maximum set by {by}")
        assert origin.endswith(f".github/mergewright.yml:1 sets {asked}")
    assert found["limits.runs_per_day"] == (3, ".github/mergewright.yml:1")
    assert found["label"] == ("go", ".github/mergewright.yml:2")


def test_the_weight_of_a_rule_is_bounded_by_its_floor(repo):
    write(repo, ".github/mergewright.yml", "rules:\n  paths: info\n  file-mode: info\n")
    found = explained(repo, "rules")
    assert found["rules.paths"][0] == "block"
    assert found["rules.paths"][1].startswith("minimum of the rule")
    assert found["rules.file-mode"] == ("info", ".github/mergewright.yml:3")


def test_what_is_proposed_is_a_valid_file(repo):
    shown = run("check", "--no-run", "--repo", repo, "--write").stdout
    assert "      types: mypy .\n" in shown
    checked = run("config", "check", "--repo", repo).output
    assert checked.startswith(".github/mergewright.yml: valid\n")


def test_index_hosts_of_the_repository_and_what_is_not_here_are_told(repo, monkeypatch):
    write(repo, "uv.toml", 'find-links = ["https://a.example/x"]\n')
    write(repo, ".gitmodules", '[submodule "x"]\n\tpath = vendor/x\n')
    told = run("config", "explain", "--repo", repo).output
    assert "set-up may read from a.example, a package index in uv.toml\n" in told
    assert "not here: submodule vendor/x\n" in told
    monkeypatch.setenv("MERGEWRIGHT_INDEX_HOSTS", "listed")
    assert "set-up may not read from a.example" in run("config", "explain", "--repo", repo).output


def test_the_reference_is_what_the_code_says():
    written = (ROOT / "REFERENCE.md").read_text(encoding="utf-8")
    assert written == reference.render(), "run `make reference`"
    assert reference.read_docstrings(Settings).keys() == Settings.model_fields.keys()
    for told in ("| `MERGEWRIGHT_MODEL_USD` | number, above 0 | `5.0` |", "`no_recipe`"):
        assert told in written


def test_what_has_its_default_is_shown_on_demand_alone(repo):
    write(repo, ".github/mergewright.yml", "http_client: httpx\nrules: {secrets: block}\n")
    write(repo, ".pre-commit-config.yaml", "repos: [{hooks: [{id: codespell}]}]\n")
    shown = run("config", "explain", "--repo", repo).output.splitlines()
    assert any(line.startswith("http_client ") for line in shown)
    assert shown[-2:] == ["not run: pre-commit hooks", "    codespell"]
    assert not any(line.startswith(("label ", "limits.usd ", "rules.paths ")) for line in shown)
    whole = run("config", "explain", "--repo", repo, "--all").output.splitlines()
    assert {line.split()[0] for line in whole} > {line.split()[0] for line in shown}
    assert any(line.startswith("rules.paths ") for line in whole)
