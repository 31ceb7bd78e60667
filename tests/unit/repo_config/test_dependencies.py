"""What a project declares, in whichever form it is written."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from repo_config import dependencies, versions
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("^3.9 <3.12", ">=3.9,<3.12"),
        (">= 4.6", ">=4.6"),
        ("^4.2 || ^7.0", ">=4.2,<8.0"),
        ("<2 || >=3", ""),
    ],
)
def test_constraints_of_poetry_mean_the_same_in_pep_440(written, meant):
    assert SpecifierSet(versions.convert_constraint(written)) == SpecifierSet(meant)


def test_what_is_no_constraint_is_refused_by_its_place():
    with pytest.raises(ValueError, match=r"django: `\^4\.2 or so` is no version constraint"):
        [*dependencies.write_requirements({"django": "^4.2 or so"})]


def test_what_comes_from_elsewhere_keeps_its_address():
    table = {"a": {"git": "https://x.example/a.git"}, "b": {"path": "./b", "extras": ["c"]}}
    found = [*dependencies.write_requirements(table)]
    assert found == ["a @ git+https://x.example/a.git", "b[c] @ file:./b"]


POETRY = """
[tool.poetry.dependencies]
python = "^3.9"
Django = [{version = "^4.2", python = "<3.10"}, {version = "^5", python = ">=3.10"}]
near = {path = "../near"}
far = {git = "https://x.example/far.git"}
odd = "4 or so"
"""
LINES = "-r other.txt\n# none\nsix>=1  # why\npytz>dev\n-e git+https://x.example/a.git#egg=b\n-e .\nto be done\n"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("pyproject.toml", POETRY, [
            ("django", "<5.0,>=4.2", ""), ("django", "<6,>=5", ""), ("near", dependencies.LOCAL, ""),
            ("far", "", "git+https://x.example/far.git"), ("odd", "", ""),
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
