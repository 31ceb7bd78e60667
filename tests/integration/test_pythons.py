"""Each Python of this machine, in a sandbox: its environment is built, and the checks tell the truth."""

from collections.abc import Iterator
from typing import Any

import pytest
from packaging.version import Version

from agent.models.checks import Status
from agent.models.sandbox import Root
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import interpreters
from tests.folders import data_folder
from tests.integration import check_samples
from tests.integration.check_samples import SITE, Files

pytestmark = [pytest.mark.index, pytest.mark.deep]


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with data_folder("pythons") as home:
        yield Settings(home=home)


def minors(settings: Settings) -> list[str]:
    """List the minor versions that this machine has an interpreter of."""
    roots: tuple[Root, ...] = BubblewrapSandbox(settings).roots()
    found = [Version(python.version) for python in interpreters.find_pythons(settings, roots)]
    wanted = sorted({(one.major, one.minor) for one in found if one >= interpreters.OLDEST})
    return [f"{major}.{minor}" for major, minor in wanted]


def measured(settings: Settings, files: Files, minor: str) -> dict[str, Any]:
    sandbox = BubblewrapSandbox(settings)
    told = {"python": {"version": minor}}
    site = check_samples.declared_site(files, told, settings, sandbox, lambda line: None)
    assert site.environment.interpreter.version.startswith(f"{minor}.")
    return check_samples.measured(site, sandbox)


def project(minor: str, tests: str) -> dict[str, str]:
    return {
        "requirements.txt": "django\npytest\nmypy\n",
        "pytest.ini": "[pytest]\n",
        "mypy.ini": "[mypy]\nfiles = typed.py\n",
        "typed.py": "def right() -> int:\n    return 1\n\n\ndef wrong() -> int:\n    return 'x'\n",
        **SITE,
        "shop/models.py": """
            from django.db import models


            class Order(models.Model):
                name = models.CharField(max_length=10)
        """,
        "shop/migrations/0001_initial.py": """
            from django.db import migrations


            class Migration(migrations.Migration):
                initial = True
                operations = []
        """,
        "test_all.py": tests,
    }


HONEST = """
    import ctypes, lzma, sqlite3, ssl, sys

    def test_green():
        assert sys.version.startswith("{minor}.")

    def test_red():
        assert 1 == 2
"""
FORGED = """
    import os

    def test_green():
        os._exit(0)
"""


def test_checks_tell_the_truth_on_each_python(settings):
    for minor in minors(settings):
        tell_the_truth(settings, minor)


def tell_the_truth(settings: Settings, minor: str) -> None:
    found = measured(settings, project(minor, HONEST.format(minor=minor)), minor)
    tests = {item.item_id: item.outcome for item in found["tests"].items}
    assert tests == {"test_all.py::test_green": "passed", "test_all.py::test_red": "failed"}
    assert (found["tests"].status, found["tests"].reason) == (Status.FAILED, "")
    (wrong,) = found["mypy"].items
    assert (found["mypy"].status, "typed.py" in wrong.place) == (Status.FAILED, True)
    assert [item.item_id for item in found["makemigrations"].items] == ["shop: Create model Order"]
    assert found["django check"].status is Status.PASSED, found["django check"].reason
    forged = measured(settings, project(minor, FORGED), minor)
    assert forged["tests"].status is Status.UNVERIFIED
