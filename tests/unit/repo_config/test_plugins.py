"""Files of the repository that tools load as plugins."""

from __future__ import annotations

import pytest

from repo_config import detect, rule_files
from repo_config.schema import RepoConfig


class Tree:
    """Files in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        return self._files[path].encode()


def found(files: dict[str, str], *args: str) -> tuple[str, ...]:
    every = {"tools/plug.py": "", "src/shop/plug/__init__.py": "", "tests/test_a.py": "", **files}
    config = RepoConfig.model_validate({"checks": {"tests": {"args": args}}}, strict=False)
    project = detect.project(Tree(every), config)
    for path in project.plugins:
        assert rule_files.reason(path, project) == "a tool that checks loads it as its plugin"
    return project.plugins


@pytest.mark.parametrize(
    ("files", "plugins"),
    [
        ({"mypy.ini": "[mypy]\nplugins = ./tools/plug.py\n"}, ("tools/plug.py",)),
        ({".mypy.ini": "[mypy]\nplugins = tools.plug:make\n"}, ("tools/plug.py",)),
        ({"setup.cfg": "[mypy]\nplugins =\n  shop.plug,\n  tools.plug\n"},
         ("src/shop/plug/__init__.py", "tools/plug.py")),
        ({"pyproject.toml": '[tool.mypy]\nplugins = ["shop.plug", "pydantic.mypy"]\n'},
         ("src/shop/plug/__init__.py",)),
        ({"pytest.ini": "[pytest]\naddopts = -q -p tools.plug\n"}, ("tools/plug.py",)),
        ({"pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["-ptools.plug"]\n'},
         ("tools/plug.py",)),
        ({"conftest.py": 'pytest_plugins = ["shop.plug", "xdist"]\n'},
         ("src/shop/plug/__init__.py",)),
        ({"tests/conftest.py": 'pytest_plugins = "tools.plug"\n'}, ("tools/plug.py",)),
        ({"pytest.ini": "[pytest]\naddopts = -p no:tools.plug -p\n"}, ()),
        ({"mypy.ini": "[mypy]\nstrict = True\n"}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_plugins_are_found_wherever_they_are_named(
    files: dict[str, str], plugins: tuple[str, ...]
) -> None:
    assert found(files) == plugins


def test_arguments_of_the_configuration_name_them_as_well() -> None:
    assert found({}, "-p", "tools.plug") == ("tools/plug.py",)
