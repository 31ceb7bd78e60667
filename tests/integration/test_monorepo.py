"""A project in a folder of a repository: its environment, and checks that run there."""

from __future__ import annotations

import subprocess

import pytest
import uv

from agent.environments import build
from agent.environments.request import EnvironmentRequest
from agent.sandbox.bubblewrap import BubblewrapSandbox
from repo_config import detect, load
from tests.folders import lay_files
from tests.integration.check_samples import outcomes
from tests.integration.environment_building import local, with_our_tools
from tests.unit.environments import local_index

ROOT = "services/api"


def package(name: str, *requires: str) -> dict[str, str]:
    """A project with a backend of its own."""
    lines = "".join(f"Requires-Dist: {one}\\n" for one in requires)
    return {
        "pyproject.toml": local_index.PYPROJECT,
        "backend.py": local_index.BACKEND.format(
            name=name, version="1", build="pass", metadata=lines
        ),
        f"{name}.py": f"name = '{name}'\n",
    }


MEMBER = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "1"
requires-python = ">=3.9"
dependencies = [{requires}]
[dependency-groups]
dev = [{dev}]
"""


WORKSPACE = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["services/*", "libs/*"]\n'
    "[tool.uv.sources]\ncommon = {workspace = true}\n",
}


def member(folder: str, requires: str, dev: str = "") -> dict[str, str]:
    name = folder.rpartition("/")[2]
    files = package(name) | {"pyproject.toml": MEMBER.format(name=name, requires=requires, dev=dev)}
    return {f"{folder}/{path}": text for path, text in files.items()}


@pytest.mark.deep
@pytest.mark.index
def test_the_lock_of_a_workspace_above_the_folder_fixes_what_its_member_gets(home):
    tree = home / "tree"
    tree.mkdir()
    names = ("wanted", "shared", "checker", "elsewhere", "pip")
    with with_our_tools() as settings, local_index.serving() as served:
        served.add(*(local_index.wheel(name, "1.0") for name in names))
        lay_files(tree, WORKSPACE)
        lay_files(tree, member(ROOT, '"common", "wanted"', '"checker"'))
        lay_files(tree, member("libs/common", '"shared"'))
        lay_files(tree, member("libs/other", '"elsewhere"'))
        subprocess.run(
            [uv.find_uv_bin(), "lock", "--quiet", "--no-config", "--default-index", served.url],
            cwd=tree, check=True, timeout=120,
        )  # fmt: skip
        served.add(*(local_index.wheel(name, "2.0") for name in names))
        made = build.ensure_environment(
            EnvironmentRequest(tree=str(tree), root=ROOT), BubblewrapSandbox(settings),
            local(settings, served), settings, lambda line: None,
        )  # fmt: skip
    wanted = {"api==1", "checker==1.0", "common==1", "shared==1.0", "wanted==1.0"}
    assert {*made.packages} == {*wanted, "pip==2.0"}


TOOLS = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.ruff]
        [tool.mypy]
        files = ["lib"]
        [tool.black]
        """,
    "setup.cfg": "[flake8]\n",
    "lib/__init__.py": "",
    "lib/sums.py": 'import os\n\n\ndef total() -> int:\n    return   "text"\n',
    "tests/test_lib.py": """
        import os

        from lib import sums


        def test_where_it_runs():
            assert os.path.exists("pyproject.toml")
            assert sums.total() == "text"


        def test_red():
            assert False
        """,
}


def measured(workshop, files: dict[str, str]):
    """The checks of a project below a folder, as they are detected there."""
    inside = {f"{ROOT}/{path}": text for path, text in files.items()}
    # At the root of the repository is what would lead astray.
    beside = {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_x.py": "import gone\n"}
    site = workshop.site({**inside, **beside}, config={"root": ROOT})
    tree = TreeOf(site.tree)
    config = load.from_text(f"root: {ROOT}\n", "x.yml", tree)
    found = detect.detect_project(tree, config)
    report = workshop.measure(type(site)(site.tree, site.environment, config, found, site.limits))
    return {result.name: result for result in report.results}


class TreeOf:
    def __init__(self, folder) -> None:
        self._folder = folder

    def paths(self) -> tuple[str, ...]:
        found = (p for p in self._folder.rglob("*") if p.is_file())
        return tuple(sorted(str(path.relative_to(self._folder)) for path in found))

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()


def test_tools_run_in_the_folder_and_name_paths_of_the_repository(workshop):
    checks = measured(workshop, TOOLS)
    places = {
        name: sorted({item.place.partition(":")[0] for item in checks[name].items})
        for name in ("ruff check", "mypy", "flake8", "black")
    }
    sums = f"{ROOT}/lib/sums.py"
    assert places == {"ruff check": [sums], "mypy": [sums], "flake8": [sums], "black": [sums]}
    assert {checks[name].status.value for name in places} == {"failed"}
    assert checks["tests"].command == ("env", "-C", ROOT, "python", "-m", "pytest")
    assert outcomes(checks["tests"]) == {
        "tests/test_lib.py::test_where_it_runs": "passed",
        "tests/test_lib.py::test_red": "failed",
    }
