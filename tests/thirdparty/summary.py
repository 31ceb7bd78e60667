"""The table at the end: which released projects were worked on, and how much there was of each."""

from __future__ import annotations

import pytest

from tests.thirdparty.projects import Known

_ROWS = pytest.StashKey[dict[str, tuple[int, int, float]]]()


def note(config: pytest.Config, known: Known, models: int, tests: int, seconds: float) -> None:
    """Add a project to the table."""
    name = f"{known.source.name} {known.source.version}"
    config.stash.setdefault(_ROWS, {})[name] = (models, tests, seconds)


def lines(config: pytest.Config) -> list[str]:
    """The table, or nothing where no project was worked on."""
    rows = config.stash.get(_ROWS, {})
    head = f"{'project':32}{'models':>8}{'tests':>8}{'seconds':>10}"
    body = [
        f"{name:32}{models:8}{tests:8}{seconds:10.1f}"
        for name, (models, tests, seconds) in rows.items()
    ]
    return [head, *body] if body else []
