"""How alembic is started in a repository, read from its files alone."""

import pytest

from repo_config import detect
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree

INI = "[alembic]\nscript_location = {}\n"
FLASK = {"migrations/alembic.ini": "[alembic]\n", "migrations/env.py": ""}
FACTORY = "def create_app():\n    return Flask(__name__)\n"
FOUND = {
    "at the root": ({"alembic.ini": INI.format("alembic")}, "alembic"),
    "in a folder": ({"db/alembic.ini": INI.format("alembic")}, "cd db && alembic"),
    "in a folder, its scripts named from the root": (
        {"db/alembic.ini": INI.format("db/scripts"), "db/scripts/env.py": ""},
        "alembic -c db/alembic.ini",
    ),
    "in a folder whose name has a meaning in a shell": (
        {"a;b/alembic.ini": INI.format("a;b/scripts"), "a;b/scripts/env.py": ""},
        "alembic -c 'a;b/alembic.ini'",
    ),
    "in pyproject.toml": (
        {
            "alembic.ini": "[alembic]\n",
            "pyproject.toml": "[tool.alembic]\nscript_location = '%(here)s/alembic'\n",
        },
        "alembic",
    ),
    "Flask's factory": (FLASK | {"shop/__init__.py": FACTORY}, "flask --app shop/__init__.py db"),
    "Flask below a folder": (
        {f"api/{path}": text for path, text in (FLASK | {"wsgi.py": FACTORY}).items()},
        "cd api && flask --app wsgi.py db",
    ),
    "settings of tests": ({"tests/alembic.ini": INI.format("alembic")}, None),
    "none": ({"shop/__init__.py": FACTORY}, None),
}


@pytest.mark.parametrize(("files", "start"), FOUND.values(), ids=FOUND)
def test_alembic_is_started_where_its_settings_are(files, start):
    project = detect.detect_project(DictTree(files), RepoConfig())
    upgrade = f"{start} upgrade head"
    check = f"{upgrade} && {(start or '').rpartition('&& ')[2]} check"
    expected = {"alembic upgrade": upgrade, "alembic check": check} if start else {}
    assert {command.name: command.line for command in project.extra} == expected


def test_the_configuration_says_how_alembic_is_started():
    def list_lines(**checks: object) -> list[str]:
        config = RepoConfig.model_validate({"checks": checks}, strict=False)
        tree = DictTree({"alembic.ini": INI.format("alembic")})
        return [command.line for command in detect.detect_project(tree, config).extra]

    assert list_lines(alembic="off") == []
    assert list_lines(alembic=["alembic -n a", "alembic -n b"]) == [
        "alembic -n a upgrade head",
        "alembic -n a upgrade head && alembic -n a check",
        "alembic -n b upgrade head",
        "alembic -n b upgrade head && alembic -n b check",
    ]
