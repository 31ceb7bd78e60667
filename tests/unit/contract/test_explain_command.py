"""`mergewright config explain` and `mergewright rules`, as they are called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.adapters.chat_model.prices import Row
from agent.cli import reference
from agent.cli.main import app
from agent.domain import Reason
from agent.policy import registry
from agent.settings import Settings
from repo_config import reference as keys

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
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def explained(repo: Path, *args: str) -> dict[str, tuple[object, str]]:
    result = run("config", "explain", "--repo", repo, "--json", *args)
    assert result.exit_code == 0, result.output
    return {one["key"]: (one.get("value"), one["origin"]) for one in json.loads(result.output)}


def test_every_key_and_every_rule_has_a_value_with_its_origin(repo):
    found = explained(repo)
    sections = [
        ".".join((*path, name))
        for path, section in keys.sections()
        for name, field in section.model_fields.items()
        if not keys.is_section(field.annotation) and name != "rules"
    ]
    assert list(found) == [*sections, *(f"rules.{rule.id}" for rule in registry.RULES)]
    assert all(origin for _, origin in found.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".github/mergewright.yml", "version: 1\nhttp_client: httpx\nscope:\n  max_files: 3\n"),
        (
            "pyproject.toml",
            "[tool.mergewright]\nhttp_client = 'httpx'\n[tool.mergewright.scope]\nmax_files = 3\n",
        ),
    ],
)
def test_what_the_file_says_is_told_with_its_line(repo, name, text):
    write(repo, name, text)
    found = explained(repo)
    assert found["http_client"] == ("httpx", f"{name}:2")
    assert found["scope.max_files"] == (3, f"{name}:4")
    assert found["scope.max_lines"] == (600, "default")


def test_what_was_detected_names_the_file(repo):
    found = explained(repo)
    assert found["checks.types.tool"] == ("mypy", "detected from mypy.ini")
    write(repo, ".github/mergewright.yml", "checks: {types: {tool: off}}\n")
    assert explained(repo)["checks.types.tool"] == ("off", ".github/mergewright.yml:1")


def test_pyright_is_told_with_what_says_so(repo):
    write(repo, "pyrightconfig.json", "{}")
    origin = "detected from mypy: mypy.ini, pyright: pyrightconfig.json"
    assert explained(repo)["checks.types.tool"] == (["mypy", "pyright"], origin)
    write(repo, ".github/mergewright.yml", "checks: {types: {tool: pyright}}\n")
    assert explained(repo)["checks.types.tool"] == ("pyright", ".github/mergewright.yml:1")
    (repo / "mypy.ini").unlink()
    (repo / ".github/mergewright.yml").unlink()
    assert explained(repo)["checks.types.tool"] == ("pyright", "detected from pyrightconfig.json")


def test_tools_that_are_only_named_are_told_with_the_reason(repo):
    (repo / "mypy.ini").unlink()
    write(repo, "tox.ini", "[testenv:lint]\ncommands =\n  flake8 $X\n  pyright || true\n")
    found = explained(repo)
    named = "tox.ini [testenv:lint] names it, and"
    assert found["checks.lint"] == (
        "none", f"{named} it is told $X, which only a shell could write out"
    )  # fmt: skip
    assert found["checks.types.tool"][1] == f"{named} there is no ||"
    text = run("config", "check", repo).output
    assert f"\n  not run: flake8: {named} it is told $X" in text


def test_what_the_operator_bounds_is_told_with_what_was_asked_for(repo, monkeypatch):
    write(repo, ".github/mergewright.yml", "limits: {minutes: 90, runs_per_day: 3}\nlabel: go\n")
    monkeypatch.setenv("MERGEWRIGHT_MAX_MINUTES", "20")
    monkeypatch.setenv("MERGEWRIGHT_LABEL", "robot")
    found = explained(repo)
    assert found["limits.minutes"] == (
        20,
        "bounded by MERGEWRIGHT_MAX_MINUTES: at most 20; .github/mergewright.yml:1 asks for 90",
    )
    assert found["limits.runs_per_day"] == (3, ".github/mergewright.yml:1")
    assert found["label"] == ("go", ".github/mergewright.yml:2")
    write(repo, ".github/mergewright.yml", "version: 1\n")
    assert explained(repo)["label"] == ("robot", "MERGEWRIGHT_LABEL")


def test_what_models_may_cost_is_bounded_by_the_operator(repo, monkeypatch):
    write(repo, ".github/mergewright.yml", "limits: {usd: 9, tokens: 7000}\n")
    found = explained(repo)
    assert found["limits.usd"] == (
        5.0,
        "bounded by MERGEWRIGHT_MODEL_USD: at most 5.0; .github/mergewright.yml:1 asks for 9.0",
    )
    assert found["limits.tokens"] == (7000, ".github/mergewright.yml:1")
    monkeypatch.setenv("MERGEWRIGHT_MODEL_TOKENS", "4000")
    assert explained(repo)["limits.tokens"][0] == 4000
    write(repo, ".github/mergewright.yml", "version: 1\n")
    assert explained(repo)["limits.tokens"] == (
        4000,
        "bounded by MERGEWRIGHT_MODEL_TOKENS: at most 4000",
    )


def test_the_weight_of_a_rule_is_bounded_by_its_floor_and_by_the_operator(repo, monkeypatch):
    write(
        repo,
        ".github/mergewright.yml",
        "rules:\n  paths: info\n  file-mode: info\n  http-client: off\n",
    )
    monkeypatch.setenv("MERGEWRIGHT_RULE_FLOORS", "http-client=review")
    found = explained(repo, "rules")
    assert found["rules.paths"] == (
        "block",
        "bounded by the rule itself: no less than block; .github/mergewright.yml:2 asks for info",
    )
    assert found["rules.file-mode"] == ("info", ".github/mergewright.yml:3")
    assert found["rules.http-client"][0] == "review"
    assert found["rules.http-client"][1].startswith("bounded by MERGEWRIGHT_RULE_FLOORS")


@pytest.mark.parametrize(
    ("path", "value", "origin"),
    [
        ("shop/models.py", "may be touched", "scope.allow: ** (default)"),
        (".github/workflows/ci.yml", "never touched", "scope.protect: .github/**"),
        ("payments/card.py", "only people change it", "scope.human_only: payments/**"),
        (".github/mergewright.yml", "never touched", "Mergewright's own configuration"),
    ],
)
def test_what_holds_for_a_path(repo, path, value, origin):
    write(repo, path, "")
    write(repo, ".github/mergewright.yml", 'scope: {human_only: ["docs/**", "payments/**"]}\n')
    found = explained(repo, "--path", path)["scope"]
    assert found[0] == value
    assert found[1].startswith(origin)


def test_a_path_outside_of_the_projects_folder_and_one_that_decides(repo):
    write(repo, ".github/mergewright.yml", "root: shop\nscope: {allow: [shop/**]}\n")
    write(repo, "other/x.py", "")
    write(repo, "shop/conftest.py", "")
    outside = explained(repo, "--path", "other/x.py")
    assert outside["root"] == (
        "outside of the project's folder shop",
        ".github/mergewright.yml:1",
    )
    assert outside["scope"] == (
        "never touched",
        "scope.allow does not name it (.github/mergewright.yml:2)",
    )
    decides = explained(repo, "--path", str(repo / "shop" / "conftest.py"))
    assert decides["checks"] == (
        "decides about the checks",
        "it is loaded into every test run below it",
    )


def test_one_key_and_one_that_is_not_known(repo):
    result = run("config", "explain", "checks.tests", "--repo", repo)
    assert [line.split()[0] for line in result.output.splitlines() if line[0] != " "] == [
        "checks.tests.runner", "checks.tests.script", "checks.tests.args", "checks.tests.minutes",
        "checks.tests.reruns",
    ]  # fmt: skip
    assert "After this long the suite is ended" in result.output
    wrong = run("config", "explain", "http_cleint", "--repo", repo)
    assert wrong.exit_code == 2
    assert "Did you mean http_client?" in " ".join(wrong.output.replace("│", " ").split())


NESTED = """\
http_client:
  name: httpx
  timeout: required
env: {A: "1"}
fastapi:
  auth:
    - {paths: ["/admin/**"], dependency: app.auth.admin}
    - {paths: ["/**"], dependency: app.auth.user}
concurrency:
  overrides: [{paths: ["api/**"], mode: async}]
django: {managers: {shop.models.Order: active}}
"""


@pytest.mark.parametrize(
    ("key", "value", "lines"),
    [
        ("http_client.timeout", "required", "3"),
        ("http_client.retries", "any", None),
        ("fastapi.auth.dependency", ["app.auth.admin", "app.auth.user"], "7 8"),
        ("fastapi.auth[1].dependency", "app.auth.user", "8"),
        ("fastapi.auth[1].paths", ["/**"], "8"),
        ("concurrency.overrides.mode", "async", "10"),
        ("env.A", "1", "4"),
        ("django.managers.shop.models.Order", "active", "11"),
    ],
)
def test_a_key_within_a_value_is_explained(repo, key, value, lines):
    write(repo, ".github/mergewright.yml", NESTED)
    places = [f".github/mergewright.yml:{line}" for line in (lines or "").split()]
    assert explained(repo, key) == {key: (value, ", ".join(places) or "default")}
    told = run("config", "explain", key, "--repo", repo).output.splitlines()
    assert told[0].startswith(key)
    assert told[1].strip()


def test_a_key_within_a_value_that_is_not_given(repo):
    assert explained(repo, "http_client.name") == {"http_client.name": ("any", "default")}
    assert explained(repo, "env.NOT_THERE")["env.NOT_THERE"][1] == "not set"
    assert explained(repo, "fastapi.auth.paths")["fastapi.auth.paths"][1] == "not set"
    write(repo, ".github/mergewright.yml", "version: 1\nhttp_client: httpx\n")
    short = ".github/mergewright.yml:2"
    assert explained(repo, "http_client.name") == {"http_client.name": ("httpx", short)}
    assert explained(repo, "http_client.timeout") == {"http_client.timeout": ("any", "default")}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("http_client.timeuot", "Did you mean http_client.timeout?"),
        ("timeout", "Did you mean http_client.timeout?"),
        ("http_client.speed", "http_client has: name, timeout, retries"),
        ("fastapi.auth.scope", "fastapi.auth has: paths, dependency"),
        ("rules.new-prin", "Did you mean rules.new-print"),
        ("chekcs", "Did you mean checks"),
        ("", "`config explain` lists them"),
        ("zzz.qqq[", "`config explain` lists them"),
    ],
)
def test_a_key_that_is_not_known_is_answered_by_the_nearest(repo, key, said):
    result = run("config", "explain", key, "--repo", repo)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_a_file_that_is_not_there_is_answered_by_the_nearest(repo, tmp_path):
    write(repo, "shop/models.py", "")
    (repo / "shop" / "linked.py").symlink_to(repo / "shop" / "models.py")
    for named, said in (
        ("shop/model.py", "there is no file shop/model.py in the repository. Did you mean shop/"),
        ("models.py", "Did you mean shop/models.py?"),
        ("zzz", "there is no file zzz in the repository"),
        ("shop", "shop is a folder. Name a file in it"),
        ("shop/linked.py", "shop/linked.py is a link"),
        (str(tmp_path / "x.py"), "is outside of the repository at"),
        ("../x.py", "is outside of the repository at"),
    ):
        result = run("config", "explain", "--repo", repo, "--path", named)
        assert result.exit_code == 2, named
        assert said in " ".join(result.output.replace("│", " ").split()), result.output


def test_a_file_may_be_named_from_the_folder_that_one_is_in(repo, monkeypatch):
    write(repo, "shop/models.py", "")
    monkeypatch.chdir(repo / "shop")
    result = run("config", "explain", "--path", "models.py", "scope")
    assert result.exit_code == 0
    assert "may be touched" in result.output
    wrong = run("config", "explain", "--path", "models.py", "python")
    assert wrong.exit_code == 2
    assert "no key python of a file. There are: root, scope," in " ".join(
        wrong.output.replace("│", " ").split()
    )


def test_a_configuration_with_a_mistake_is_not_explained(repo):
    write(repo, ".github/mergewright.yml", "verison: 1\n")
    result = run("config", "explain", "--repo", repo)
    assert result.exit_code == 2
    assert "1:1: unknown key" in result.output


def test_rules_are_listed_with_their_weight_here(repo):
    write(repo, ".github/mergewright.yml", "rules: {file-mode: info}\n")
    listed = json.loads(run("rules", "--repo", repo, "--json").output)
    assert [one["id"] for one in listed] == [rule.id for rule in registry.RULES]
    mode = next(one for one in listed if one["id"] == "file-mode")
    assert (mode["weighs"], mode["by_itself"], mode["floor"]) == ("info", "review", "off")
    assert mode["origin"] == ".github/mergewright.yml:1"
    table = run("rules", "--repo", repo).output
    assert re.search(r"^file-mode +info\* +off +No file becomes executable", table, re.MULTILINE)


def test_the_table_has_the_least_that_each_rule_can_be_made_to(repo, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_RULE_FLOORS", "http-client=review")
    monkeypatch.delenv("COLUMNS", raising=False)
    first, *rows = run("rules", "--repo", repo).output.splitlines()
    assert first.split() == ["rule", "weighs", "at", "least", "demands"]
    assert len(rows) == len(registry.RULES)
    floors = {line.split()[0]: line.split()[2] for line in rows}
    assert (floors["paths"], floors["http-client"], floors["file-mode"]) == (
        "block", "review", "off",
    )  # fmt: skip
    assert "the least it can be made to" in " ".join(run("rules", "--help").output.split())


def test_one_rule_is_shown_with_examples_and_an_unknown_one_with_the_nearest(repo, monkeypatch):
    monkeypatch.chdir(repo.parent)
    shown = run("rules", "http-client").output
    assert "import requests  # and http_client is httpx" in shown
    assert "may be off" in shown
    assert "no less than block" in run("rules", "paths").output
    wrong = run("rules", "htp-client")
    assert wrong.exit_code == 2
    assert "Did you mean http-client" in " ".join(wrong.output.replace("│", " ").split())


def test_the_reference_is_what_the_code_says():
    written = (ROOT / "REFERENCE.md").read_text(encoding="utf-8")
    assert written == reference.document(), "run `make reference`"
    for rule in registry.RULES:
        assert f"#### `{rule.id}`\n\n{rule.demands} Weighs `{rule.severity.value}`;" in written


def test_the_reference_tells_every_setting_and_every_end_of_a_run():
    for kind in (Settings, Row):
        assert reference.said(kind).keys() == kind.model_fields.keys()
    assert reference.said(Reason).keys() == Reason.__members__.keys()
    lines = reference.document().splitlines()
    for row in (
        "| `MERGEWRIGHT_MODEL_STREAM` | on or off | `on` | on: replies are taken piece by piece,",
        "| `MERGEWRIGHT_MODEL_USD` | a number above 0 | `5.0` | Dollars that one run may spend;",
        "| `MERGEWRIGHT_MODEL_TOKENS` | a whole number of at least 1 | not set | Tokens that one",
        "| `cache_read` | no | Of what is sent and comes from the provider's cache;",
        "| `budget_spent` | `failed` | yes | What the run may use of models is spent.",
        "| `no_recipe` | `needs_human` | no | No recipe fits the ticket, and no model is set.",
        "| `superseded` | `cancelled` | of issues alone | The issue is no longer what was approved.",
    ):
        assert [line for line in lines if line.startswith(row)], row


def test_the_python_that_runs_take_here_is_told_beside_the_declared_one(repo):
    write(repo, "pyproject.toml", "[project]\nname = 'shop'\nrequires-python = '>=3.9'\n")
    result = run("config", "explain", "python.version", "--repo", repo)
    first, here, _ = result.output.splitlines()
    assert first.split()[:2] == ["python.version", "3.9"]
    checked = json.loads(run("config", "check", repo, "--json").output)["python_here"]
    assert here.strip() == (
        f"runs here take Python {checked['version']} ({checked['path']}), because"
        " pyproject.toml requires-python: >=3.9"
    )
    assert Path(checked["path"]).name.startswith("python3")
    assert here.strip() in " ".join(run("config", "check", repo).output.split())


def test_a_python_that_is_not_to_be_had_is_told_before_any_run(repo):
    write(repo, ".github/mergewright.yml", 'python: {version: "3.99"}\n')
    found = run("config", "explain", "python.version", "--repo", repo).output.splitlines()[1]
    assert found.strip().startswith(
        "runs find no Python here: The repository asks for Python 3.99 (python.version)"
    )


def test_without_rooms_here_no_python_is_named(repo, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_SANDBOX", "docker")
    checked = json.loads(run("config", "check", repo, "--json").output)["python_here"]
    assert checked["version"] == ""
    assert "No container engine answers" in checked["why"]
    monkeypatch.setenv("MERGEWRIGHT_HOME", "/proc/nowhere")
    assert "runs find no Python here: MERGEWRIGHT_HOME:" in run("config", "check", repo).output
