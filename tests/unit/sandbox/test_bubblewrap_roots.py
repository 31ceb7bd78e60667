"""Which root file system a sandbox has, and which user."""

import os

import pytest

from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox import slots
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings


def test_the_root_is_this_machines(home):
    (usual,) = BubblewrapSandbox(Settings(home=home)).roots()
    assert (usual.name, usual.folder) == ("", "/")
    assert usual.adding(["gettext"]) == "apt-get install gettext"


def test_an_image_of_docker_is_never_replaced_by_another_root(home):
    with pytest.raises(SandboxMissing, match="the docker image of Python 3.13"):
        BubblewrapSandbox(Settings(home=home)).run(SandboxRequest(argv=("true",), root="3.13"))


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


def test_workers_with_a_disk_each_at_one_path_have_no_name_in_common(tmp_path):
    """A fleet has the same path on all machines; a name would be that of the other's sandbox."""
    place = tmp_path / "home"
    with slots.claim_slot(place) as first:
        place.rename(tmp_path / "other disk")
        with slots.claim_slot(place) as second:
            assert first.number == second.number
            assert first.name != second.name
    place.rename(tmp_path / "this disk")
    (tmp_path / "other disk").rename(place)
    with slots.claim_slot(place) as again:
        assert again == first
