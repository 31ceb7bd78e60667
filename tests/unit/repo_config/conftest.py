"""A tree that needs no folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.unit.policy.cases import DictTree, as_bytes


@pytest.fixture
def tree() -> Callable[[Mapping[str, str | bytes]], DictTree]:
    """Make a tree of path and content."""
    return lambda files: DictTree({path: as_bytes(text) for path, text in files.items()})
