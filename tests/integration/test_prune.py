"""What the clean-up removes of caches besides environments."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from agent.settings import Settings
from agent.setup import prune

DAY = 86_400


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


def test_base_commits_that_were_measured_long_ago_go(settings):
    folder = settings.home / "baselines"
    folder.mkdir(parents=True)
    for name, days in (("old.json", 40), ("young.json", 2)):
        (folder / name).write_text("x" * 5000)
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    assert prune.remove_unused(settings) == 1
    assert os.listdir(folder) == ["young.json"]
