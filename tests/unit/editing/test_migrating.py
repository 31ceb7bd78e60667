"""Migrations that Django makes for a model: whose tool it is, and what is taken of a lying room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.editing.toolbox import Phase
from agent.ports import ROOM_OUT, ROOM_TREE, RoomResult
from tests.unit.editing.test_by_recipe import sample
from tests.unit.editing.tool_samples import Bench, bench

FINE = json.dumps({"problem": None}).encode()


def made_by(
    tmp_path: Path, report: bytes | None, files: dict[str, bytes], **scope: object
) -> Bench:
    """Open the tools on the demo's project, with a room that hands just this back."""
    handed = {f"{ROOM_TREE}/{path}": content for path, content in files.items()}
    if report is not None:
        handed[f"{ROOM_OUT}/report.json"] = report
    result = RoomResult(exit_code=0, output="", output_bytes=0, seconds=0, files=handed)
    return bench(tmp_path, sample(), room=result, **scope)


@pytest.mark.parametrize("phase", ["look", "tests"])
def test_only_who_edits_source_has_migrations_made(tmp_path: Path, phase: Phase) -> None:
    made = bench(tmp_path, sample(), phase=phase)
    assert "makemigrations" not in {spec.name for spec in made.toolbox.specs()}
    assert "there is no such tool now" in made.refused("makemigrations", app="shop")


def test_new_files_below_the_migrations_of_the_app_are_taken(tmp_path: Path) -> None:
    made = made_by(tmp_path, FINE, {"shop/migrations/0002_a.py": b"x = 1\n"})
    assert made.said("makemigrations", app="shop") == (
        "`shop/migrations/0002_a.py`: made by Django\nx = 1"
    )
    assert [file.path for file in made.tree.changes()] == ["shop/migrations/0002_a.py"]


@pytest.mark.parametrize(
    ("report", "files", "words"),
    [
        (None, {}, "ended with exit code 0"),
        (b"[" * 100_000, {}, "its report cannot be read"),
        (FINE, {"shop/models.py": b""}, "changed shop/models.py, which it may not touch"),
        (FINE, {"shop/migrations/0001_initial.py": b""}, "which it may not touch"),
        (FINE, {"shop/migrations/../../a.py": b""}, "no migration of `shop` belongs there"),
        (FINE, {"shop/migrations/0002_a.py": b"def"}, "it is no Python"),
    ],
)  # fmt: skip
def test_nothing_else_is_taken(
    tmp_path: Path, report: bytes | None, files: dict[str, bytes], words: str
) -> None:
    made = made_by(tmp_path, report, files)
    said = made.refused("makemigrations", app="shop")
    assert words in said
    assert len(said) < 2_600


def test_they_are_written_through_the_gate(tmp_path: Path) -> None:
    made = made_by(
        tmp_path, FINE, {"shop/migrations/0002_a.py": b"x = 1\n"}, protect=["**/migrations/**"]
    )
    assert "0002_a.py" in made.refused("makemigrations", app="shop")


@pytest.mark.parametrize("app", ["", "../shop", "~"])
def test_an_app_is_named_by_its_folder(tmp_path: Path, app: str) -> None:
    made = made_by(tmp_path, FINE, {"shop/migrations/0002_a.py": b"x = 1\n"})
    made.refused("makemigrations", app=app)
