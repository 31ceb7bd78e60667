"""The package index that this machine is set up for."""

from __future__ import annotations

import pytest

from agent.environments.package_index import SimpleIndex
from agent.settings import Settings


@pytest.fixture
def index(home) -> SimpleIndex:
    return SimpleIndex(Settings(home=home))
