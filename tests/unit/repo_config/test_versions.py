"""Which versions a project says it runs on."""

import pytest

from repo_config import versions


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("~3.9 || ^3.11", (9, 11, 13), (8, 10)),
        ("^3.9 <3.12", (9, 11), (12,)),
        ("3", (9, 13), ()),
        ("==3.12", (12,), (11, 13)),
        ("3.12", (12,), (11, 13)),
        (">=3.9,<3.11", (9, 10), (8, 11)),
    ],
)
def test_a_range_allows_minor_versions(written, inside, outside):
    found = versions.list_minors(written)
    assert {*inside} <= {*found}
    assert not {*outside} & {*found}
