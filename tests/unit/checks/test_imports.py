"""Which tests are near a change: who imports whom, names and folders."""

import pytest

from agent.checks.imports import Imports, choose_near
from tests.unit.checks.samples import suite_of

TREE = {
    "shop/__init__.py": b"",
    "shop/models.py": b"from .money import add\n",
    "shop/money.py": b"",
    "shop/views.py": b"import shop.models as m\n",
    "shop/deep/__init__.py": b"",
    "shop/deep/other.py": b"def late():\n    from ..money import add\n",
    "src/tool/__init__.py": b"",
    "src/tool/core.py": b"",
    "tests/conftest.py": b"",
    "tests/factories.py": b"from shop import models\n",
    "tests/test_money.py": b"from shop.money import add\n",
    "tests/test_views.py": b"from shop import views\n",
    "tests/test_deep.py": b"import shop.deep.other\n",
    "tests/test_made.py": b"import factories\n",
    "tests/test_tool.py": b"from tool.core import run\n",
    "tests/test_broken.py": b"def (\n",
    "tests/api/conftest.py": b"from shop import views\n",
    "tests/api/test_api.py": b"",
}


def reached(*changed: str, tree: dict[str, bytes] = TREE) -> set[str]:
    found = Imports(tree).list_reached_files(changed)
    return {path.removeprefix("tests/") for path in found if "/test_" in path}


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("shop/models.py", {"test_views.py", "test_made.py", "api/test_api.py"}),
        ("shop/deep/other.py", {"test_deep.py"}),
        ("src/tool/core.py", {"test_tool.py"}),
        ("tests/test_broken.py", {"test_broken.py"}),
        ("README.md", set()),
        ("tests/conftest.py", reached(*TREE)),
        ("shop/money.py", reached(*TREE) - {"test_tool.py", "test_broken.py"}),
    ],
)
def test_tests_are_reached_through_whoever_imports(changed: str, tests: set[str]) -> None:
    assert reached(changed) == tests


def test_circles_and_ways_out_of_the_tree_end() -> None:
    tree = {
        "a.py": b"import b\n",
        "b.py": b"import a\nfrom ... import far\n",
        "tests/test_a.py": b"import a\n",
    }
    assert reached("b.py", tree=tree) == {"test_a.py"}


def near(
    edited: str, *own: str, tree: dict[str, bytes], each: int = 1, **more: object
) -> tuple[str, ...]:
    """Choose among the files with tests, and many tests elsewhere."""
    files = [path for path in tree if path.rpartition("/")[2].startswith("test_")]
    ids = [f"{path}::{number}" for path in files for number in range(each)]
    more = {"seconds": 10.0, **more}
    tests = suite_of(*ids, *(f"far/test_far.py::{number}" for number in range(100)), **more)
    return choose_near([edited], own, tests, Imports(tree), tree)


def test_own_tests_come_first_then_what_is_called_after_the_file_then_who_imports_it() -> None:
    assert near("shop/money.py", "tests/test_new.py", tree=TREE)[:2] == (
        "tests/test_new.py", "tests/test_money.py",
    )  # fmt: skip
    tree = {
        "shop/money.py": b"", "shop/bank.py": b"import shop.money", "a/test_a.py": b"import shop.money",
        "b/test_b.py": b"import shop.bank", "z/test_money.py": b"import shop.money",
        "shop/tests/test_c.py": b"", "test_top.py": b"",
    }  # fmt: skip
    assert near("shop/money.py", tree=tree) == (
        "z/test_money.py", "a/test_a.py", "b/test_b.py", "shop/tests/test_c.py",
    )  # fmt: skip


def test_no_more_than_a_quarter_of_the_tests_is_near_and_less_of_a_slow_suite() -> None:
    tree = {
        "a.py": b"",
        "test_a.py": b"import a",
        "test_b.py": b"import a",
        "test_c.py": b"import a",
    }
    assert near("a.py", tree=tree, each=20) == ("test_a.py", "test_b.py")
    assert near("a.py", tree=tree, each=20, seconds=100.0) == ()
    assert near("a.py", "test_c.py", tree=tree, each=20, seconds=100.0) == ("test_c.py",)


def test_the_whole_app_of_a_django_file_is_near() -> None:
    tree = {"app/apps.py": b"", "app/api/deep/views.py": b"", "app/tests/test_v.py": b""}
    assert near("app/api/deep/views.py", tree=tree) == ("app/tests/test_v.py",)
    del tree["app/apps.py"]
    assert near("app/api/deep/views.py", tree=tree) == ()
