"""Comments by which a change hides a file from a check."""

from __future__ import annotations

import pytest

from agent.checks import mutes
from agent.domain import Change, ChangedFile


def added(tool: str, after: str, before: str | None = None, path: str = "a.py") -> list[str]:
    file = ChangedFile(
        path=path, before=None if before is None else before.encode(), after=after.encode()
    )
    change = Change(base_commit="0" * 40, files=(file,))
    return [item.item_id for item in mutes.added(change, tool)]


@pytest.mark.parametrize(
    "comment",
    [
        "# mypy: ignore-errors",
        "# mypy: warn-return-any, ignore-errors",
        "# type: ignore[attr-defined]",
    ],
)
def test_comments_that_hide_a_file_from_mypy(comment: str) -> None:
    text = " ".join(comment.split())
    assert added("mypy", f'"""Words."""\n{comment}\nvalue = 1\n') == [f"a.py: muted: {text}"]
    assert added("mypy", f"{comment}\nvalue = 1\n", before=f"{comment}\n") == []


@pytest.mark.parametrize(
    "source",
    [
        "# mypy: strict, ignore-errors=False\n",
        "value = 1\n# type: ignore\n",
        '"""\n# mypy: ignore-errors\n"""\n',
    ],
)
def test_comments_that_do_not(source: str) -> None:
    assert added("mypy", source) == []


@pytest.mark.parametrize(
    ("comment", "mode", "hides"),
    [
        ("# pyright: basic", "standard", True),
        ("# pyright: strict, reportCallIssue=false", "standard", True),
        ("# pyright: standard", "recommended", True),
        ("# pyright: standard", "basic", False),
        ("# pyright: reportCallIssue=true", "standard", False),
        ("# about pyright: basic", "standard", False),
    ],
)
def test_comments_that_let_pyright_look_at_less(comment: str, mode: str, hides: bool) -> None:
    for tool in ("pyright", "basedpyright"):
        file = ChangedFile(path="a.py", before=b"", after=f"{comment}\nx = 1\n".encode())
        change = Change(base_commit="0" * 40, files=(file,))
        found = mutes.added(change, tool, mode)
        assert [item.item_id for item in found] == [f"a.py: muted: {comment}"] * hides


def test_pyright_heeds_a_comment_behind_code_and_says_so() -> None:
    assert added("pyright", "x = 1  # pyright: basic\n") == ["a.py: muted: # pyright: basic"]
    assert added("pyright", "x = 1\n# type: ignore\n") == []


@pytest.mark.parametrize(
    ("tool", "comment", "hides"),
    [
        ("ruff check", "# ruff: noqa: F401", True),
        ("flake8", "# flake8: noqa", True),
        ("flake8", "# ruff: noqa", False),
        ("ruff check", "import os  # noqa", False),
        ("isort", "#isort:skip_file", True),
    ],
)
def test_each_linter_has_its_own(tool: str, comment: str, hides: bool) -> None:
    assert bool(added(tool, f"{comment}\n")) is hides
