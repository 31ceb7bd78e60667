"""The set-up commands run again for a change that is more than Python code."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import EnvironmentFailed
from agent.models.change import Change, ChangedFile
from agent.stages import checks


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks._Trees, "lay_out", lambda *_: None)

    def set_up(path: str, commands: tuple[str, ...], answer: Any) -> object:
        file = ChangedFile(path=path, before=None, after=b"x")
        config = SimpleNamespace(setup=commands)
        prepared: Any = SimpleNamespace(
            contract=SimpleNamespace(config=config), run=None, checkout=None
        )
        desk: Any = SimpleNamespace(
            say=lambda line: None,
            stopped=None,
            head_folder=lambda run: Path(),
            environment_of_change=lambda prepared: answer(),
        )
        return checks._set_up(Change(base_commit="c", files=(file,)), checks._Trees(prepared, desk))

    return set_up


def test_it_runs_where_files_changed_that_commands_may_read(run):
    assert run("package.json", ("make",), lambda: "made") == "made"
    assert run("app/views.py", ("make",), lambda: "made") is None
    assert run("package.json", (), lambda: "made") is None


def test_a_failure_is_said_to_come_with_the_change(run):
    def fail() -> object:
        raise EnvironmentFailed("setup: `make` ended with exit code 2")

    with pytest.raises(EnvironmentFailed, match=r"with the change.\n.*exit code 2"):
        run("package.json", ("make",), fail)
