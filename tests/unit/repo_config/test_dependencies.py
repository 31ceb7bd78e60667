"""What a project declares, in whichever form it is written."""

import pytest

from repo_config import dependencies
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

POETRY = """
[tool.poetry.dependencies]
python = "^3.9"
Django = [{version = "^4.2", python = "<3.10"}, {version = "^5", python = ">=3.10"}]
near = {path = "../near"}
far = {git = "https://x.example/far.git"}
odd = "4 or so"
either = "^4.2 || ^7.0"
"""
LINES = "-r other.txt\n# none\nsix>=1  # why\npytz>dev\n-e git+https://x.example/a.git#egg=b\n-e .\nto be done\n"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("pyproject.toml", POETRY, [
            ("django", "<5.0,>=4.2", ""), ("django", "<6,>=5", ""), ("near", dependencies.LOCAL, ""),
            ("far", "", "git+https://x.example/far.git"), ("odd", "", ""), ("either", "", ""),
        ]),
        ("requirements.txt", LINES, [
            ("six", ">=1", ""), ("pytz", "", ""), ("b", "", "git+https://x.example/a.git#egg=b"),
        ]),
        ("Pipfile", '[packages]\nsix = "*"\n[mine]\nidna = "==3"\n', [("six", "", ""), ("idna", "==3", "")]),
    ],
)  # fmt: skip
def test_packages_are_listed_with_their_bounds_or_their_address(path, text, found):
    declared = dependencies.list_declared(ProjectFiles(DictTree({path: text})))
    assert [(one.name, one.version, one.source) for one in declared] == found
