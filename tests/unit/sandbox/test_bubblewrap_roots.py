"""Which root file systems a sandbox can have, and which user."""

from __future__ import annotations

import os

import pytest

from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox import bwrap_arguments, slots
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings


@pytest.fixture
def given(home):
    for name in ("sid", "trixie", "forky.building", ".hidden"):
        (home / "roots" / name).mkdir(parents=True)
    (home / "roots" / "README").write_text("")
    return Settings(home=home)


def test_the_usual_one_comes_first_and_what_is_not_whole_is_left_out(given):
    found = bwrap_arguments.list_roots(given)
    assert [(one.name, one.folder) for one in found] == [
        ("", "/"),
        ("sid", str(given.home / "roots" / "sid")),
        ("trixie", str(given.home / "roots" / "trixie")),
    ]
    assert found[0].adding(["gettext"]) == "apt-get install gettext"
    assert found[1].adding(["gettext"]) == (
        f"sandbox_images/make_root.sh SUITE {given.home}/roots/sid gettext"
    )


@pytest.mark.parametrize("name", ["gone", "../roots/sid", ".hidden"])
def test_a_root_that_is_not_there_is_never_replaced_by_another(given, name):
    with pytest.raises(SandboxMissing, match="no longer exists"):
        BubblewrapSandbox(given).run(SandboxRequest(argv=("true",), root=name))


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
