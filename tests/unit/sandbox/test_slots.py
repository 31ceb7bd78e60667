"""Which user a sandbox gets."""

from __future__ import annotations

import os

import pytest

from agent.sandbox import slots


@pytest.mark.skipif(os.geteuid() != 0, reason="one who is not root has one user for all sandboxes")
def test_open_sandboxes_have_users_of_their_own_also_those_of_other_data_folders(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    with (
        slots.claim_slot(one) as first,
        slots.claim_slot(one) as second,
        slots.claim_slot(other) as third,
    ):
        assert (first.number, second.number, third.number) == (0, 1, 0)
    assert len({first.uid, second.uid, third.uid}) == 3
    with slots.claim_slot(one) as again:
        assert again.uid == first.uid
