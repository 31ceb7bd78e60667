"""How many checks are under way at a time."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks import measuring
from agent.checks.check import Site
from agent.ports import RoomOrder, RoomResult
from agent.testing import FakeSandbox
from repo_config.schema import RepoConfig
from tests.unit.checks.test_limits import PROJECT, site


@pytest.fixture
def linted(tmp_path: Path) -> Site:
    """Three linters and no tests."""
    project = PROJECT.model_copy(
        update={"lint_tools": ("ruff", "flake8", "black"), "test_runner": None}
    )
    config = RepoConfig(rules={"security-lint": "off"})
    return replace(site(10), tree=tmp_path, project=project, config=config)


class Counting:
    """A room that says how many are open."""

    def __init__(self, together: int) -> None:
        self.most = self.open = 0
        self._lock = threading.Lock()
        self._met = threading.Barrier(together)

    def __call__(self, order: RoomOrder) -> RoomResult:
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)
        self._met.wait(60)  # breaks, and the test with it, where the others never come
        with self._lock:
            self.open -= 1
        return RoomResult(exit_code=1, output="", output_bytes=0, seconds=0.1)


@pytest.mark.parametrize(("at_once", "processors", "together"), [(3, 8, 3), (8, 3, 3)])
def test_as_many_checks_at_once_as_are_allowed_and_have_a_processor(
    linted: Site, monkeypatch: pytest.MonkeyPatch, at_once: int, processors: int, together: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    counting = Counting(together)
    measuring.measure(replace(linted, at_once=at_once), FakeSandbox(counting), lambda _: None)
    assert counting.most == together
