"""A change that declares other packages than base is checked with those, installed for real."""

from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from agent.desk import Desk
from agent.models.change import Change, ChangedFile, ClearedChange
from agent.models.checks import CheckReport
from agent.models.environment import Prepared
from agent.stages import baseline, checks
from tests.integration.check_samples import PLAN
from tests.integration.environment_building import begin_run, with_our_tools

pytestmark = [pytest.mark.index, pytest.mark.deep]

FILES = {
    "requirements.txt": "pytest\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
}


@pytest.fixture(scope="module")
def begun() -> Iterator[tuple[Prepared, CheckReport, Desk]]:
    """Carry a run as far as its baseline."""
    with with_our_tools() as settings:
        prepared, desk = begin_run(settings, dict(FILES))
        yield prepared, baseline.measure_base(prepared, desk), desk


def changed(prepared: Prepared, base: Mapping[str, str] = FILES, /, **after: str) -> ClearedChange:
    files = tuple(
        ChangedFile(
            path=path, before=base[path].encode() if path in base else None, after=text.encode()
        )
        for path, text in sorted((name.replace("_DOT_", "."), one) for name, one in after.items())
    )
    return ClearedChange(
        change=Change(base_commit=prepared.checkout.commit, files=files), findings=()
    )


def test_what_the_build_of_a_change_writes_into_the_environment_is_named(begun):
    prepared, before, desk = begun
    planting = (
        "import setuptools, sysconfig\n"
        "site = '/env/lib/python' + sysconfig.get_python_version() + '/site-packages/'\n"
        "open(site + 'sitecustomize.py', 'w').write('planted = True')\n"
        "open(site + 'pip/__init__.py', 'a').write('planted = True')\n"
        "setuptools.setup(name='shop', version='1', py_modules=['shop'])\n"
    )
    cleared = changed(prepared, setup_DOT_py=planting, requirements_DOT_txt="pytest\nsix\n-e .\n")
    judged = checks.check_cleared(cleared, PLAN, before, prepared, desk)
    (finding,) = next(one for one in judged.compared if one.name == "packages").findings
    assert (finding.rule, finding.severity.value) == ("environment-altered", "review")
    assert "pip/__init__.py, sitecustomize.py" in finding.message


def test_what_is_built_of_a_file_that_a_change_edits_is_built_again():
    files = {
        "setup.py": "import setuptools\n\n"
        "open('made.py', 'w').write(open('made.in').read())\n"
        "setuptools.setup(name='shop', version='1', py_modules=['made'])\n",
        "made.in": "RATE = 1\n",
        "requirements.txt": "pytest\n",
        "test_made.py": "import made\n\n\ndef test_made():\n    assert made.RATE == 1\n",
    }
    with with_our_tools() as settings:
        prepared, desk = begin_run(settings, files)
        before = baseline.measure_base(prepared, desk)
        test = files["test_made.py"].replace("1", "2")
        cleared = changed(prepared, files, made_DOT_in="RATE = 2\n", test_made_DOT_py=test)
        (item,) = checks.check_cleared(cleared, PLAN, before, prepared, desk).ran.tests.items
        assert (item.item_id, item.outcome) == ("test_made.py::test_made", "passed")


PROJECT = """
[project]
name = "tool"
dynamic = ["version"]

[build-system]
requires = ["setuptools>=68"]
build-backend = "{backend}"
backend-path = ["build"]

[tool.setuptools]
package-dir = {{"" = "src"}}
packages = ["tool"]
dynamic = {{version = {{attr = "tool.VERSION"}}}}
"""
COPIED = {
    ".github/mergewright.yml": "setup: [pip install . pytest]\n",
    "build/with_links.py": "from setuptools.build_meta import build_editable, build_wheel\n",
    "build/wheels_only.py": "from setuptools.build_meta import build_wheel\n",
    "src/tool/__init__.py": 'VERSION = "1"\n',
    "src/tool/work.py": "def total(prices):\n    return sum(prices)\n",
    "test_tool.py": "from tool import work\n\n\ndef test_total():\n    assert work.total([1]) == 1\n",
}
EDITED_TEST = """
from importlib.metadata import version

from tool import VERSION, work


def test_total():
    assert work.total([1]) == 2
    assert version("tool") == VERSION == "2"
"""


@pytest.mark.parametrize("backend", ["with_links", "wheels_only"])
def test_an_installed_copy_of_the_project_is_never_what_tests_of_a_change_import(backend):
    files = COPIED | {"pyproject.toml": PROJECT.format(backend=backend)}
    edits = {
        "src/tool/work_DOT_py": "def total(prices):\n    return sum(prices) + 1\n",
        "src/tool/__init___DOT_py": 'VERSION = "2"\n',
        "test_tool_DOT_py": EDITED_TEST,
    }
    with with_our_tools() as settings:
        prepared, desk = begin_run(settings, files)
        before = baseline.measure_base(prepared, desk)
        judge = partial(
            checks.check_cleared, plan=PLAN, before=before, prepared=prepared, desk=desk
        )
        (item,) = judge(changed(prepared, files, **edits)).ran.tests.items
        assert (item.item_id, item.outcome) == ("test_tool.py::test_total", "passed"), item.text
        only_code = {"src/tool/work_DOT_py": edits["src/tool/work_DOT_py"]}
        (item,) = judge(changed(prepared, files, **only_code)).ran.tests.items
        assert item.outcome == "failed"
