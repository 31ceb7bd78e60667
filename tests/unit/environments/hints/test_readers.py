from __future__ import annotations

import time

import pytest

from agent.environments.hints import ci_files, nox, tox
from agent.environments.hints.sightings import Sightings
from repo_config import loose_yaml
from repo_config.project_files import Files


class OneFile:
    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text

    def paths(self) -> tuple[str, ...]:
        return (self._path,)

    def read(self, path: str) -> bytes:
        assert path == self._path
        return self._text.encode()


def seen(reader, path: str, text: str) -> dict[str, list[str]]:
    found = Sightings()
    reader.collect(Files(OneFile(path, text)), found)
    values: dict[str, list[str]] = {}
    for kind, value in found.seen:
        values.setdefault(kind, []).append(value)
    return values | ({"unread": list(found.unread.values())} if found.unread else {})


# --- tox -------------------------------------------------------------------------------------

TOX = """
[tox]
envlist = py{39,310}-django{42,50}, py3.12, pypy3, py27, lint
[testenv]
deps =
    -r{toxinidir}/requirements/test.txt
    -c constraints.txt
    django42: Django>=4.2,<5
    pytest-django
extras = test
dependency_groups = ci
setenv =
    DJANGO_SETTINGS_MODULE = tests.settings
    HOME = {envtmpdir}
commands =
    python -m pytest {posargs:tests} \\
        --strict-markers
[testenv:postgres]
deps = psycopg
commands = pytest {posargs} -m postgres
[testenv:lint]
deps = ruff
commands = ruff check .
"""


def test_tox_ini_shows_what_its_test_runs_use():
    assert seen(tox, "tox.ini", TOX) == {
        "python": ["3.9", "3.10", "3.12"],
        "tests": ["pytest tests --strict-markers", "pytest -m postgres"],
        "file": ["requirements/test.txt"],
        "constraint": ["constraints.txt"],
        "package": ["pytest-django", "psycopg"],
        "extra": ["test"],
        "group": ["ci"],
        "variable": ["DJANGO_SETTINGS_MODULE=tests.settings"],
    }


def test_tox_in_pyproject_in_both_forms():
    table = """
[tool.tox]
env_list = ["3.11", "3.13", "type"]
[tool.tox.env_run_base]
deps = ["six", "-r dev.txt"]
dependency_groups = ["tests"]
set_env = {A = "1"}
commands = [["pytest", "-v"], [{replace = "posargs"}]]
[tool.tox.env.type]
deps = ["mypy"]
commands = [["mypy"]]
"""
    found = {
        "python": ["3.11", "3.13"], "tests": ["pytest -v"], "package": ["six"],
        "file": ["dev.txt"], "group": ["tests"], "variable": ["A=1"],
    }  # fmt: skip
    assert seen(tox, "pyproject.toml", table) == found
    assert (
        seen(tox, "tox.toml", table.replace("tool.tox.", "").replace("[tool.tox]\n", "")) == found
    )
    old = "[tool.tox]\nlegacy_tox_ini = '''\n[tox]\nenvlist = py39\n'''\n"
    assert seen(tox, "pyproject.toml", old) == {"python": ["3.9"]}


# --- nox -------------------------------------------------------------------------------------

NOX = """
import nox
raise SystemExit("it is not run")
PYTHONS = ["3.10", "3.12"]
@nox.session(python=PYTHONS, tags=["x"])
def tests(session):
    session.install("-r", "requirements-test.txt", f"django=={1}")
    session.install("-e", ".[test]")
    session.run("pytest", "tests", *session.posargs)
@nox.session
def lint(session):
    session.install("ruff")
    session.run("ruff", "check")
"""


def test_a_noxfile_is_read_and_not_run():
    assert seen(nox, "noxfile.py", NOX) == {
        "file": ["requirements-test.txt"], "extra": ["test"], "tests": ["pytest tests"],
        "python": ["3.10", "3.12"],
    }  # fmt: skip


def test_a_noxfile_that_is_no_python_is_said():
    assert seen(nox, "noxfile.py", "def (") == {
        "unread": ["it is not Python that can be read here"]
    }


# --- GitHub ----------------------------------------------------------------------------------

WORKFLOW = """
on: [push]
env: {PIP_CACHE_DIR: x, SECRET_KEY: "not-secret"}
jobs:
  tests:
    strategy:
      matrix:
        python-version: ["3.9", "3.13", 3.12]
        database: [postgres]
        include: [{python-version: "3.14-dev"}]
    services:
      db: {image: "docker.io/library/postgres:15.3-alpine", env: {POSTGRES_PASSWORD: x}}
      cache: redis
    env: &common {DATABASE_URL: "postgres://u:p@localhost/x"}
    steps:
      - uses: actions/setup-python@v5
        with: {python-version: "${{ matrix.python-version }}"}
      - run: sudo apt-get install -y libpq-dev
      - run: |
          pip install -r requirements/${{ matrix.database }}.txt
          pytest --cov
        env: {TOKEN: "${{ secrets.TOKEN }}"}
      - run: twine upload dist/*
        env: {TWINE_PASSWORD: x}
  docs:
    env: *common
    steps: [{run: pip install sphinx}]
"""


def test_a_workflows_test_jobs_are_read_and_the_others_are_not():
    assert seen(ci_files, ".github/workflows/test.yml", WORKFLOW) == {
        "variable": [
            "PIP_CACHE_DIR=x", "SECRET_KEY=not-secret", "DATABASE_URL=postgres://u:p@localhost/x",
            "TOKEN=${{ secrets.TOKEN }}",
        ],
        "system package": ["libpq-dev"],
        "file": ["requirements/postgres.txt"],
        "tests": ["pytest --cov"],
        "python": ["3.9", "3.13", "3.12", "3.14"],
        "service": ["postgres:15", "redis"],
    }  # fmt: skip


MONO = """
jobs:
  api: {defaults: {run: {working-directory: services/api}}, env: {A: "1"}, steps: [{run: pytest}]}
  other: {env: {B: "2"}, steps: [{run: cd services/api-old && pytest}]}
  both: {steps: [{run: pip install -r services/api/ci.txt && pytest services/api}]}
"""


def test_of_a_repository_with_several_projects_the_jobs_of_the_one_count():
    found = Sightings()
    path = ".github/workflows/x.yml"
    ci_files.collect(Files(OneFile(path, MONO)), found, "services/api")
    assert {value for _, value in found.seen} == {"A=1", "pytest", "ci.txt", "pytest services/api"}


# --- GitLab ----------------------------------------------------------------------------------

GITLAB = """
default: {image: "python:3.11-slim", before_script: [pip install -r base.txt]}
variables: {A: "1"}
.shared: &shared
  services: [{name: "postgres:16"}, valkey/valkey:8]
.extended: {variables: {B: "2"}}
test:
  <<: *shared
  extends: .extended
  parallel: {matrix: [{PYTHON: ["3.10", "3.12"]}]}
  script: [!reference [.shared, script], pytest]
deploy:
  script: [pip install twine-x]
"""


def test_a_gitlab_pipeline_is_read_with_its_anchors():
    assert seen(ci_files, ".gitlab-ci.yml", GITLAB) == {
        "file": ["base.txt"], "tests": ["pytest"], "python": ["3.11", "3.10", "3.12"],
        "service": ["postgres:16", "redis"], "variable": ["A=1", "B=2"],
    }  # fmt: skip


# --- what is hostile -------------------------------------------------------------------------


def test_aliases_of_aliases_are_bounded():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(loose_yaml.NotRead, match="too many values"):
        loose_yaml.read(bomb)


def test_an_alias_of_itself_ends():
    with pytest.raises(loose_yaml.NotRead):
        loose_yaml.read("a: &a [*a]\n")


@pytest.mark.parametrize(
    "text",
    ["jobs: [", "jobs: 1\n", "jobs: {x: {steps: {run: 1}}}\n", "- 1\n", "\x00", "? [a]\n: b\n"],
)
def test_what_is_no_workflow_says_nothing_but_harms_nothing(text):
    found = seen(ci_files, ".github/workflows/x.yml", text)
    assert set(found) <= {"unread"}


def test_a_tag_constructs_nothing():
    assert loose_yaml.read("a: !!python/object/apply:os.system [exit]\n") == {"a": ["exit"]}


def test_values_of_several_lines_are_nobodys_setting():
    found = Sightings()
    found.note("variable", "A=x\ny", "here")
    found.note("variable", "B=\x1b[31m", "here")
    assert found.seen == {}


@pytest.mark.parametrize("key", ["commands", "deps", "extras", "dependency_groups"])
def test_a_number_in_the_place_of_a_list_says_nothing(key):
    assert "unread" not in seen(tox, "tox.toml", f"[env_run_base]\n{key} = 3\n")


def test_a_noxfile_that_is_nested_too_deep_is_not_read():
    assert seen(nox, "noxfile.py", "x = " + "-" * 20_000 + "1\n")["unread"]


def test_what_is_opened_and_never_closed_is_not_searched_again_and_again():
    begun = time.process_time()
    seen(tox, "tox.ini", "[tox]\nenvlist = " + "{" * 100_000)
    run = "${{" * 60_000
    seen(ci_files, ".gitlab-ci.yml", f"a:\n  script: '{run}'\n")
    assert time.process_time() - begun < 10
