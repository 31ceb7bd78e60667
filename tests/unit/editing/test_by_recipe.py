"""Recipes as a tool: the same demands as for a ticket, the same gate as for an edit."""

from __future__ import annotations

from pathlib import Path

from agent.demo import play
from tests.unit.editing.tool_samples import bench

PRINTS = {
    "shop/__init__.py": "",
    "shop/views.py": """
        import logging

        logger = logging.getLogger(__name__)


        def pay(order):
            print("paid", order)
            return order
    """,
    "shop/jobs.py": "def run():\n    print('ran')\n",
}
SAMPLE = Path(play.__file__).parent / "sample_project"


def sample() -> dict[str, str]:
    """The Django project of the demo."""
    return {
        path.relative_to(SAMPLE).as_posix(): path.read_text()
        for path in SAMPLE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_recipe_carries_out_what_has_its_shape(tmp_path: Path) -> None:
    made = bench(tmp_path, PRINTS)
    said = made.said(
        "recipe", request="Replace `print` with `logging` in `shop/views.py`, level `info`"
    )
    assert said.startswith("print-to-logging changed shop/views.py\n")
    assert made.tree.read("shop/views.py").decode().count("logger.info(") == 1
    assert [file.path for file in made.tree.changes()] == ["shop/views.py"]


def test_what_has_no_shape_is_told_the_shapes(tmp_path: Path) -> None:
    said = bench(tmp_path, PRINTS).refused("recipe", request="Make it faster")
    assert "no recipe has this shape" in said
    assert "Replace `print` with `logging` in `shop/views.py`" in said


def test_a_recipe_asks_for_what_is_missing(tmp_path: Path) -> None:
    said = bench(tmp_path, PRINTS).refused(
        "recipe", request="Replace `print` with `logging` in `shop/nowhere.py`, level `info`"
    )
    assert "shop/nowhere.py" in said


def test_a_recipe_is_held_by_the_same_gate(tmp_path: Path) -> None:
    made = bench(tmp_path, PRINTS, protect=["shop/views.py"])
    assert "views.py" in made.refused(
        "recipe", request="Replace `print` with `logging` in `shop/views.py`, level `info`"
    )
    made = bench(tmp_path / "b", PRINTS, closed=("shop/views.py",))
    assert "is closed" in made.refused(
        "recipe", request="Replace `print` with `logging` in `shop/views.py`, level `info`"
    )
    assert "recipe" not in {
        spec.name for spec in bench(tmp_path / "c", phase="tests").toolbox.specs()
    }


def test_what_a_failed_command_leaves_is_undone_and_earlier_edits_stay(tmp_path: Path) -> None:
    made = bench(tmp_path, sample())
    made.said("create", path="shop/extra.py", text="x = 1\n")
    # The rooms of these services answer nothing, so there is no migration.
    said = made.refused(
        "recipe",
        request="Add `nickname = models.CharField(max_length=50, blank=True)` to `shop.Customer`",
    )
    assert "make_migration.py ended with exit code 0" in said
    assert [file.path for file in made.tree.changes()] == ["shop/extra.py"]
