"""How a repository configures pyright and basedpyright, read as these read it."""

from __future__ import annotations

from repo_config import detect, load, pyright_settings
from repo_config.pyright_settings import Settings

STRICT = {"typeCheckingMode": "strict"}


def read(files: dict[str, str], folder: str = "", **more: str) -> Settings:
    return pyright_settings.read_settings(
        files.get, folder, more.get("tool", "pyright"), more.get("named")
    )  # type: ignore[arg-type]


def detected(files, text: str = "") -> detect.Project:
    return detect.detect_project(files, load.from_text(text, ".github/mergewright.yml"))


def test_settings_are_built_on_others_and_lists_of_paths_move_along():
    files = {
        "api/pyrightconfig.json": '{"extends": "../shared/base.json", "venv": "x"}',
        "shared/base.json": '{"extends": "../pyproject.toml", "include": ["lib"], "venv": "y"}',
        "pyproject.toml": "[tool.pyright]\nexclude = ['old/**']\ntypeCheckingMode = 'strict'\n",
    }
    found = read(files, "api")
    assert found.files == ("api/pyrightconfig.json", "shared/base.json", "pyproject.toml")
    assert found.values == {
        **STRICT, "venv": "x", "include": ["../shared/lib"], "exclude": ["../old/**"],
    }  # fmt: skip
    assert found.own == {"extends": "../shared/base.json", "venv": "x"}


def test_the_files_that_decide_are_known(tree):
    files = {
        "api/pyrightconfig.json": '{"extends": "../base.json", "stubPath": "stubs"}',
        "base.json": "{}",
    }
    project = detected(tree(files), "root: api")
    assert project.type_settings == ("api/pyrightconfig.json", "base.json")
    assert project.type_stubs == "api/stubs"
    assert detected(tree({"mypy.ini": ""})).type_stubs is None
