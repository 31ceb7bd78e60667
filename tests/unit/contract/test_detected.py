"""What is proposed as configuration, from files like those of real projects."""

from __future__ import annotations

import pytest

from agent.contract import effective, written
from agent.contract.effective import Read
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
    services: {{other: {{image: "postgres:9"}}}}
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


def test_an_empty_repository_proposes_nothing(tree):
    proposal = written.propose(tree({"README.md": ""}))
    assert proposal.facts == proposal.proposals == ()
    assert load.from_text(proposal.text, "x.yml").version == 1


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
    made = tree({"pyproject.toml": "[project]\nrequires-python = '>=3.10'\n", "app/auth/x.py": ""})
    text = written.propose(made).text
    assert facts(made) == {}
    assert '# python: {version: "3.10"}' in text
    assert '# scope: {human_only: ["app/auth/**"]}' in text
    uncommented = text.replace("# python: {v", "python: {v").replace("# scope: {h", "scope: {h")
    config = load.from_text(uncommented, "x.yml", made)
    assert (config.python.version, config.scope.human_only) == ("3.10", ("app/auth/**",))


# --- what is declared -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "known", "open_"),
    [
        ({"pyproject.toml": "[project]\nrequires-python = '==3.11.*'\n"}, "3.11", None),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.11,<3.12'\n"}, "3.11", None),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.10'\n"}, None, "3.10"),
        ({".python-version": "3.12.4\n"}, "3.12", None),
        (
            # What a host of documentation runs on says nothing of a project that begins later.
            {"runtime.txt": "3.8\n", "pyproject.toml": "[project]\nrequires-python = '==3.11.*'\n"},
            "3.11",
            None,
        ),
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
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.7'\n"}, None, "3.7"),
        ({"setup.py": "from setuptools import setup\nsetup()\n"}, None, None),
    ],
)
def test_python_is_known_where_all_that_names_it_agrees(tree, files, known, open_):
    made = tree(files)
    assert facts(made).get("python.version") == known
    assert left(made).get("python.version") == open_


def test_services_are_those_of_the_jobs_that_test_and_that_rooms_offer(tree):
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


def test_deployment_and_foreign_ci_are_protected(tree):
    made = tree(
        {".gitlab-ci.yml": "", "deploy/site.yml": "", ".circleci/config.yml": "", "a.py": ""}
    )
    assert facts(made)["scope.protect"] == [
        ".github/**", ".circleci/**", ".gitlab-ci.yml", "deploy/**",
    ]  # fmt: skip
    assert "scope.protect" not in facts(tree({"app/deploy/site.yml": ""}))


# --- what is counted --------------------------------------------------------------------------


def test_the_http_client_that_clearly_outweighs_the_others_is_known(tree):
    files = several("import httpx\n", 4)
    assert facts(tree(files))["http_client"] == "httpx"
    assert why(tree(files), "http_client") == (
        "4 of 4 files of the application that talk HTTP import it: app/m0.py:1, app/m1.py:1,"
        " app/m2.py:1 and 1 more"
    )
    assert facts(tree(files | {"app/x.py": "import requests\n"}))["http_client"] == "httpx"
    mixed = several("import requests\n", 2, "old")
    assert "http_client" not in facts(tree(files | mixed))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"app/tests/test_x.py": "import requests\n"},
        {"docs/conf.py": "import requests\n"},
        {"scripts/fetch.py": "import requests\n"},
        {"app/_vendor/x.py": "import requests\n"},
        {"app/y.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests\n"},
        {"app/y.py": "from aiohttp import web\n"},
        {"app/y.py": "from urllib.request import pathname2url\n"},
        {"app/y.py": "this is no Python\nimport requests\n"},
    ],
)
def test_what_is_not_the_application_or_sends_nothing_does_not_count(tree, elsewhere):
    made = tree(several("import httpx\n", 2) | elsewhere)
    assert "2 of 2 files" in why(made, "http_client")


def test_a_client_in_a_single_file_is_the_projects_where_it_is_declared(tree):
    one = {"app/x.py": "from requests import Session\n"}
    assert "http_client" not in facts(tree(one))
    declared = {"pyproject.toml": "[project]\ndependencies = ['requests>=2']\n"}
    assert facts(tree(one | declared))["http_client"] == "requests"


def test_a_client_that_the_configuration_has_no_word_for_leaves_it_open(tree):
    assert "http_client" not in facts(tree(several("import urllib.request\n", 9)))
    assert "http_client" not in facts(tree(several("import httplib2\n", 9)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("import logging\nlog = logging.getLogger(__name__)\n", "logging"),
        ("from logging import getLogger\nlog = getLogger(__name__)\n", "logging"),
        ("import structlog\nlog = structlog.get_logger()\n", "structlog"),
        ("import logging as std\nlog = std.getLogger()\n", "logging"),
        ("from loguru import logger\n", None),
        ("import logging\nlogging.info('x')\n", None),
        ("log = getLogger()\n", None),
    ],
)
def test_what_loggers_are_made_with(tree, text, value):
    assert facts(tree(several(text, 3))).get("logging") == value


DJANGO = {"manage.py": MANAGE, "site/settings.py": "INSTALLED_APPS = []\n"}
VIEWS = "from django.http import HttpResponse\n" + "".join(
    f"{{how}}def view{number}(request):\n    return HttpResponse()\n" for number in range(4)
)
ENDPOINTS = "from fastapi import APIRouter\nrouter = APIRouter()\n" + "".join(
    f"@router.get('/{number}')\n{{how}}def endpoint{number}():\n    return 1\n"
    for number in range(4)
)


def test_views_that_are_all_sync_make_a_sync_project(tree):
    made = tree(DJANGO | {"shop/views.py": VIEWS.format(how="")})
    assert facts(made)["concurrency.mode"] == "sync"
    assert why(made, "concurrency.mode") == "0 of 4 functions that answer requests are async"
    assert "concurrency.overrides" not in facts(made)


def test_a_folder_that_is_written_otherwise_is_an_override(tree):
    files = DJANGO | {
        "shop/views.py": VIEWS.format(how=""),
        "blog/views.py": VIEWS.format(how=""),
        "api/orders/a.py": ENDPOINTS.format(how="async "),
    }
    assert facts(tree(files))["concurrency.mode"] == "sync"
    assert facts(tree(files))["concurrency.overrides"] == [{"paths": ["api/**"], "mode": "async"}]
    config = load.from_text(written.propose(tree(files)).text, "x.yml")
    assert [(one.paths, one.mode) for one in config.concurrency.overrides] == [
        (("api/**",), "async")
    ]


def test_files_that_mix_both_leave_the_mode_open_with_the_count(tree):
    both = VIEWS.format(how="") + VIEWS.format(how="async ").replace("view", "other")
    made = tree(DJANGO | {"shop/views.py": both})
    assert "concurrency.mode" not in facts(made)
    [left] = [one for one in written.propose(made).proposals if one.key == "concurrency.mode"]
    assert left.why.startswith("4 of 8 functions that answer requests are async, and async ones")
    assert "shop/views.py:11" in left.why


def test_async_middleware_beside_sync_views_leaves_the_mode_open(tree):
    middleware = (
        "class Middleware:\n    async_capable = True\n\n"
        "    async def __acall__(self, request):\n        return await self.get_response(request)\n"
    )
    views = {"shop/views.py": VIEWS.format(how="")}
    made = tree(DJANGO | views | {"shop/middleware.py": middleware})
    assert "concurrency.mode" not in facts(made)
    text = written.propose(made).text
    assert "# concurrency: {mode: sync}\n" in text
    said = " ".join(text.replace("#", " ").split())
    assert (
        "0 of 4 functions that answer requests are async, but 1 other function is:"
        " shop/middleware.py:4"
    ) in said
    tests_alone = tree(DJANGO | views | {"tests/test_middleware.py": middleware})
    assert facts(tests_alone)["concurrency.mode"] == "sync"


def test_async_code_in_the_folder_that_is_an_override_leaves_the_rest_sync(tree):
    files = DJANGO | {
        "shop/views.py": VIEWS.format(how=""),
        "api/orders/a.py": ENDPOINTS.format(how="async "),
        "api/client.py": "async def ask():\n    pass\n",
    }
    assert facts(tree(files))["concurrency.mode"] == "sync"


def test_without_anything_that_answers_requests_nothing_is_proposed(tree):
    functions = "".join(f"def f{number}():\n    pass\n" for number in range(30))
    for text in (functions, functions + "async def g():\n    pass\n", "def f():\n    pass\n"):
        proposal = written.propose(tree({"lib/x.py": text}))
        assert "concurrency" not in proposal.text


# --- the ways of tests, databases and applications --------------------------------------------


@pytest.mark.parametrize(
    ("files", "share", "place"),
    [
        ({"pyproject.toml": "[tool.coverage.report]\nfail_under = 90.5\n"}, 90, "fail_under asks"),
        ({".coveragerc": "[report]\nfail_under = 85\n"}, 85, ".coveragerc: [report]"),
        ({"setup.cfg": "[coverage:report]\nfail_under=70\n"}, 70, "setup.cfg: [coverage:report]"),
        ({"tox.ini": "[testenv]\ncommands = pytest --cov-fail-under=80\n"}, 80, "tox.ini:2"),
        (
            {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["--cov-fail-under=77"]\n'},
            77,
            "pyproject.toml:2",
        ),
        (
            {
                ".coveragerc": "[report]\nfail_under = 85\n",
                "codecov.yml": "coverage:\n  status:\n    patch:\n      default:\n"
                "        target: 95%\n",
            },
            95,
            "codecov.yml asks for 95 % of what a change touches",
        ),
    ],
)
def test_a_share_of_coverage_that_is_demanded_is_left_to_a_person(tree, files, share, place):
    made = tree(files)
    assert left(made)["tests.coverage_of_change"] == share
    assert "tests.coverage_of_change" not in facts(made)
    proposal = written.propose(made)
    [fact] = [one for one in proposal.proposals if one.key == "tests.coverage_of_change"]
    assert place in fact.why
    assert f"# tests: {{coverage_of_change: {share}}}\n" in proposal.text


@pytest.mark.parametrize(
    "files",
    [
        {"codecov.yml": "coverage:\n  status:\n    patch:\n      default:\n        target: auto\n"},
        {"codecov.yml": "coverage: [\n"},
        {"codecov.yml": "coverage:\n  status:\n    patch: off\n"},
        {"pyproject.toml": "[tool.coverage.report]\nfail_under = 0\n"},
        {".coveragerc": "[report]\nfail_under = much\n"},
    ],
)
def test_no_share_that_is_demanded_is_no_proposal(tree, files):
    assert "tests.coverage_of_change" not in left(tree(files))


def test_the_factories_of_tests_are_left_to_a_person(tree):
    uses = several("import factory\n", 3, "tests/orders")
    assert left(tree(uses))["tests.factories"] == "factory_boy"
    assert "tests.factories" not in left(tree(several("import factory\n", 2, "tests")))
    mixed = uses | {"tests/test_x.py": "from model_bakery import baker\n"}
    assert "tests.factories" not in left(tree(mixed))


def test_the_only_database_of_the_settings_is_left_to_a_person(tree):
    settings = "DATABASES = {{'default': {{'ENGINE': 'django.db.backends.{}'}}}}\n"
    files = {"manage.py": MANAGE, "site/__init__.py": "", "requirements.txt": "django\n"}
    one = tree(files | {"site/settings.py": settings.format("mysql")})
    assert left(one)["django.database"] == "mysql"
    two = tree(
        files | {"site/settings.py": settings.format("mysql") + settings.format("postgresql")}
    )
    assert "django.database" not in left(two)
    for engine in ("snowflake", "sqlite3"):
        other = tree(files | {"site/settings.py": settings.format(engine)})
        assert "django.database" not in left(other)


def test_the_only_application_is_a_fact_and_one_of_several_is_for_a_person(tree):
    files = {"requirements.txt": "fastapi\n", "app/__init__.py": ""}
    made = "from fastapi import FastAPI\n\napp = FastAPI()\n"
    one = tree(files | {"app/main.py": made, "tests/test_app.py": made})
    assert facts(one)["fastapi.app"] == "app.main:app"
    assert why(one, "fastapi.app") == "app/main.py: app, the only application"
    two = tree(files | {"app/main.py": made, "app/internal/admin.py": made})
    assert "fastapi.app" not in facts(two)
    assert left(two)["fastapi.app"] == "app.main:app"
    [fact] = [one for one in written.propose(two).proposals if one.key == "fastapi.app"]
    assert fact.why == "one of 2 applications: app/internal/admin.py: app, app/main.py: app"
    assert '# fastapi: {app: "app.main:app"}\n' in written.propose(two).text


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


def test_the_mode_of_a_path_is_explained(tree):
    text = 'concurrency:\n  mode: sync\n  overrides:\n    - {paths: ["api/**"], mode: async}\n'
    made = tree({"api/x.py": ""})
    for path, mode, origin in (
        ("api/x.py", "async", "concurrency.overrides: api/** (.github/mergewright.yml:4)"),
        ("web/x.py", "sync", ".github/mergewright.yml:2"),
    ):
        found = {
            one.key: one
            for one in effective.at_path(path, read(text), written.Evidence(made).project)
        }
        assert (found["concurrency.mode"].value, found["concurrency.mode"].origin) == (mode, origin)
