"""The table at the end: which released projects were worked on, and how much there was of each."""

from __future__ import annotations

import pytest

from tests.thirdparty.projects import Known

_ROWS = pytest.StashKey[dict[str, list[str]]]()


def note(config: pytest.Config, known: Known, models: int, tests: int, seconds: float) -> None:
    """Add a project to the table."""
    _row(config, known)[:3] = [str(models), str(tests), f"{seconds:.1f}"]


def note_on_github(config: pytest.Config, known: Known, requests: int, seconds: float) -> None:
    """Add what it took from a label on GitHub to the end."""
    _row(config, known)[3:] = [f"{seconds:.1f}", str(requests)]


def lines(config: pytest.Config) -> list[str]:
    """The table, or nothing where no project was worked on."""
    rows = config.stash.get(_ROWS, {})
    head = _line("project", ["models", "tests", "seconds", "on GitHub", "requests"])
    return [head, *(_line(name, cells) for name, cells in rows.items())] if rows else []


def _row(config: pytest.Config, known: Known) -> list[str]:
    name = f"{known.source.name} {known.source.version}"
    return config.stash.setdefault(_ROWS, {}).setdefault(name, [""] * 5)


def _line(name: str, cells: list[str]) -> str:
    return f"{name:32}" + "".join(f"{cell:>11}" for cell in cells)
