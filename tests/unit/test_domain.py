"""The digests of a change and of a ticket cover all that counts."""

from __future__ import annotations

import pytest

from agent.models.change import Change, ChangedFile
from agent.models.ticket import IssueRef, Snapshot

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
        {"files": (CHANGE.files[0].model_copy(update={"after": None}), CHANGE.files[1])},
        {"files": (CHANGE.files[0].model_copy(update={"executable": True}), CHANGE.files[1])},
    ],
)
def test_the_digest_covers_everything_that_is_published(update):
    assert CHANGE.model_copy(update=update).digest != CHANGE.digest


SNAPSHOT = Snapshot(
    issue=IssueRef(repository="o/r", repository_id=7, number=1, issue_id=9), url="u",
    title="Add a field", body="nickname", labels=("bug", "mergewright"), author="carl",
    actor="maria", actor_id=5, approved_at="2026-11-20T10:00:00Z",
)  # fmt: skip


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
