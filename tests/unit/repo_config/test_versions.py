"""Which versions a project says it runs on."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from repo_config import versions


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("~3.9 || ^3.11", ("3.9.1", "3.11.2", "3.13"), ("3.8.1", "3.10.1", "4.0")),
        ("^3.9 <3.12", ("3.9.0", "3.11.1"), ("3.12.0",)),
        ("3", ("3.9.1", "3.13.0"), ("4.0",)),
    ],
)
def test_a_range_becomes_one_specifier(written, inside, outside):
    found = SpecifierSet(versions.standardize_range(written))
    assert all(version in found for version in inside)
    assert not any(version in found for version in outside)
