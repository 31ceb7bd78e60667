from __future__ import annotations

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
envlist = py{39,310}-django{42,50}, py3.12, pypy3, lint
[testenv]
deps =
    -r{toxinidir}/requirements/test.txt
    django42: Django>=4.2,<5
    pytest-django
setenv =
    DJANGO_SETTINGS_MODULE = tests.settings
commands =
    python -m pytest {posargs:tests} --strict-markers
[testenv:lint]
deps = ruff
commands = ruff check .
"""


def test_tox_ini_shows_what_its_test_runs_use():
    assert seen(tox, "tox.ini", TOX) == {
        "python": ["3.9", "3.10", "3.12"],
        "tests": ["pytest tests --strict-markers"],
        "file": ["requirements/test.txt"],
        "package": ["pytest-django"],
        "variable": ["DJANGO_SETTINGS_MODULE=tests.settings"],
    }


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


# --- what is hostile -------------------------------------------------------------------------


def test_aliases_of_aliases_are_bounded():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(loose_yaml.NotRead, match="too many values"):
        loose_yaml.read(bomb)


def test_a_tag_constructs_nothing():
    assert loose_yaml.read("a: !!python/object/apply:os.system [exit]\n") == {"a": ["exit"]}
