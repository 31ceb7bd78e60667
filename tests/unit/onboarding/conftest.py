"""A tree that needs no folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from repo_config.tree import Tree
from tests.unit.trees import DictTree


@pytest.fixture
def tree() -> Callable[[Mapping[str, str]], Tree]:
    """Make a tree of path and content."""
    return DictTree
