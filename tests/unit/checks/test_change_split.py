"""Whose each file is, and which of base's tests run as base has them."""

import pytest

from agent.checks.change_split import (
    SplitChange,
    keep_tests,
    list_uncollected,
    revert_tests,
    split_change,
)
from tests.unit.checks.samples import make_split, suite_of
from tests.unit.policy.cases import change
from tests.unit.trees import make_project

TREE: dict[str, str | bytes] = {
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n[tool.mypy]\nstrict = true\n",
    "shop/__init__.py": "",
    "shop/models.py": "def f():\n    '''>>> f()'''\n",
    "shop/test_client.py": "",
    "shop/views.py": "from shop import test_client",
    "checks/of_shop.py": "from shop import models",
    "tests/conftest.py": "",
    "tests/helpers.py": "from tests import more",
    "tests/more.py": "",
    "tests/lonely.py": "",
    "tests/test_a.py": "from tests import helpers\n\n\ndef test_a():\n    assert f() == 1\n",
    "tests/test_b.py": "def test_b(): ...\n",
    "tests/data/deep/a.json": "1",
    "tests/api/test_c.py": "def test_c(): ...\n",
    "tests/api/data/b.json": "1",
}
BASE = suite_of("tests/test_a.py::test_a", "tests/test_b.py::test_b", "tests/api/test_c.py::test_c",
                "checks/of_shop.py::odd")  # fmt: skip
A, B, C = "tests/test_a.py", "tests/test_b.py", "tests/api/test_c.py"


def split(after: dict[str, str | bytes | None]) -> SplitChange:
    made, tree = change(after, TREE)
    return split_change(made, BASE, tree, make_project(test_runner="pytest"))


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("checks/of_shop.py", "tests"),  # base collected a test from it
        ("tests/helpers.py", "tests"),
        ("tests/new_helper.py", "tests"),
        ("tests/data/deep/a.json", "tests"),
        ("test_new.py", "tests"),
        ("shop/test_client.py", "product"),  # the product imports it
        ("shop/helpers.py", "product"),
        ("shop/models.py", "product"),
        ("tox.ini", "configuration"),
        ("README.md", "product"),
    ],
)
def test_a_file_is_of_tests_by_what_runs_or_by_its_name(path: str, side: str) -> None:
    made = split({path: "[pytest]\naddopts = '-x'\n" if path == "tox.ini" else "a = 1\n"})
    of_tests = {*made.change.paths} - {*made.product} - made.configuration
    sides = {"tests": of_tests, "product": made.product, "configuration": made.configuration}
    assert [name for name, paths in sides.items() if path in paths] == [side]


@pytest.mark.parametrize(
    ("path", "again"),
    [
        (A, {A}),
        ("tests/helpers.py", {A}),
        ("tests/more.py", {A}),
        ("tests/lonely.py", {A, B}),  # nobody imports it: those of its folder
        ("tests/data/deep/a.json", {A, B, C}),
        ("tests/api/data/b.json", {C}),
        ("tests/conftest.py", {A, B, C}),
        ("tests/api/conftest.py", {C}),  # a new one
        ("tests/test_new.py", set()),
        ("shop/models.py", set()),
    ],
)
def test_what_a_file_of_tests_has_a_say_in_runs_as_base_has_it(path: str, again: set[str]) -> None:
    made = split({path: "a = 1\n"})
    assert made.as_base
    assert {*made.as_base.files} == again
    touched = {item.file for item in BASE.items if made.is_touched(item)}
    assert touched == again


@pytest.mark.parametrize(
    ("edit", "is_of_tests"), [("'-q'", True), ("true", False), ("[tool.mypy]", False)]
)
def test_of_settings_the_edited_tables_tell_whose_they_are(edit: str, is_of_tests: bool) -> None:
    text = str(TREE["pyproject.toml"])
    other = {"'-q'": "'-x'", "true": "false", "[tool.mypy]": "[tool.mypy]  # types"}[edit]
    made = split({"pyproject.toml": text.replace(edit, other)})
    assert (made.as_base is None, bool(made.configuration)) == (is_of_tests, is_of_tests)


def test_base_s_versions_stand_beside_the_product_of_the_change() -> None:
    edited = ("shop/models.py", A, "tests/helpers.py", "tests/new.py", "tests/api/conftest.py")
    made = split({**dict.fromkeys(edited, "a = 1\n"), B: None})
    assert set(revert_tests(made).paths) == {"shop/models.py", "tests/new.py"}
    assert set(keep_tests(made).paths) == {*edited, B} - {"shop/models.py"}
    assert made.own_tests == ("tests/api/conftest.py", "tests/helpers.py", "tests/new.py", A)


def test_what_is_collected_for_its_doctests_stays_product() -> None:
    made, tree = change({"shop/views.py": "a = 1\n"}, dict(TREE))
    tests = suite_of("shop/views.py (collection)=error")
    assert split_change(made, tests, tree, make_project()).product == ("shop/views.py",)


def test_new_tests_that_were_not_run_are_named() -> None:
    text = "def test_a(): ...\n\n\ndef test_b(): ...\n\n\nclass Odd:\n    def test_c(self): ...\n"
    made, _ = change({"test_n.py": text}, {"test_n.py": "def test_b(): ..."})
    made = make_split(change=made, own_tests=("test_n.py",))
    [said] = list_uncollected(made, suite_of("test_n.py::test_a[1]"))
    assert said == "test_n.py has tests that were not run: test_c"
    [said] = list_uncollected(made, suite_of("other.py::It::test_c_0"))
    assert said.endswith(" test_a")
    assert not [*list_uncollected(made, suite_of("test_n.test_a_0", "other.It.test_c"))]
    assert not [*list_uncollected(made, suite_of(is_partial=True))]
