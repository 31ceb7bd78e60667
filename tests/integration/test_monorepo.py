"""A project in a folder of a repository: its environment, and checks that run there."""

from __future__ import annotations

import subprocess

import pytest
import uv

from agent.environments import build, declare, sandbox_requests
from agent.environments.build import EnvironmentRequest
from agent.environments.tree_files import TreeFiles
from agent.models.sandbox import SandboxLimits
from agent.sandbox.bubblewrap.sandbox import BubblewrapSandbox
from repo_config import detect, load
from repo_config.schema import PythonSection
from tests.integration.check_samples import outcomes
from tests.integration.environment_building import lay, local, with_our_tools
from tests.integration.test_checks import PENDING
from tests.unit.environments import local_index

ROOT = "services/api"


# --- the environment -------------------------------------------------------------------------


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


@pytest.mark.deep
@pytest.mark.index
def test_the_environment_is_that_of_the_folder_with_projects_beside_it(home):
    tree = home / "tree"
    lay(tree, {f"{ROOT}/{path}": text for path, text in package("api", "wanted").items()})
    lay(tree, {f"libs/common/{path}": text for path, text in package("common").items()})
    lay(
        tree,
        {
            "requirements.txt": "nowhere-to-be-had\n",
            "shared.txt": "shared\n",
            f"{ROOT}/requirements-dev.txt": "-r ../../shared.txt\n-e ../../libs/common\n",
        },
    )
    with with_our_tools() as settings, local_index.serving() as served:
        served.add(local_index.wheel("wanted", "1.0"), local_index.wheel("shared", "1.0"))
        sandbox = BubblewrapSandbox(settings)
        made = build.ensure_environment(
            EnvironmentRequest(tree=str(tree), root=ROOT, python=PythonSection()),
            sandbox, local(settings, served), settings, lambda line: None,
        )  # fmt: skip
        assert made.packages == ("api==1", "common==1", "shared==1.0", "wanted==1.0")
        program = "import os, api, common; print(os.getcwd(), api.__file__, common.__file__)"
        order = sandbox_requests.make_request(
            made, tree, (sandbox_requests.PYTHON, "-c", program),
            environ={}, limits=SandboxLimits(seconds=60), folder=ROOT,
        )  # fmt: skip
        result = sandbox.run(order)
    assert result.output.split() == [
        f"/work/{ROOT}", f"/work/{ROOT}/api.py", "/work/libs/common/common.py",
    ]  # fmt: skip


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
    names = ("wanted", "shared", "checker", "elsewhere")
    with with_our_tools() as settings, local_index.serving() as served:
        served.add(*(local_index.wheel(name, "1.0") for name in names))
        lay(tree, WORKSPACE)
        lay(tree, member(ROOT, '"common", "wanted"', '"checker"'))
        lay(tree, member("libs/common", '"shared"'))
        lay(tree, member("libs/other", '"elsewhere"'))
        subprocess.run(
            [uv.find_uv_bin(), "lock", "--quiet", "--no-config", "--default-index", served.url],
            cwd=tree, check=True, timeout=120,
        )  # fmt: skip
        served.add(*(local_index.wheel(name, "2.0") for name in names))
        made = build.ensure_environment(
            EnvironmentRequest(tree=str(tree), root=ROOT), BubblewrapSandbox(settings),
            local(settings, served), settings, lambda line: None,
        )  # fmt: skip
    assert made.packages == ("api==1", "checker==1.0", "common==1", "shared==1.0", "wanted==1.0")
    assert made.sources[0] == "../../uv.lock"


LOCK_ABOVE = """version = 1
[manifest]
members = ["api"]
[[package]]
name = "api"
source = { editable = "services/api" }
"""


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, "../../uv.lock"),
        # Another's: the folder only lies below it.
        ({"uv.lock": LOCK_ABOVE.replace("api", "other")}, ""),
        # The nearest counts.
        ({f"{ROOT}/uv.lock": LOCK_ABOVE.replace("services/api", ".")}, "uv.lock"),
    ],
)
def test_a_lock_above_is_read_where_it_names_the_project_as_a_member(tmp_path, changed, taken):
    lay(tmp_path / "repo", {"uv.lock": LOCK_ABOVE, **WORKSPACE, **member(ROOT, ""), **changed})
    lay(tmp_path, {"uv.lock": LOCK_ABOVE, **WORKSPACE})
    found = declare.read_declaration(TreeFiles(tmp_path / "repo", ROOT), PythonSection())
    assert (found.lock.path if found.lock else "") == taken


def test_a_lock_above_the_repository_is_nobodys(tmp_path):
    lay(tmp_path / "repo", member(ROOT, ""))
    lay(tmp_path, {"uv.lock": LOCK_ABOVE.replace("services", "repo/services"), **WORKSPACE})
    assert (
        declare.read_declaration(TreeFiles(tmp_path / "repo", ROOT), PythonSection()).lock is None
    )


def test_what_lies_at_the_root_of_a_workspace_has_a_say_in_its_members_key(tmp_path):
    lay(
        tmp_path,
        {"uv.lock": LOCK_ABOVE, **WORKSPACE, f"{ROOT}/pyproject.toml": "[project]\nname='api'\n"},
    )
    lock = LOCK_ABOVE.replace("editable", "virtual")
    digests = set()
    for text in (lock, lock + "# another\n"):
        lay(tmp_path, {"uv.lock": text})
        found = declare.read_declaration(TreeFiles(tmp_path, ROOT), PythonSection())
        digests.add(build.digest_declaration(found, TreeFiles(tmp_path)))
    assert len(digests) == 2


def test_what_leads_out_of_the_repository_is_refused(tmp_path):
    lay(tmp_path / "repo", {f"{ROOT}/requirements.txt": "-e ../../../elsewhere\n"})
    lay(tmp_path / "elsewhere", {"setup.py": ""})
    found = declare.read_declaration(
        TreeFiles(tmp_path / "repo", ROOT), PythonSection()
    ).requirements
    assert not found.projects
    assert ["outside the repository" in one.why for one in found.left_out] == [True]


# --- checks ----------------------------------------------------------------------------------

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


@pytest.mark.deep
def test_djangos_own_questions_and_runner_work_in_the_folder(workshop):
    checks = measured(workshop, PENDING)
    [missing] = checks["makemigrations"].items
    assert missing.item_id.startswith("shop: Add field note to order")
    assert checks["django check"].status.value == "passed"
    assert checks["tests"].command == ("env", "-C", ROOT, "python", "manage.py", "test")
    # The table has no such column yet.
    assert outcomes(checks["tests"]) == {"shop.tests.OrderTests.test_saved": "failed"}
