from __future__ import annotations

import pytest

from agent.environments.hints import commands
from agent.environments.hints.sightings import Sightings


def seen(script: str) -> dict[str, list[str]]:
    found = Sightings()
    commands.script(script, "here", found)
    values: dict[str, list[str]] = {}
    for kind, value in found.seen:
        values.setdefault(kind, []).append(value)
    return values


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pip install -r requirements/ci.txt", {"file": ["requirements/ci.txt"]}),
        ("python -m pip install -U pip -rdev.txt", {"file": ["dev.txt"]}),
        ("pip install -e '.[test, dev]'", {"extra": ["test", "dev"]}),
        ("pip install --editable=.[docs]", {"extra": ["docs"]}),
        ("uv pip install . -c constraints.txt --group test",
         {"constraint": ["constraints.txt"], "group": ["test"]}),
        ("pip install 'django>=4,<5' pytest-xdist tox", {"package": ["django<5,>=4", "pytest-xdist"]}),
        ("pip install --index-url https://me:hunter2@pypi.example.org/s x",
         {"index": ["https://pypi.example.org/s"], "package": ["x"]}),
        ("pip install $PACKAGE ./libs/x https://example.org/x.whl", {}),
        ("uv sync --extra cache --group=test --frozen", {"extra": ["cache"], "group": ["test"]}),
        ("poetry install --with dev,test -E 'a b' --no-root",
         {"group": ["dev", "test"], "extra": ["a", "b"]}),
        ("pdm install -dG test -G :all", {"group": ["test"], "extra": ["*"]}),
        ("pipenv install --dev --deploy", {"group": ["develop"]}),
        ("sudo apt-get update && sudo apt-get install -y --no-install-recommends libpq-dev gdal-bin",
         {"system package": ["libpq-dev", "gdal-bin"]}),
        ("apt-get remove libfoo", {}),
    ],
)  # fmt: skip
def test_what_is_installed_is_seen(line, found):
    assert seen(line) == found


@pytest.mark.parametrize(
    ("line", "test"),
    [
        ("pytest -x tests", "pytest -x tests"),
        ("poetry run pytest", "pytest"),
        ("uvx --python 3.12 --with tox-uv tox", "tox"),
        ("uv run --group test --python 3.12 pytest -m slow", "pytest -m slow"),
        ("coverage run --branch -m pytest tests", "pytest tests"),
        ("python -W error -m coverage run manage.py test app", "manage.py test app"),
        ("python ./tests/runtests.py --parallel", "runtests.py --parallel"),
        ("DJANGO_SETTINGS_MODULE=x.settings ./manage.py test", "manage.py test"),
        ("cd src && xvfb-run -a make test", "make test"),
        ("tox -e py311", "tox -e py311"),
        ("python -m unittest discover", "unittest discover"),
    ],
)
def test_the_command_that_tests_is_seen_behind_what_wraps_it(line, test):
    assert seen(line)["tests"] == [test]


@pytest.mark.parametrize(
    "line",
    ["tox -e lint", "nox -s docs", "ruff check tests", "make docs", "echo pytest", "manage.py migrate",
     "python -c 'import pytest'", "pytest-watch", "'unbalanced pytest"],
)  # fmt: skip
def test_other_commands_are_not_taken_for_tests(line):
    assert "tests" not in seen(line)


def test_variables_count_before_a_test_command_only():
    assert seen("A=1 B=$X pytest\nC=2 ruff check\nD=3")["variable"] == ["A=1", "B=$X"]


def test_groups_and_extras_of_uv_run_count():
    assert seen("uv run --group test --extra all pytest")["group"] == ["test"]


def test_lines_are_joined_and_expressions_are_open():
    found = seen(
        "pip install \\\n  -r a.txt \\\n  -r ${{ matrix.file }}\npytest ${{ matrix.args }}"
    )
    assert found == {"file": ["a.txt"], "tests": ["pytest '$OPEN'"]}
