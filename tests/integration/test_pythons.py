"""Each Python of this machine, in a room: its environment is built, and the checks tell the truth.

`MERGEWRIGHT_TEST_ROOTS` names a folder of root file systems whose Pythons are tried as well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.package_index import SimpleIndex
from agent.checks import check, measuring
from agent.checks.check import Site
from agent.domain import CheckResult, Status
from agent.editing.tree import WorkTree
from agent.environments import build, found_pythons, interpreters
from agent.environments.build import EnvironmentRequest
from agent.errors import EnvironmentFailed
from agent.ports import Root
from agent.settings import Settings
from repo_config import detect
from repo_config.schema import RepoConfig

pytestmark = pytest.mark.index

ROOTS = os.environ.get("MERGEWRIGHT_TEST_ROOTS")


def prepared() -> Settings:
    """A data folder that has the root file systems of the test."""
    os.umask(0o022)
    home = Path(tempfile.mkdtemp(prefix="mergewright-pythons-", dir="/tmp"))
    home.chmod(0o711)
    (home / "roots").mkdir()
    for place in Path(ROOTS).iterdir() if ROOTS else ():
        (home / "roots" / place.name).symlink_to(place)
    return Settings(home=home)


def minors() -> list[str]:
    """The minor versions that this machine has an interpreter of."""
    given = prepared()
    try:
        roots: tuple[Root, ...] = BubblewrapSandbox(given).roots()
        found = [Version(one.version) for one in found_pythons.Memory(given, roots).found()]
    finally:
        shutil.rmtree(given.home)
    wanted = sorted({(one.major, one.minor) for one in found if one >= interpreters.OLDEST})
    return [f"{major}.{minor}" for major, minor in wanted]


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    given = prepared()
    yield given
    shutil.rmtree(given.home, ignore_errors=True)


def measured(settings: Settings, files: Mapping[str, str], minor: str) -> dict[str, CheckResult]:
    tree = Path(tempfile.mkdtemp(dir=settings.home))
    tree.chmod(0o755)
    for path, content in files.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(content).lstrip("\n"))
    config = RepoConfig.model_validate({"python": {"version": minor}})
    sandbox = BubblewrapSandbox(settings)
    request = EnvironmentRequest(tree=str(tree), python=config.python)
    environment = build.ensure(request, sandbox, SimpleIndex(settings), settings, lambda line: None)
    assert environment.python.startswith(f"{minor}.")
    site = Site(
        tree=tree,
        environment=environment,
        config=config,
        project=detect.project(WorkTree(tree, dict.fromkeys(files, 0o644)), config),
        limits=check.granted(settings),
    )
    results = measuring.measure(site, sandbox, lambda line: None)
    return {one.name: one for one in results}


def project(minor: str, tests: str) -> dict[str, str]:
    return {
        "requirements.txt": "django\npytest\nmypy\n",
        "pytest.ini": "[pytest]\n",
        "mypy.ini": "[mypy]\nfiles = typed.py\n",
        "typed.py": "def right() -> int:\n    return 1\n\n\ndef wrong() -> int:\n    return 'x'\n",
        "manage.py": """
            import os, sys

            if __name__ == "__main__":
                os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
                from django.core.management import execute_from_command_line
                execute_from_command_line(sys.argv)
        """,
        "settings.py": """
            SECRET_KEY = "x"
            INSTALLED_APPS = ["shop"]
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
            DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        """,
        "shop/__init__.py": "",
        "shop/models.py": """
            from django.db import models


            class Order(models.Model):
                name = models.CharField(max_length=10)
        """,
        "shop/migrations/__init__.py": "",
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


@pytest.mark.parametrize("minor", minors())
def test_checks_tell_the_truth_on_each_python(settings, minor):
    found = measured(settings, project(minor, HONEST.format(minor=minor)), minor)
    tests = {one.item_id: one.outcome for one in found["tests"].items}
    assert tests == {"test_all.py::test_green": "passed", "test_all.py::test_red": "failed"}
    assert (found["tests"].status, found["tests"].reason) == (Status.FAILED, "")
    (wrong,) = found["mypy"].items
    assert (found["mypy"].status, "typed.py" in wrong.place) == (Status.FAILED, True)
    assert [one.item_id for one in found["makemigrations"].items] == ["shop: Create model Order"]
    assert found["django check"].status is Status.PASSED, found["django check"].reason
    forged = measured(settings, project(minor, FORGED), minor)
    assert forged["tests"].status is Status.UNVERIFIED


def test_too_old_a_python_is_refused_by_its_name(settings):
    with pytest.raises(EnvironmentFailed, match=r"Python 3\.8 \(python\.version\)\. Nothing older"):
        measured(settings, {}, "3.8")
