"""Files of the repository that tools load as plugins."""

from __future__ import annotations

import pytest

from repo_config import detect, rule_files
from repo_config.schema import RepoConfig

SHOP, TOOLS = "src/shop/plug/__init__.py", "tools/plug.py"


@pytest.mark.parametrize(
    ("files", "args", "plugins"),
    [
        ({".mypy.ini": "[mypy]\nplugins = tools.plug:make\n"}, (), (TOOLS,)),
        ({"pyproject.toml": '[tool.mypy]\nplugins = ["shop.plug", "other.mypy"]\n'}, (), (SHOP,)),
        ({"pytest.ini": "[pytest]\naddopts = -q -p tools.plug\n"}, (), (TOOLS,)),
        ({"conftest.py": 'pytest_plugins = ["shop.plug", "xdist"]\n'}, (), (SHOP,)),
        ({"pytest.ini": "[pytest]\naddopts = -p no:tools.plug -p\n"}, (), ()),
    ],
)
def test_plugins_are_found_wherever_they_are_named(tree, files, args, plugins):
    config = RepoConfig.model_validate({"checks": {"tests": {"args": args}}}, strict=False)
    project = detect.detect_project(
        tree({TOOLS: "", SHOP: "", "tests/test_a.py": "", **files}), config
    )
    assert project.plugins == plugins
    assert all("plugin" in str(rule_files.reason(path, project)) for path in plugins)
