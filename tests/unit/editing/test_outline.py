"""The outline: what it shows of a file, what comes first, and what is read again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent import worktree
from agent.domain import Checkout
from agent.editing import outline, sketch
from agent.editing.outline import Outline
from agent.repository.tree import WorkTree
from tests.unit.editing.tool_samples import lay

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
    "shop/urls.py": """
        from django.urls import path

        urlpatterns = [
            path("orders/", views.orders, name="orders"),
            path("about/", views.about),
        ]
    """,
    "tests/test_models.py": "from shop.models import Order\n\n\ndef test_order():\n    assert Order\n",
    "README.md": "# Shop\n",
}


class Read:
    """A repository, its outline, and how many files were read for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.read = folder, list[str]()
        true = sketch.of
        monkeypatch.setattr(
            sketch, "of", lambda path, content: (self.read.append(path), true(path, content))[1]
        )
        lay(folder / "repository", FILES)
        self.commit()

    def commit(self) -> None:
        repository = self.folder / "repository"
        for args in (
            ("init", "-q"),
            ("add", "-A"),
            ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"),
        ):
            subprocess.run(["git", "-C", str(repository), *args], check=True, timeout=60)
        self.checkout: Checkout = worktree.prepare(str(repository), None, self.folder / "mirrors")
        self.tree: WorkTree = worktree.lay_out(self.checkout, self.folder / "tree")

    def made(self) -> Outline:
        self.read.clear()
        return outline.of(self.tree, self.checkout, self.folder / "kept")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    return Read(tmp_path, monkeypatch)


def test_a_file_is_shown_with_its_definitions_and_importers(shop: Read) -> None:
    assert shop.made().of_file("shop/models.py").splitlines() == [
        "shop/models.py (19 lines)",
        "6: class Order(models.Model)",
        "7:     name = models.CharField(max_length=100)",
        '8:     kind: str = "a"',
        "11:     class Meta",
        "14:     @property",
        "15:     def total(self) -> int",
        "imported by shop/api.py, tests/test_models.py",
    ]
    assert shop.made().of_file("shop/money.py").splitlines()[1:] == [
        "1: def rounded( value: int, *, places=2, ) -> int",
        "imported by shop/api.py, shop/models.py",
    ]
    assert '8: @router.get("/{order_id}")' in shop.made().of_file("shop/api.py")
    assert '5:     path("about/", views.about)' in shop.made().of_file("shop/urls.py")


def test_what_the_words_name_comes_first_then_what_many_import(shop: Read) -> None:
    made = shop.made()
    assert made.whole().startswith("shop/m")
    assert made.whole("Add a discount to read_order").startswith("shop/api.py")
    assert made.whole("see tests/test_models.py").startswith("tests/test_models.py")
    assert "tests/test_models.py" not in made.whole(folder="shop")


def test_it_keeps_within_its_room_and_counts_the_rest(tmp_path: Path) -> None:
    files = {
        f"app_{number % 7}/module_{number}.py": f"def function_{number}(a):\n    return a\n" * 5
        for number in range(400)
    }
    made = Outline({path: sketch.of(path, text.encode()) for path, text in files.items()})
    said = made.whole(limit=4_000)
    assert 3_000 < len(said) <= 4_000
    counted = sum(int(line.split()[1]) for line in said.splitlines() if line.endswith(" more"))
    shown = sum(path in said for path in files)
    assert counted + shown == 400


def test_only_what_differs_is_read_again(shop: Read) -> None:
    before = shop.made().whole()
    assert sorted(shop.read) == sorted(path for path in FILES if path.endswith(".py"))
    assert shop.made().whole() == before
    assert shop.read == []
    changed = shop.folder / "repository" / "shop" / "money.py"
    changed.write_text("def exact(value):\n    return value\n")
    shop.commit()
    assert "1: def exact(value)" in shop.made().whole()
    assert shop.read == ["shop/money.py"]
    shop.made()
    assert shop.read == []


def test_a_change_under_way_is_in_it_and_is_not_kept(shop: Read) -> None:
    shop.tree.write(
        "shop/new.py", b"from shop.models import Order\n\nclass New(Order):\n    pass\n"
    )
    shop.tree.delete("shop/api.py")
    shop.tree.write("shop/urls.py", b"def broken(:\n    pass\n\n\ndef whole():\n    pass\n")
    made = shop.made()
    assert "3: class New(Order)" in made.of_file("shop/new.py")
    assert not made.has("shop/api.py")
    assert "def whole()" in made.of_file("shop/urls.py")
    assert "imported by shop/new.py, tests" in made.of_file("shop/models.py")
    shop.tree = worktree.lay_out(shop.checkout, shop.folder / "tree")
    made = shop.made()
    assert shop.read == []
    assert "urlpatterns" in made.of_file("shop/urls.py")


def test_what_is_damaged_on_disk_is_read_anew(shop: Read) -> None:
    before = shop.made().whole()
    (place,) = (shop.folder / "kept").glob("*/*.json")
    place.write_bytes(b"[]")
    assert shop.made().whole() == before
    assert len(shop.read) == 6


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"(" * 50_000,
        b"".join(b" " * number + b"if x:\n" for number in range(3_000)),
    ],
    ids=range(3),
)
def test_hostile_files_are_read_within_bounds(content: bytes) -> None:
    found = sketch.of("a/b.py", content)
    assert sum(map(len, found.lines)) < 100_000
    assert isinstance(list(found.names), list)
