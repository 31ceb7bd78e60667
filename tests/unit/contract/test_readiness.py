"""The readiness of a repository: each gap and its near miss, and `mergewright readiness`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.contract import readiness
from agent.contract.facts import Evidence
from agent.contract.gaps import ORDER, Aspect
from tests.unit.policy.cases import DictTree, as_bytes

CI = ".github/workflows/ci.yml"
TESTED = (
    "jobs:\n  test:\n    strategy: {matrix: {python: ['3.11']}}\n    steps:\n      - run: pytest\n"
)
MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)
SITE = {"manage.py": MANAGE, "site/settings.py": "INSTALLED_APPS = []\n"}
TEST = {"tests/test_x.py": "def test_x():\n    pass\n"}
HTTP = {"app/a.py": "import httpx\n", "app/b.py": "import httpx\n"}
VIEW = "from django.http import HttpResponse\n{}def {}(request):\n    return HttpResponse()\n"
MANY = "Order.objects.create()\n" * 4


def aspects(files: Mapping[str, str]) -> dict[str, Aspect]:
    tree = DictTree({path: as_bytes(text) for path, text in files.items()})
    return {one.name: one for one in readiness.of(Evidence(tree))}


def project(text: str) -> dict[str, str]:
    return {"pyproject.toml": f"[project]\n{text}\n"}


def migrations(count: int) -> dict[str, str]:
    return {f"shop/migrations/{number:04}_x.py": "" for number in range(count)}


GAPS = {
    "no tests": ("tests", "high", {"app/x.py": ""}),
    "no CI": ("tests in CI", "medium", TEST),
    "no type checker": ("type checker in CI", "medium", TEST),
    "a type checker that nothing runs": ("type checker in CI", "medium", {"mypy.ini": "", CI: TESTED}),
    "ranges alone": ("pinned dependencies", "medium", project("dependencies = ['httpx>=0.2']")),
    "loose requirements": ("pinned dependencies", "medium", {"requirements.txt": "a\nb==1\nc\n"}),
    "no Python named": ("pinned Python", "medium", {"app/x.py": ""}),
    "an old Python": ("pinned Python", "medium", project("requires-python = '>=3.7'")),
    "an untested Python": ("pinned Python", "low", project("requires-python = '>=3.9'") | {CI: TESTED}),
    "a foreign service": (
        "services", "high",
        {CI: TESTED + "    services: {db: {image: 'mysql:8'}}\n"},
    ),
    "settings that cannot be told": (
        "settings for tests", "high",
        {"requirements.txt": "django\n", "a/settings.py": "INSTALLED_APPS = []\n",
         "b/settings.py": "INSTALLED_APPS = []\n"},
    ),
    "a long job": ("test run time", "low", {CI: TESTED + "    timeout-minutes: 90\n"}),
    "a suite in shards": ("test run time", "low", {CI: TESTED.replace("pytest", "pytest --splits 4")}),
    "marked flaky": ("flaky tests", "medium", {"tests/test_x.py": "@pytest.mark.flaky\ndef test(): ...\n"}),
    "a rerunner": ("flaky tests", "medium", {"requirements.txt": "pytest-rerunfailures\n"}),
    "retries in CI": ("flaky tests", "medium", {".gitlab-ci.yml": "test:\n  retry: 2\n"}),
    "two HTTP clients": ("one HTTP client", "medium", HTTP | {"app/c.py": "import requests\n"}),
    "both modes": (
        "sync or async", "medium",
        SITE | {"shop/views.py": "".join(VIEW.format(how, f"v{n}{bool(how)}")
                                         for how in ("", "async ") for n in range(4))},
    ),
    "both ORM modes": (
        "one ORM mode", "medium",
        {"app/a.py": "from sqlalchemy.ext.asyncio import AsyncSession\n",
         "app/b.py": "from sqlalchemy.orm import Session\n"},
    ),
    "async queries in Django": ("one ORM mode", "low", SITE | {"shop/x.py": "Order.objects.acount()\n"}),
    "two task systems": (
        "one system of background tasks", "low",
        {"app/a.py": "from celery import shared_task\n", "app/b.py": "import dramatiq\n"},
    ),
    "migrations": ("migrations", "low", SITE | migrations(60)),
    "very many migrations": ("migrations", "medium", SITE | migrations(151)),
    "data by hand": (
        "factories for test data", "low", SITE | {f"tests/test_{n}.py": MANY for n in range(3)},
    ),
    "no recorded replies": ("recorded replies", "medium", HTTP | TEST),
}  # fmt: skip
READY = {
    "tests": ("tests", TEST),
    "tests in CI": ("tests in CI", {CI: TESTED}),
    "mypy in CI": ("type checker in CI", {CI: TESTED + "      - run: mypy app\n"}),
    "mypy in a table of tox": (
        "type checker in CI", {"pyproject.toml": "[tool.tox]\nlegacy_tox_ini = 'mypy app'\n"},
    ),
    "pyright before commits": ("type checker in CI", {".pre-commit-config.yaml": "- id: pyright\n"}),
    "a lock": ("pinned dependencies", project("dependencies = ['a']") | {"uv.lock": ""}),
    "compiled requirements": ("pinned dependencies", {"requirements.txt": "a==1\nb==2\nc==3\n"}),
    "an exact Python": ("pinned Python", project("requires-python = '==3.11.*'")),
    "a tested Python": ("pinned Python", project("requires-python = '>=3.11'") | {CI: TESTED}),
    "services that rooms have": ("services", {CI: TESTED + "    services: {db: {image: 'postgres:16'}}\n"}),
    "settings": ("settings for tests", SITE),
    "one HTTP client": ("one HTTP client", HTTP | {"tests/test_x.py": "import requests\n"}),
    "one mode": ("sync or async", SITE | {"shop/views.py": VIEW.format("", "a")}),
    "a few migrations": ("migrations", SITE | migrations(12)),
    "factories": (
        "factories for test data",
        SITE | {f"tests/test_{n}.py": MANY for n in range(3)} | {"tests/made.py": "import factory\n"},
    ),
    "no models by hand": ("factories for test data", SITE | TEST),
    "recorded replies": ("recorded replies", HTTP | {"tests/test_x.py": "import respx\n"}),
    "cassettes": ("recorded replies", HTTP | TEST | {"tests/cassettes/a.yaml": ""}),
}  # fmt: skip
UNKNOWN = {
    "run time": ("test run time", {CI: TESTED}),
    "a short job": ("test run time", {CI: TESTED + "    timeout-minutes: 20\n"}),
    "flakiness": ("flaky tests", {"tests/test_x.py": "def test_flaky_things_are_told(): ...\n"}),
    "nothing declared": ("pinned dependencies", TEST),
}


@pytest.mark.parametrize(("name", "severity", "files"), GAPS.values(), ids=list(GAPS))
def test_a_gap_has_its_weight_and_words_for_an_issue(name, severity, files):
    found = aspects(files)[name]
    assert (found.state, found.severity) == ("gap", severity), found
    assert found.ticket is not None
    assert len(found.ticket.title) < 72
    assert "Done when" in found.ticket.body
    assert all(f"`{place}`" in found.ticket.body for place in found.places)


@pytest.mark.parametrize(("name", "files"), READY.values(), ids=list(READY))
def test_what_comes_close_is_ready(name, files):
    found = aspects(files)[name]
    assert (found.state, found.ticket) == ("ready", None), found


@pytest.mark.parametrize(("name", "files"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_files_do_not_tell_is_never_ready(name, files):
    assert aspects(files)[name].state == "unknown"


def test_gaps_come_first_the_worst_of_them_at_the_top():
    found = list(aspects(HTTP | {"app/c.py": "import requests\n"}).values())
    gaps = [one for one in found if one.state == "gap"]
    assert found[: len(gaps)] == gaps
    severities = [ORDER.index(one.severity) for one in gaps if one.severity]
    assert severities == sorted(severities)


def test_places_of_a_folder_are_those_of_the_repository():
    files = {
        "api/pyproject.toml": "",
        "api/tests/test_x.py": "@pytest.mark.flaky\ndef test(): ...\n",
    }
    tree = DictTree({path: as_bytes(text) for path, text in files.items()})
    found = {one.name: one for one in readiness.of(Evidence(tree, "api"))}
    assert found["flaky tests"].places == ("api/tests/test_x.py:1",)


def test_nothing_foreign_ends_a_cell_or_becomes_more_than_words():
    files = HTTP | {"app/[x](y)|`@octocat`.py": "import requests\n"}
    table = readiness.markdown(tuple(aspects(files).values()))
    row = next(line for line in table.splitlines() if "one HTTP client" in line)
    assert row.replace("\\|", "").count("|") == 4
    assert "``app/[x](y)\\|`@octocat`.py:1``" in row


def test_the_command_prints_a_table_and_ends_well_with_gaps(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    run = CliRunner()
    shown = run.invoke(app, ["readiness", "--repo", str(tmp_path)])
    assert shown.exit_code == 0
    assert "no tests that a runner finds" in " ".join(shown.output.split())
    report = json.loads(run.invoke(app, ["readiness", "--repo", str(tmp_path), "--json"]).output)
    assert report[0]["ticket"]["title"] == "Add a first test suite"
    tickets = run.invoke(app, ["readiness", "--repo", str(tmp_path), "--tickets"]).output
    assert tickets.startswith("# Add a first test suite\n\nThere are no tests")
    assert run.invoke(app, ["readiness", "--repo", str(tmp_path / "no")]).exit_code == 2
