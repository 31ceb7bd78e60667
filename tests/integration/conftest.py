"""What is costly to make, for all tests of the checks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.settings import Settings
from tests.integration.check_samples import Files, Stage, Workshop, make_stage


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    home = Path(tempfile.mkdtemp(prefix="mergewright-checks-", dir="/tmp"))
    home.chmod(0o711)
    os.umask(0o022)
    settings = Settings(home=home)
    yield Workshop(home, settings, BubblewrapSandbox(settings))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def stage(workshop: Workshop, tmp_path: Path) -> Callable[..., Stage]:
    def make(files: Files, **more: object) -> Stage:
        return make_stage(workshop, tmp_path / "repository", files, **more)

    return make
