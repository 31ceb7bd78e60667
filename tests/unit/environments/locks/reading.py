"""How tests read a lock: from real files, as a build does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.environments import declare
from agent.environments.locks import kinds
from agent.environments.locks.lock import Target
from agent.environments.tree_files import TreeFiles
from repo_config.schema import PythonSection


def installed_from(name: str, declared_in: str = "", usual: str = "") -> Any:
    """Make the fixture of a kind of lock: what one installs, and how it was declared.

    Args:
        name: Of the lock's file.
        declared_in: The file beside it, if there has to be one.
        usual: What that has where a test says nothing.
    """

    @pytest.fixture
    def installed(tmp_path: Path) -> Any:
        def write_and_read(
            lock: object, declaration: str = usual, python: str = "3.11.4", **section: Any
        ) -> Any:
            if declared_in:
                (tmp_path / declared_in).write_text(declaration)
            (tmp_path / name).write_text(lock if isinstance(lock, str) else json.dumps(lock))
            files = TreeFiles(tmp_path)
            declared = declare.read(files, PythonSection(**section))
            found = kinds.requirements(files, declared.lock, Target(python=python))
            assert found is not None
            return found, declared

        return write_and_read

    return installed


def texts(found: Any) -> list[str]:
    """The lines that a lock comes to, sorted."""
    return sorted(line.text for line in found.lines)
