"""Which test files a change reaches, by imports."""

import pytest

from agent.checks import test_files

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
    found = test_files.Imports(test_files.read_imports(tree)).list_reached_files(changed)
    return {path.removeprefix("tests/") for path in found if "/test_" in path}


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("shop/models.py", {"test_views.py", "test_made.py", "api/test_api.py"}),
        ("shop/deep/other.py", {"test_deep.py"}),
        ("tests/test_broken.py", {"test_broken.py"}),
        ("README.md", set()),
    ],
)
def test_tests_are_reached_through_whoever_imports(changed: str, tests: set[str]) -> None:
    assert reached(changed) == tests


def test_what_all_import_reaches_all() -> None:
    assert reached("shop/money.py") == {
        "test_money.py", "test_views.py", "test_deep.py", "test_made.py", "api/test_api.py",
    }  # fmt: skip
    assert reached("tests/conftest.py") == reached(*TREE)


def test_circles_and_ways_out_of_the_tree_end() -> None:
    tree = {
        "a.py": b"import b\n",
        "b.py": b"import a\nfrom ... import far\n",
        "tests/test_a.py": b"import a\n",
    }
    assert reached("b.py", tree=tree) == {"test_a.py"}
