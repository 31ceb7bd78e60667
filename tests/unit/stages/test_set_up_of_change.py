"""The set-up commands run again for a change that is more than Python code."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import EnvironmentFailed
from agent.models.change import Change, ChangedFile
from agent.setup import setup_commands
from agent.stages import checks
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree, make_project


@pytest.fixture
def run(tmp_path: Path):
    installed: Any = SimpleNamespace(path=str(tmp_path), versions={}, layers=())

    def set_up(
        path: str, commands: tuple[str, ...], answer: Any, before: bytes | None = None
    ) -> object:
        file = ChangedFile(path=path, before=before, after=b"x")
        change = Change(base_commit="c", files=(file,))
        contract = SimpleNamespace(config=RepoConfig(setup=commands), project=make_project())
        desk: Any = SimpleNamespace(
            say=lambda line: None,
            open_base=lambda prepared: DictTree({}),
            lay_out_head=lambda *_: None,
            environment=lambda prepared: installed,
            environment_of_change=lambda *_: answer(),
        )
        prepared: Any = SimpleNamespace(contract=contract, run=None)
        return checks._prepare_environment(change, prepared, desk)

    return set_up, installed


def test_it_runs_where_files_changed_that_commands_may_read(run):
    set_up, of_base = run
    built = SimpleNamespace(**vars(of_base))
    assert set_up("package.json", ("make",), lambda: built)[0] is built
    assert set_up("app/views.py", ("make",), lambda: built)[0] is of_base
    assert set_up("package.json", ("make",), lambda: built, b"{}")[0] is of_base, "not read"
    assert set_up("package.json", (), lambda: built)[0] is of_base


def test_a_migration_runs_again_what_ran_its_neighbours(run, monkeypatch):
    set_up, of_base = run
    ran = frozenset({"app/models.py", "app/versions/1.py", "app/versions"})
    monkeypatch.setattr(setup_commands, "list_inputs", lambda _: (ran, frozenset()))
    built = SimpleNamespace(**vars(of_base))
    upgrade = ("alembic upgrade head",)
    assert set_up("app/versions/2.py", upgrade, lambda: built)[0] is built
    assert set_up("app/models.py", upgrade, lambda: built, b"y")[0] is built
    assert set_up("tests/test_app.py", upgrade, lambda: built)[0] is of_base
    assert set_up("app/models.py", (), lambda: built, b"y")[0] is of_base, "no line of theirs"


def test_a_failure_is_said_to_come_with_the_change(run):
    def fail() -> object:
        raise EnvironmentFailed("setup: `make` ended with exit code 2")

    with pytest.raises(EnvironmentFailed, match=r"with the change.\n.*exit code 2"):
        run[0]("package.json", ("make",), fail)
