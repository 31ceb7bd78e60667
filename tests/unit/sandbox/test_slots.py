"""Which user a sandbox gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.models.sandbox import Mount, SandboxRequest
from agent.sandbox import slots


@pytest.mark.skipif(os.geteuid() != 0, reason="one who is not root has one user for all sandboxes")
def test_open_sandboxes_have_users_of_their_own_also_those_of_other_data_folders(
    tmp_path: Path,
) -> None:
    keeping = Mount(source="/", target="/store", writable=True, retained_folder="cache")
    order = SandboxRequest(argv=("true",), mounts=(keeping,))
    one, other = tmp_path / "one", tmp_path / "other"
    with (
        slots.claim_slot(one) as first,
        slots.claim_slot(one) as second,
        slots.claim_slot(other) as third,
    ):
        assert (first.number, second.number, third.number) == (0, 1, 0)
        users = [
            slots.user(slot, SandboxRequest(argv=("true",))) for slot in (first, second, third)
        ]
        keepers = {slots.user(slot, order) for slot in (first, second, third)}
    assert len({*users, *keepers}) == 4
    with slots.claim_slot(one) as again:
        assert again.uid == users[0]
    assert keepers == {slots.keeper()}
