"""What tests lack and an installed package names in one of its extras."""

from __future__ import annotations

import pytest

from agent.environments.distributions import find_missing_packages as find
from agent.environments.tree_files import WorkTreeFiles
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.environment import Environment

WEB = """\
Metadata-Version: 2.4
Name: web.lib
Version: 1
Provides-Extra: full
Provides-Extra: mail
Requires-Dist: needed
Requires-Dist: httpx[http2]<1,>=0.27; python_version >= "3.9" and extra == "full"
Requires-Dist: pyyaml; extra == "full"
Requires-Dist: email-validator>=2; extra == "mail"
Requires-Dist: secrets; python_version < "3" and extra == "full"
Requires-Dist: elsewhere @ https://example.org/x.whl ; extra == "full"
Requires-Dist: odd; extra == "full" and platform_release > "x"
Requires-Dist: nothing !
"""


@pytest.fixture
def environment(tmp_path):
    for name, text in {
        "web.lib-1": WEB,
        "zoo-1": WEB.replace("web.lib", "zoo").replace("httpx[http2]<1,>=0.27", "httpx==0.1"),
    }.items():
        place = tmp_path / "lib" / "python3.12" / "site-packages" / f"{name}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(text)
    return Environment(
        key="k", path=str(tmp_path), gate_path="", scripts_path="", python="3.12.1",
        interpreter_mounts=(), interpreter="", sources=(), packages=("web-lib==1", "zoo==1"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ModuleNotFoundError: No module named 'httpx'", ("httpx[http2]<1,>=0.27",)),
        ("zoo/a.py\nModuleNotFoundError: No module named 'httpx'", ("httpx==0.1",)),
        ("ModuleNotFoundError: No module named 'yaml'", ("pyyaml",)),
        ("RuntimeError: zoo.client requires the httpx package.", ("httpx==0.1",)),
        ("ImportError: email-validator is not installed", ("email-validator>=2",)),
        ("ModuleNotFoundError: No module named 'pkg_resources'", ("setuptools<67.5",)),
        ("ModuleNotFoundError: No module named 'distutils'", ("setuptools",)),
        ("AssertionError: httpx", ()),
        ("ModuleNotFoundError: No module named 'needed'", ()),
        ("ModuleNotFoundError: No module named 'secrets'", ()),
        ("ModuleNotFoundError: No module named 'elsewhere'", ()),
        ("ModuleNotFoundError: No module named 'httpx.inner'", ()),
    ],
)
def test_what_an_error_names_is_found_with_its_bounds(environment, tmp_path, text, found):
    printed = CheckResult(name="tests", status=Status.FAILED, output=text)
    item = CheckItem(item_id="tests/test_a.py (collection)", outcome="error", text=text)
    for tests in (printed, printed.model_copy(update={"output": "", "items": (item,)})):
        assert find(tests, environment, WorkTreeFiles(tmp_path)) == found


PROJECT = """\
[project]
name = "mine"
[project.optional-dependencies]
excel = ["OpenPyXL>=3; python_version > '3'", "old; python_version < '3'", "mine[mail]"]
bs4 = ["beautifulsoup4"]
mail = ["mine[all]", "elsewhere @ https://example.org/x.whl"]
"""
POETRY = """\
[tool.poetry]
name = "mine"
[tool.poetry.dependencies]
openpyxl = {version = "^3.1", optional = true}
[tool.poetry.extras]
excel = ["openpyxl"]
"""


@pytest.mark.parametrize(
    ("project", "name", "found"),
    [
        (PROJECT, "openpyxl", ("OpenPyXL>=3",)),
        (PROJECT, "bs4", ("beautifulsoup4",)),
        (PROJECT, "old", ()),
        (PROJECT, "mine", ()),
        (PROJECT, "elsewhere", ()),
        (POETRY, "openpyxl", ("openpyxl<4.0,>=3.1",)),
    ],
)
def test_what_an_extra_of_the_project_names_is_found(environment, tmp_path, project, name, found):
    (tmp_path / "pyproject.toml").write_text(project)
    output = f"ModuleNotFoundError: No module named '{name}'"
    tests = CheckResult(name="tests", status=Status.FAILED, output=output)
    assert find(tests, environment, WorkTreeFiles(tmp_path)) == found
