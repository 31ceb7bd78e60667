"""A tree that needs no folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.unit.trees import DictTree


@pytest.fixture
def tree() -> Callable[[Mapping[str, str | bytes]], DictTree]:
    """Make a tree of path and content."""
    return DictTree
