"""What a model may name: one gate for reading, searching and writing (MO2, MO5, MO6)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.editing.tool_samples import SHOP, Bench, bench

OUTSIDE = [
    "../secret.txt",
    "shop/../../secret.txt",
    "/etc/passwd",
    ".git/config",
    ".GIT/config",
    ".g\u200dit/config",
    "shop/models.py\0.txt",
    "link.py",
    "linked/secret.txt",
    "a/" * 300 + "x",
]


@pytest.fixture
def shop(tmp_path: Path) -> Bench:
    (tmp_path / "secret.txt").write_text("canary")
    (tmp_path / "tree2").mkdir()
    (tmp_path / "tree2" / "secret.txt").write_text("canary")
    made = bench(tmp_path, protect=[".github/**"], human_only=["payments/**"])
    (made.tree.folder / "link.py").symlink_to(tmp_path / "secret.txt")
    (made.tree.folder / "linked").symlink_to(tmp_path / "tree2")
    (made.tree.folder / ".git").mkdir()
    (made.tree.folder / ".git" / "config").write_text("canary")
    return made


def contents(folder: Path) -> dict[str, object]:
    """Everything below a folder; links are not followed."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        link = path.is_symlink()
        found[str(path)] = os.readlink(path) if link else path.is_file() and path.read_bytes()
    return found


WAYS: list[tuple[str, dict[str, str]]] = [
    ("read", {"path": "PATH"}),
    ("search", {"text": "canary", "folder": "PATH"}),
    ("look", {"folder": "PATH"}),
    ("edit", {"path": "PATH", "old": "canary", "new": "x"}),
    ("delete", {"path": "PATH"}),
    ("move", {"path": "PATH", "to": "shop/x.py"}),
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_MO2_nothing_outside_is_read_found_or_touched(
    shop: Bench, tmp_path: Path, path: str
) -> None:
    before = contents(tmp_path)
    for name, arguments in WAYS:
        said = shop.refused(name, **{k: v.replace("PATH", path) for k, v in arguments.items()})
        assert "canary" not in said
        assert len(said) < 1000
    assert contents(tmp_path) == before


@pytest.mark.parametrize("path", OUTSIDE)
def test_MO2_nothing_outside_is_written(shop: Bench, tmp_path: Path, path: str) -> None:
    before = contents(tmp_path)
    shop.refused("create", path=path, text="x\n")
    shop.refused("move", path="shop/money.py", to=path)
    assert contents(tmp_path) == before


def test_MO2_a_file_that_became_a_link_is_not_followed(shop: Bench, tmp_path: Path) -> None:
    os.unlink(shop.tree.folder / "shop/money.py")
    (shop.tree.folder / "shop/money.py").symlink_to(tmp_path / "secret.txt")
    assert "link" in shop.refused("read", path="shop/money.py")
    assert "0 lines in 0 of 0 files" in shop.said("search", text="canary", folder="shop/money.py")
    assert "link" in shop.refused("edit", path="shop/money.py", old="canary", new="x")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".github/workflows/ci.yml", "protected (scope.protect: '.github/**')"),
        (".GitHub/workflows/new.yml", "protected (scope.protect: '.github/**')"),
        ("payments/card.py", "only people change it (scope.human_only: 'payments/**')"),
        (".github/mergewright.yml", "Mergewright's configuration"),
    ],
)
def test_what_the_contract_protects_is_refused_for_writing_with_the_reason(
    shop: Bench, path: str, why: str
) -> None:
    if path in SHOP:
        assert SHOP[path].strip() in shop.said("read", path=path)
        assert why in shop.refused("edit", path=path, old=SHOP[path].strip(), new="x")
        assert why in shop.refused("delete", path=path)
        assert why in shop.refused("move", path=path, to="shop/free.py")
    else:
        assert why in shop.refused("create", path=path, text="x\n")
        assert why in shop.refused("move", path="shop/money.py", to=path)


def test_only_what_the_scope_allows_is_written(tmp_path: Path) -> None:
    made = bench(tmp_path, allow=["shop/**"])
    assert made.said("edit", path="shop/money.py", old="return value", new="return 2")
    assert "outside scope.allow" in made.refused("edit", path="README.md", old="Shop", new="Ship")
    assert "# Shop" in made.said("read", path="README.md")


def test_nothing_is_written_while_looking(tmp_path: Path) -> None:
    made = bench(tmp_path, phase="look")
    assert {spec.name for spec in made.toolbox.specs()}.isdisjoint(
        {"edit", "create", "move", "delete", "recipe"}
    )
    assert "no such tool now" in made.refused("edit", path="README.md", old="Shop", new="x")


def test_tests_alone_are_written_while_tests_are_written(tmp_path: Path) -> None:
    made = bench(tmp_path, phase="tests")
    assert made.said("create", path="tests/test_new.py", text="def test_a():\n    assert 1\n")
    assert made.said("create", path="tests/data/orders.json", text="{}\n")
    assert "no test file" in made.refused("edit", path="shop/money.py", old="value)", new="x)")
    assert "no test file" in made.refused("move", path="tests/test_models.py", to="shop/new.py")


def test_what_is_closed_stays_as_it_is(tmp_path: Path) -> None:
    made = bench(tmp_path, closed=("tests/test_models.py",))
    assert "is closed" in made.refused("create", path="tests/Test_Models.py", text="x\n")
    assert "is closed" in made.refused("move", path="README.md", to="tests/Test_Models.py")
    assert "is closed" in made.refused("delete", path="tests/test_models.py")
    assert "is closed" in made.refused(
        "edit", path="tests/test_models.py", old="assert True", new="pass"
    )
    assert "assert True" in made.said("read", path="tests/test_models.py")


# --- size (MO5) -----------------------------------------------------------------------------------


def test_MO5_a_change_touches_no_more_files_than_it_may(tmp_path: Path) -> None:
    made = bench(tmp_path, max_files=2)
    made.said("create", path="a.py", text="a = 1\n")
    made.said("create", path="b.py", text="b = 1\n")
    assert "touches 3 files; scope.max_files is 2" in made.refused(
        "create", path="c.py", text="c = 1\n"
    )
    assert made.said("create", path="b.py", text="b = 2\n")
    made.said("delete", path="b.py")
    assert made.said("create", path="c.py", text="c = 1\n")


def test_MO5_large_and_binary_files_are_neither_read_nor_made(tmp_path: Path) -> None:
    made = bench(tmp_path, {**SHOP, "big.txt": "x\n" * 600_000, "logo.png": b"\x89PNG\0\0"})
    assert "1,200,000 bytes; more than 1,000,000 are not read" in made.refused(
        "read", path="big.txt"
    )
    assert "is binary" in made.refused("read", path="logo.png")
    assert "not read" in made.refused("edit", path="big.txt", old="x", new="y")
    assert "binary content" in made.refused("create", path="a.bin", text="a\0b")
    assert "2 are no text, or too large" in made.said("search", text="rounded")


def test_MO5_an_argument_of_ten_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    made = bench(tmp_path)
    said = made.refused("create", path="a.txt", text="x" * 10_000_000)
    assert said.endswith("characters; 400,000 are the most")
    assert len(said) < 200


def test_MO5_a_new_layout_alone_is_refused(tmp_path: Path) -> None:
    lines = "".join(f"value_{number} = '{number}'\n" for number in range(40))
    made = bench(tmp_path, {"a.py": lines, "b.py": "x = 1\n"})
    said = made.refused("edit", path="a.py", old=lines, new=lines.replace("'", '"'))
    assert "only be laid out anew" in said
    block = "".join(f"    {line}\n" for line in lines.splitlines())
    assert made.said("edit", path="a.py", old=lines, new=f"if True:\n{block}")


def test_MO5_most_files_stay(tmp_path: Path) -> None:
    made = bench(tmp_path, {f"m{number}.py": f"x = {number}\n" for number in range(12)})
    for number in range(3):
        made.said("delete", path=f"m{number}.py")
    assert "4 files would be gone; a change may delete 3 here" in made.refused(
        "delete", path="m3.py"
    )
    made.said("create", path="n.py", text="y = 1\n")
    assert made.said("delete", path="m3.py")
    assert made.said("move", path="m4.py", to="moved.py")


def test_MO5_no_tool_sets_a_mode_and_a_moved_file_keeps_its_own(tmp_path: Path) -> None:
    made = bench(tmp_path, {**SHOP, "run.sh": "#!/bin/sh\n"})
    (made.tree.folder / "run.sh").chmod(0o755)
    assert "`mode` is no argument" in made.refused(
        "create", path="x.sh", text="#!/bin/sh\n", mode="755"
    )
    made.said("create", path="x.sh", text="#!/bin/sh\n")
    made.said("move", path="run.sh", to="bin/run.sh")
    made.said("edit", path="bin/run.sh", old="#!/bin/sh", new="#!/bin/bash")
    modes = {file.path: file.executable for file in made.tree.changes() if file.after}
    assert modes == {"x.sh": False, "bin/run.sh": True}


def test_pyproject_may_change_but_not_our_table(tmp_path: Path) -> None:
    made = bench(tmp_path, {"pyproject.toml": "[project]\nname = 'x'\n"})
    assert "[tool.mergewright]" in made.refused(
        "edit", path="pyproject.toml", old="[project]", new="[tool.mergewright]\n[project]"
    )
    assert made.said("edit", path="pyproject.toml", old="'x'", new="'y'")
