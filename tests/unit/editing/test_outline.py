"""The outline: what it shows of a file, and what comes first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from agent.editing import outline
from agent.git.tree import WorkTree

FILES = {
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.db import models

        from .money import rounded


        class Order(models.Model):
            name = models.CharField(max_length=100)
            kind: str = "a"
            SIZE = 5

            class Meta:
                ordering = ["name"]

            @property
            def total(self) -> int:
                def inner():
                    return 1

                return rounded(inner())
    """,
    "shop/money.py": "def rounded(\n    value: int,  # of cents\n    *,\n    places=2,\n) -> int:\n    return value\n",
    "shop/api.py": """
        from fastapi import APIRouter
        from shop import money
        from shop.models import Order

        router = APIRouter(prefix="/orders")


        @router.get("/{order_id}")
        async def read_order(order_id: int) -> Order:
            return Order(order_id)
    """,
    "tests/test_models.py": "from shop.models import Order\n\n\ndef test_order():\n    assert Order\n",
    "README.md": "# Shop\n",
}


def lay(folder: Path, files: Mapping[str, str]) -> WorkTree:
    """Make a tree of these files."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(content).lstrip("\n"))
    return WorkTree(folder, files)


def test_a_file_is_shown_with_its_lines_and_what_it_defines(tmp_path: Path) -> None:
    shown = outline.describe_files(lay(tmp_path, FILES), "Order", "", 20_000).splitlines()
    assert shown[0] == "shop/models.py (19 lines): Order"
    assert "shop/api.py (10 lines): read_order" in shown


def test_what_the_words_name_comes_first(tmp_path: Path) -> None:
    tree = lay(tmp_path, FILES)
    for words, first in [("rounded is wrong", "shop/money.py"), ("`Order`", "shop/models.py"),
                         ("see shop/api.py", "shop/api.py")]:  # fmt: skip
        assert outline.describe_files(tree, words, "", 20_000).startswith(first)


def test_it_keeps_within_its_space_and_counts_the_rest(tmp_path: Path) -> None:
    files = {f"app_{n % 3}/module_{n}.py": f"def function_{n}():\n    pass\n" for n in range(600)}
    shown = outline.describe_files(lay(tmp_path, files), "", "", 3_000)
    assert len(shown) <= 3_000
    assert shown.endswith(f"\n{600 - shown.count('module_')} more")
    assert outline.describe_files(lay(tmp_path, files), "", "app_1", 3_000).count("app_0") == 0
