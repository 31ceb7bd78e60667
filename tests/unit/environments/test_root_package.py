"""A tree whose root is a package is imported by the name of its repository, and once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.environments.request import EnvironmentRequest
from agent.environments.sandbox_scripts import root_package
from agent.models.environment import Checkout, Contract
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.folders import lay_files
from tests.unit.trees import DictTree

FILES = {
    "__init__.py": "",
    "core.py": "class Thing: pass\n",
    "lib/__init__.py": "from ..core import Thing\n",
    "conftest.py": "",
    "tests/__init__.py": "",
    "tests/helpers.py": "from shopkit.core import Thing\n",
    "tests/test_both.py": (
        "import shopkit.lib\nimport shopkit.tests.helpers\n"
        "from shopkit.core import Thing\nfrom ..core import Thing as Same\nfrom . import helpers\n"
        "\n\ndef test_one():\n    assert Thing is Same is helpers.Thing is shopkit.lib.Thing\n"
        "    assert helpers is shopkit.tests.helpers\n    assert Thing.__module__ == 'shopkit.core'\n"
    ),
}


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_absolute_and_relative_imports_give_the_same_module(tmp_path, mode):
    tree = tmp_path / "work"
    lay_files(tree, FILES)
    call = f"import root_package; root_package.install('shopkit', {str(tree)!r}); import pytest"
    said = subprocess.run(
        [sys.executable, "-c", f"{call}; raise SystemExit(pytest.main())",
         "-q", "-W", "error", "-p", "no:cacheprovider", f"--import-mode={mode}"],
        cwd=tree, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(root_package.__file__).parent)},
    )  # fmt: skip
    assert "1 passed" in said.stdout, said.stdout


@pytest.mark.parametrize(
    ("repository", "files", "name"),
    [
        ("/home/me/shopkit", FILES, "shopkit"),
        ("https://forge.example/o/shopkit.git", FILES, "shopkit"),
        ("/home/me/shop-kit", FILES, ""),
        ("/home/me/shopkit", {"shopkit/__init__.py": ""}, ""),
    ],
)
def test_the_name_is_that_of_the_repository(tmp_path, repository, files, name):
    lay_files(tmp_path, files)
    checkout = Checkout(
        repository=repository, mirror="/m", commit="c", base_branch="main", nearest_tag=None
    )
    config = RepoConfig()
    project = detect.detect_project(DictTree({}), config)
    contract = Contract(config=config, project=project, source=None)
    assert EnvironmentRequest.from_tree(contract, checkout, tmp_path).root_package == name
