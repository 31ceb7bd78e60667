"""A lock of a form that no tool writes is answered in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.environments import declare
from agent.environments.locks import kinds
from agent.environments.locks.lock import Target
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from repo_config.schema import PythonSection

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n'
PACKAGE = '[[package]]\nname = "a"\nversion = "1"\n'
POETRY = '[metadata]\nlock-version = "{}"\ncontent-hash = "x"\n'


@pytest.mark.parametrize(
    ("lock", "text", "pyproject"),
    [
        ("poetry.lock", POETRY.format("2.1") + PACKAGE + "groups = 3\n", PYPROJECT),
        (
            "poetry.lock",
            POETRY.format("2.1") + PACKAGE + f'groups = ["main"]\nmarkers = "{"(" * 3000}"\n',
            PYPROJECT,
        ),
        ("Pipfile.lock", '{"_meta": {"sources": 3}}', PYPROJECT),
    ],
)
def test_a_lock_of_another_form_is_named(
    tmp_path: Path, lock: str, text: str, pyproject: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    (tmp_path / "Pipfile").write_text("")
    (tmp_path / lock).write_text(text)
    files = TreeFiles(tmp_path)
    with pytest.raises(EnvironmentFailed, match=rf"{lock}, or the file that it was made from"):
        kinds.requirements(
            files, declare.read(files, PythonSection()).lock, Target(python="3.11.4")
        )
