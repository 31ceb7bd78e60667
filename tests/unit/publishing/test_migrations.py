"""Other pull requests of ours are known by the hidden line in their texts."""

from __future__ import annotations

import pytest

from agent.models.change import Change, ChangedFile
from agent.models.code_host import OwnPullRequest
from agent.publishing import migrations


def change(*new: str, edited: tuple[str, ...] = ()) -> Change:
    files = [ChangedFile(path=path, before=None, after=b"") for path in new]
    files += [ChangedFile(path=path, before=b"x", after=b"y") for path in edited]
    return Change(base_commit="a" * 40, files=tuple(files))


def text_of(*folders: str) -> str:
    return f"<!-- mergewright:run=r1 -->\n{migrations.marker(folders)}\n\nCloses #1\n"


def test_only_new_migrations_count():
    made = change(
        "shop/migrations/0002_x.py",
        "shop/migrations/0003_y.py",
        "migrations/0001_initial.py",
        "blog/migrations/__init__.py",
        "blog/migrations/README.md",
        "blog/tests/test_migrations.py",
        edited=("old/migrations/0001_initial.py",),
    )
    assert migrations.folders(made) == ("migrations", "shop/migrations")
    assert migrations.folders(change("a.py")) == ()


@pytest.mark.parametrize(
    "folder",
    [
        "shop/migrations",
        "a,b/migrations",
        "x-->y/migrations",
    ],
)
def test_a_hidden_line_is_one_comment_and_read_back(folder):
    body = text_of(folder)
    assert body.count("-->") == 2
    (rival,) = migrations.rivals([OwnPullRequest(number=3, body=body)], (folder,))
    assert (rival.number, rival.apps) == (3, (folder.removesuffix("/migrations"),))


def test_only_those_that_share_an_app_are_rivals():
    pulls = (
        OwnPullRequest(
            number=9, body=text_of("shop/migrations", "blog/migrations").replace("\n", "\r\n")
        ),
        OwnPullRequest(number=4, body=text_of("src/shop/migrations")),
        OwnPullRequest(number=5, body="Closes #1, without a line of ours"),
        OwnPullRequest(number=2, body=text_of("shop/migrations")),
    )
    found = migrations.rivals(pulls, ("shop/migrations",))
    assert [(one.number, one.apps) for one in found] == [(2, ("shop",)), (9, ("shop",))]
    assert migrations.rivals(pulls, ()) == ()
