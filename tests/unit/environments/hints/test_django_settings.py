from __future__ import annotations

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


def services(base: str, test: str, config: str = "") -> list[tuple[str, ...]]:
    files = {
        "manage.py": MANAGE,
        "config/__init__.py": "",
        "config/settings/__init__.py": "",
        "config/settings/base.py": APPS + base,
        "config/settings/test.py": test,
        "shop/__init__.py": "",
        "shop/tests.py": "",
    }
    tree = Memory(files)
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
    # What is assigned last counts.
    assert services(POSTGRES, STAR + SQLITE) == []
    # It is asked for already.
    assert services(POSTGRES, STAR, 'services: ["postgres:15"]') == [("postgres", "", WHERE)]
