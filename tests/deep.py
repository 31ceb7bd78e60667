"""Cases that only repeat a story with another project, Python or moment: of the deep suite."""

from typing import Any

import pytest


def deep(*values: object) -> Any:
    """Make such a case of a parametrized test."""
    return pytest.param(*values, marks=pytest.mark.deep)
