from __future__ import annotations

import pytest

from agent.environments.hints import advice
from repo_config import detect, load
from tests.unit.environments.hints.test_advice import Memory, explanation

MANAGE = (
    "import os\nfrom django.core.management import execute_from_command_line\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")\n'
)
APPS = 'SECRET_KEY = "x"\nINSTALLED_APPS = ["shop"]\n'
POSTGRES = 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x"}}\n'
SQLITE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}\n'


def services(base: str, test: str, config: str = "", folder: str = "") -> list[tuple[str, ...]]:
    files = {
        "manage.py": MANAGE,
        "config/__init__.py": "",
        "config/settings/__init__.py": "",
        "config/settings/base.py": APPS + base,
        "config/settings/test.py": test,
        "shop/__init__.py": "",
        "shop/tests.py": "",
    }
    start = f"{folder}/" if folder else ""
    tree = Memory({f"{start}{path}": text for path, text in files.items()})
    settings = load.from_text(config, "mergewright.yml", tree)
    found = advice.hints(tree, explanation(), settings, detect.project(tree, settings))
    return [(one.says, one.line, *one.where) for one in found if one.subject == "services"]


STAR = "from .base import *\n"
WHERE = "config/settings/base.py:3 DATABASES"


def test_the_database_of_the_settings_is_a_hint_with_its_line():
    assert services(POSTGRES, STAR) == [("postgres", "services: [postgres]", WHERE)]
    assert services(POSTGRES, STAR, "services: [redis]") == [
        ("postgres", "services: [redis, postgres]", WHERE)
    ]
    # It is asked for already.
    assert services(POSTGRES, STAR, 'services: ["postgres:15"]') == [("postgres", "", WHERE)]


def test_paths_are_those_of_the_projects_folder():
    assert services(POSTGRES, STAR, "root: services/api", "services/api") == [
        ("postgres", "services: [postgres]", WHERE)
    ]


@pytest.mark.parametrize(
    ("base", "test", "found"),
    [
        # What is assigned last counts.
        (POSTGRES, STAR + SQLITE, []),
        (POSTGRES, SQLITE + STAR, ["postgres"]),
        (SQLITE, "from config.settings.base import *\n" + POSTGRES, ["postgres"]),
        (POSTGRES, STAR + 'DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3"}\n', []),
        # What is not for tests is not read.
        (POSTGRES, APPS, []),
        (POSTGRES, "from . import base\n", []),
        # Its environment decides.
        (POSTGRES.replace('"django', 'e("ENGINE", "django.db.backends.sqlite3") or "django'), STAR, []),
        ('DATABASES = {"default": env.db("DATABASE_URL")}\n', STAR, []),
        ('DATABASES = {"default": env.db("DATABASE_URL", default="postgres:///x")}\n', STAR, ["postgres"]),
        ('DATABASES: dict = {"default": dj_database_url.parse("postgis://u@db/x")}\n', STAR, ["postgres"]),
        ('CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache"}}\n', STAR, ["redis"]),
        ('CACHES = {"default": {"LOCATION": "redis://redis:6379/1"}}\n' + POSTGRES, STAR, ["redis, postgres"]),
        ('DATABASES = {"default": {"ENGINE": "django.db.backends.mysql"}}\n', STAR,
         ["mysql", "rooms do not offer mysql"]),
        # Nothing is said by what cannot be read, or leads in a circle.
        ("DATABASES = (\n", STAR, []),
        ("from .test import *\n", STAR, []),
        ('X["DATABASES"] = "postgres://"\nDATABASES.x = "postgres://"\nDATABASES += 1\n', STAR, []),
    ],
)  # fmt: skip
def test_only_what_the_settings_for_tests_say_counts(base, test, found):
    assert [says for says, *_ in services(base, test)] == found


def test_a_version_that_ci_names_goes_before_the_settings():
    files = {
        ".github/workflows/t.yml": "jobs: {t: {services: {p: {image: 'bitnami/postgresql:16'}},"
        " steps: [{run: pytest}]}}\n",
        "manage.py": MANAGE,
        "config/settings/test.py": APPS + POSTGRES,
        "shop/tests.py": "",
    }
    tree = Memory(files)
    settings = load.from_text("", "mergewright.yml", tree)
    found = advice.hints(tree, explanation(), settings, detect.project(tree, settings))
    (hint,) = [one for one in found if one.subject == "services"]
    assert hint.line == "services: [postgres:16]"
    load.from_text(hint.line, "mergewright.yml", tree)
