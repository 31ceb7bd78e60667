"""The digests of a change and of a ticket cover all that counts."""

import pytest

from agent.models.change import Change, ChangedFile
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
        {"files": (CHANGE.files[0], CHANGE.files[1].model_copy(update={"after": b""}))},
        {"files": (CHANGE.files[0].model_copy(update={"executable": True}), CHANGE.files[1])},
    ],
)
def test_the_digest_covers_everything_that_is_published(update):
    assert CHANGE.model_copy(update=update).digest != CHANGE.digest


SNAPSHOT = snapshot().model_copy(update={"labels": ("bug", "mergewright")})


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Add a fieldn", "body": "ickname"},
        {"labels": ("bug,mergewright",)},
        {"actor_id": 6},
    ],
)
def test_the_digest_of_a_snapshot_covers_text_labels_and_who_approved_it(change):
    assert SNAPSHOT.model_copy(update=change).digest != SNAPSHOT.digest
