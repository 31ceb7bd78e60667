"""What is proposed as configuration, from files like those of real projects."""

from __future__ import annotations

import pytest

from agent.onboarding import written
from agent.onboarding.effective import Read
from repo_config import load

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)
WORKFLOW = """\
on: push
jobs:
  test:
    strategy: {{matrix: {{python: {pythons}}}}}
    services:
      postgres: {{image: "postgres:16"}}
      cache: {{image: "redis:7-alpine"}}
      mail: {{image: "mailhog"}}
    steps:
      - run: pytest
  lint:
    steps:
      - run: ruff check
"""


def facts(made) -> dict[str, object]:
    return {one.key: one.value for one in written.propose(made).facts}


def left(made) -> dict[str, object]:
    return {one.key: one.value for one in written.propose(made).proposals}


def why(made, key: str) -> str:
    return next(one.why for one in written.propose(made).facts if one.key == key)


def several(text: str, count: int, folder: str = "app") -> dict[str, str]:
    return {f"{folder}/m{number}.py": text for number in range(count)}


# --- the text ---------------------------------------------------------------------------------


def test_each_value_has_its_reason_above_it_and_the_file_is_valid(tree):
    made = tree(
        {
            "manage.py": MANAGE,
            "site/settings.py": "INSTALLED_APPS = []\n",
            "site/tests.py": "",
            "mypy.ini": "",
        }
    )
    text = written.propose(made).text
    config = load.from_text(text, ".github/mergewright.yml", made)
    assert (config.framework, config.django.settings) == ("django", "site.settings")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if ":" in line and "#" not in line and not line.endswith(":") and "version" not in line:
            assert lines[number - 1].lstrip().startswith("#"), line
    assert "  types:\n    # mypy.ini\n    tool: mypy\n" in text


def test_nothing_of_a_repository_ends_a_comment_or_adds_a_line(tree):
    odd = "deploy/a\u2028b\x85c: [#.tf"
    made = tree({odd: "", "deploy/x.tf": ""})
    text = written.propose(made).text
    assert facts(made)["scope.protect"] == [".github/**", "deploy/**"]
    assert "\u2028" not in text
    assert "\x85" not in text


def test_what_only_a_person_can_decide_stands_in_comments(tree):
    made = tree(
        {
            "pyproject.toml": "[project]\nrequires-python = '>=3.10'\n",
        }
        | several("import factory\n", 3, "tests")
    )
    text = written.propose(made).text
    assert facts(made) == {}
    assert left(made)["tests.factories"] == "factory_boy"
    for line in ('python: {version: "3.10"}', "tests: {factories: factory_boy}"):
        assert f"# {line}\n" in text
        text = text.replace(f"# {line}", line)
    config = load.from_text(text, "x.yml", made)
    assert (config.python.version, config.tests.factories) == ("3.10", "factory_boy")


# --- what is declared -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "known", "open_"),
    [
        ({"pyproject.toml": "[project]\nrequires-python = '==3.11.*'\n"}, "3.11", None),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.10'\n"}, None, "3.10"),
        (
            {
                ".python-version": "3.12\n",
                "pyproject.toml": "[project]\nrequires-python='>=3.10'\n",
            },
            None,
            "3.12",
        ),
        (
            {
                "pyproject.toml": "[project]\nrequires-python = '>=3.10'\n",
                ".github/workflows/ci.yml": WORKFLOW.format(pythons='["3.10", "3.13"]'),
            },
            "3.10",
            None,
        ),
        (
            {
                "pyproject.toml": "[project]\nrequires-python = '>=3.10'\n",
                ".github/workflows/ci.yml": WORKFLOW.format(pythons='["3.12", "3.13"]'),
            },
            None,
            "3.10",
        ),
    ],
)
def test_python_is_known_where_all_that_names_it_agrees(tree, files, known, open_):
    made = tree(files)
    assert facts(made).get("python.version") == known
    assert left(made).get("python.version") == open_


def test_services_are_those_of_jobs_that_sandboxes_offer(tree):
    made = tree({".github/workflows/ci.yml": WORKFLOW.format(pythons="[]")})
    assert facts(made)["services"] == ["postgres", "redis"]
    assert "job test has postgres:16" in why(made, "services")


def test_a_database_that_settings_name_alone_is_a_service(tree):
    engine = "INSTALLED_APPS = []\nX = {{'ENGINE': 'django.db.backends.{}'}}\n"
    files = {"manage.py": MANAGE, "site/settings.py": engine.format("postgresql")}
    assert facts(tree(files))["services"] == ["postgres"]
    assert why(tree(files), "services") == "site/settings.py:2 names PostgreSQL alone"
    both = files | {"site/settings_test.py": engine.format("sqlite3")}
    assert "services" not in facts(tree(both))
    assert "services" not in facts(tree(files | {"site/settings.py": engine.format("sqlite3")}))


def test_the_one_folder_that_holds_the_project_is_its_root(tree):
    files = {
        "services/api/pyproject.toml": "[project]\nrequires-python = '==3.11.*'\n[tool.mypy]\n",
        "services/api/app/tests/test_x.py": "",
        "docs/index.md": "",
    }
    found = facts(tree(files))
    assert found["root"] == "services/api"
    assert found["checks.types.tool"] == "mypy"
    assert found["python.version"] == "3.11"
    assert "root" not in facts(tree(files | {"services/web/pyproject.toml": ""}))
    assert "root" not in facts(tree(files | {"pyproject.toml": ""}))


def test_notes_for_contributors_have_a_person_say_whether_machines_may_contribute(tree):
    made = tree({".github/CONTRIBUTING.md": "No machines, please.\n"})
    assert left(made) == {"contributions": "allow"}
    assert "# contributions: allow\n" in written.propose(made).text
    assert left(tree({"README.md": ""})) == {}


# --- what is counted --------------------------------------------------------------------------


def test_the_http_client_that_clearly_outweighs_the_others_is_known(tree):
    files = several("import httpx\n", 4)
    assert facts(tree(files))["http_client"] == "httpx"
    reason = why(tree(files), "http_client")
    assert reason.startswith("4 of 4 files")
    assert "app/m0.py:1, app/m1.py:1" in reason
    assert facts(tree(files | {"app/x.py": "import requests\n"}))["http_client"] == "httpx"
    mixed = several("import requests\n", 2, "old")
    assert "http_client" not in facts(tree(files | mixed))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"app/tests/test_x.py": "import requests\n"},
        {"app/y.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests\n"},
        {"app/y.py": "from aiohttp import web\n"},
    ],
)
def test_what_is_not_the_application_or_sends_nothing_does_not_count(tree, elsewhere):
    made = tree(several("import httpx\n", 2) | elsewhere)
    assert "2 of 2 files" in why(made, "http_client")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("import logging as std\nlog = std.getLogger()\n", "logging"),
        ("import structlog\nlog = structlog.get_logger()\n", "structlog"),
        ("import logging\nlogging.info('x')\n", None),
    ],
)
def test_what_loggers_are_made_with(tree, text, value):
    assert facts(tree(several(text, 3))).get("logging") == value


DJANGO = {"manage.py": MANAGE, "site/settings.py": "INSTALLED_APPS = []\n"}
VIEWS = "from django.http import HttpResponse\n" + "".join(
    f"{{how}}def view{number}(request):\n    return HttpResponse()\n" for number in range(4)
)


@pytest.mark.parametrize(
    ("middleware", "sure"), [("def m(get): ...\n", True), ("async def m(get): ...\n", False)]
)
def test_the_mode_of_what_answers_requests_is_known_where_nothing_is_otherwise(
    tree, middleware, sure
):
    made = tree(DJANGO | {"shop/views.py": VIEWS.format(how=""), "shop/m.py": middleware})
    assert (facts(made) if sure else left(made))["concurrency.mode"] == "sync"


@pytest.mark.parametrize(
    ("views", "value"),
    [
        ("def {}(request):\n    pass\n", "function"),
        ("class {}(generic.ListView):\n    pass\n", "class"),
        ("def _{}(request):\n    pass\n", None),
    ],
)
def test_views_of_one_kind(tree, views, value):
    text = "".join(views.format(f"one{number}") for number in range(5))
    other = "class A(View): ...\nclass B(View): ...\ndef a(request): ...\ndef b(request): ...\n"
    found = [
        facts(tree(DJANGO | {"a/views.py": text})).get("django.views"),
        facts(tree(DJANGO | {"a/views.py": text + other})).get("django.views"),
        facts(tree({"a/views.py": text})).get("django.views"),
    ]
    assert found == [value, None, None]


def test_files_that_mix_both_leave_the_mode_open_with_the_count(tree):
    both = VIEWS.format(how="") + VIEWS.format(how="async ").replace("view", "other")
    made = tree(DJANGO | {"shop/views.py": both})
    assert "concurrency.mode" not in facts(made)
    [left] = [one for one in written.propose(made).proposals if one.key == "concurrency.mode"]
    assert left.why.startswith("4 of 8 functions")
    assert "shop/views.py:11" in left.why


def test_without_anything_that_answers_requests_nothing_is_proposed(tree):
    functions = "".join(f"def f{number}():\n    pass\n" for number in range(30))
    for text in (functions, functions + "async def g():\n    pass\n", "def f():\n    pass\n"):
        proposal = written.propose(tree({"lib/x.py": text}))
        assert "concurrency" not in proposal.text


# --- the ways of tests, databases and applications --------------------------------------------


def test_the_only_application_is_a_fact_and_one_of_several_is_for_a_person(tree):
    files = {"requirements.txt": "fastapi\n", "app/__init__.py": ""}
    made = "from fastapi import FastAPI\n\napp = FastAPI()\n"
    one = tree(files | {"app/main.py": made, "tests/test_app.py": made})
    assert facts(one)["fastapi.app"] == "app.main:app"
    two = tree(files | {"app/main.py": made, "app/internal/admin.py": made})
    assert "fastapi.app" not in facts(two)
    assert left(two)["fastapi.app"] == "app.main:app"
    [fact] = [one for one in written.propose(two).proposals if one.key == "fastapi.app"]
    assert "app/internal/admin.py: app, app/main.py: app" in fact.why


# --- beside a file that is there --------------------------------------------------------------


def read(text: str) -> Read:
    name = ".github/mergewright.yml"
    return Read(load.from_text(text, name), load.Source(name=name, text=text))


def test_a_files_own_values_win_and_what_differs_is_named(tree):
    made = tree(several("import httpx\n", 4) | {"mypy.ini": ""})
    mine = read("http_client: requests\nlimits: {minutes: 9}\n")
    proposal = written.propose(made, mine)
    config = load.from_text(proposal.text, "x.yml")
    assert (config.http_client, config.limits.minutes) == ("requests", 9)
    assert config.checks.types.tool == "mypy"
    assert "# as it stood in .github/mergewright.yml\nhttp_client: requests\n" in proposal.text
    differs = list(written.differences(written.propose(made), mine))
    assert differs[1].startswith(
        "http_client: requests (.github/mergewright.yml:1); detected httpx (4 of 4 files"
    )
    assert differs[0] == "checks.types.tool: not in the file; detected mypy (mypy.ini)"


def test_a_file_with_all_kinds_of_values_is_written_down_as_it_was(tree):
    text = (
        'env: {A: "1", B: "yes: no"}\nservices: [postgres]\n'
        'concurrency: {mode: any, overrides: [{paths: ["a/**", "!b"], mode: sync}]}\n'
        "rules: {file-mode: off}\npull_request: {draft: true}\nlabel: go on\n"
        "checks: {lint: [ruff], types: {tool: off}}\npython: {extras: []}\n"
    )
    proposal = written.propose(tree({"a.py": ""}), read(text))
    assert load.from_text(proposal.text, "x.yml") == load.from_text(text, "x.yml")
