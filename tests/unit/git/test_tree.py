"""The work tree: what is read, written, remembered and refused."""

import ctypes
import os
import threading

import pytest

from agent.errors import AgentError, EditFailed
from agent.git.tree import WorkTree
from agent.models.change import Change

SECRET = b"outside"
AT_FDCWD, RENAME_EXCHANGE = -100, 2


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_bytes(SECRET)
    return folder


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    (folder / "pkg").mkdir(parents=True)
    (folder / "a.py").write_bytes(b"x = 1\r\n")
    (folder / "pkg" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "pkg" / "run.sh").chmod(0o755)
    return WorkTree(folder, ["pkg/run.sh", "a.py"])


def test_a_change_is_replayed_on_a_fresh_tree(tree, tmp_path):
    tree.delete("a.py")
    tree.write("a.py/inner.py", b"1")
    change = Change(base_commit="0" * 40, files=tree.changes())
    fresh = tmp_path / "fresh"
    (fresh / "pkg").mkdir(parents=True)
    (fresh / "a.py").write_bytes(b"x = 1\r\n")
    again = WorkTree(fresh, ["a.py"])
    again.replay(change)
    assert again.changes() == change.files
    with pytest.raises(EditFailed, match="has changed since the change"):
        again.replay(change)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "pkg/../../outside/file", ".GIT/hooks/pre-commit", "~/../../x/..", "new\nline"],
)
def test_a_path_that_leads_elsewhere_is_refused(tree, outside, path):
    before = sorted(tree.folder.rglob("*"))
    for use in (tree.read, tree.delete, lambda path: tree.write(path, b"bad")):
        with pytest.raises(EditFailed):
            use(path)
    assert sorted(tree.folder.rglob("*")) == before
    assert (outside / "file").read_bytes() == SECRET


def test_links_are_not_followed(tree, outside):
    (tree.folder / "link").symlink_to(outside / "file")
    (tree.folder / "folder").symlink_to(outside)
    linked = WorkTree(tree.folder, ["link", "folder/file"])
    for path in ("link", "folder/file"):
        for use in (linked.read, linked.delete, lambda path: linked.write(path, b"bad")):
            with pytest.raises(EditFailed, match="symbolic link"):
                use(path)
    for path in ("link", "folder/new"):
        with pytest.raises(EditFailed, match="symbolic link"):
            tree.write(path, b"bad")
    assert sorted(path.name for path in outside.iterdir()) == ["file"]
    assert (outside / "file").read_bytes() == SECRET


def test_a_hard_link_is_not_read_and_not_written_through(tree, outside):
    os.link(outside / "file", tree.folder / "hard")
    with pytest.raises(EditFailed, match="hard link"):
        WorkTree(tree.folder, ["hard"]).read("hard")
    tree.write("hard", b"mine")
    assert (outside / "file").read_bytes() == SECRET


def test_a_pipe_or_device_is_refused_without_waiting(tree):
    os.mkfifo(tree.folder / "pipe")
    special = ["pipe"]
    if os.geteuid() == 0:
        os.mknod(tree.folder / "device", 0o20666, os.makedev(1, 3))
        special.append("device")
    odd = WorkTree(tree.folder, special)
    for path in special:
        with pytest.raises(EditFailed):
            odd.read(path)
        with pytest.raises(EditFailed):
            odd.write(path, b"")
        with pytest.raises(EditFailed):
            tree.write(path, b"")


def test_a_folder_exchanged_for_a_link_while_writing_leads_nowhere(tree, outside):
    real, link = os.fsencode(tree.folder / "pkg"), os.fsencode(tree.folder / "link")
    os.symlink(outside, link)
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            assert rename(AT_FDCWD, real, AT_FDCWD, link, RENAME_EXCHANGE) == 0

    swapping = threading.Thread(target=exchange)
    swapping.start()
    refused = written = 0
    try:
        for number in range(2000):
            try:
                tree.write(f"pkg/file{number}", b"bad")
                written += 1
            except AgentError:
                refused += 1
    finally:
        stop.set()
        swapping.join()
    assert refused, "the exchange never came in between"
    assert written, "the folder was never there"
    assert sorted(path.name for path in outside.iterdir()) == ["file"]
