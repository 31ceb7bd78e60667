"""A project in a folder of a repository: its environment, and checks that run there."""

from agent.git.tree import open_folder
from repo_config import detect, load
from tests.integration.check_samples import outcomes

ROOT = "services/api"


TOOLS = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.ruff]
        [tool.mypy]
        files = ["lib"]
        [tool.black]
        """,
    "setup.cfg": "[flake8]\n",
    "Makefile": "lint:\n\tflake8 .\n\tblack --check .\n",
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
    """Run the checks of a project below a folder, as they are detected there."""
    inside = {f"{ROOT}/{path}": text for path, text in files.items()}
    # At the root of the repository is what would lead astray.
    beside = {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_x.py": "import gone\n"}
    site = workshop.site({**inside, **beside}, config={"root": ROOT})
    tree = open_folder(site.tree)
    config = load.from_text(f"root: {ROOT}\n", "x.yml", tree)
    found = detect.detect_project(tree, config)
    report = workshop.measure(type(site)(site.tree, site.environment, config, found, site.limits))
    return {result.name: result for result in report.results}


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
