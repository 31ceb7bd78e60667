"""The digests of a change and of a ticket cover all that counts."""

import pytest

from agent.models.change import Change, ChangedFile
from agent.models.record import replace
from tests.run_samples import snapshot

CHANGE = Change(
    base_commit="a" * 40,
    files=(
        ChangedFile(path="bin.dat", before=None, after=b"\xff\x00\x80"),
        ChangedFile(path="gone.py", before=b"x = 1\n", after=None),
    ),
)


@pytest.mark.parametrize(
    "update",
    [
        {"base_commit": "b" * 40},
        {"files": (CHANGE.files[0], replace(CHANGE.files[1], after=b""))},
        {"files": (replace(CHANGE.files[0], executable=True), CHANGE.files[1])},
    ],
)
def test_the_digest_covers_everything_that_is_published(update):
    assert replace(CHANGE, **update).digest != CHANGE.digest


SNAPSHOT = replace(snapshot(), labels=("bug", "mergewright"))


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Add a fieldn", "body": "ickname"},
        {"labels": ("bug,mergewright",)},
        {"actor_id": 6},
    ],
)
def test_the_digest_of_a_snapshot_covers_text_labels_and_who_approved_it(change):
    assert replace(SNAPSHOT, **change).digest != SNAPSHOT.digest
