"""Checkout, work tree, diff, commit and delivery on real repositories."""

import json
import os
from concurrent import futures
from io import BytesIO
from pathlib import Path

import pytest

from agent.errors import RepositoryUnfit, StorageFull
from agent.git import folders, history, one_commit, worktree
from tests.folders import lay_files
from tests.integration import git_samples as samples
from tests.integration.git_samples import git

DATE = 1_700_000_000


def test_what_has_an_odd_name_is_laid_out_beside_the_files_that_are_edited(repository, mirrors):
    odd = [
        os.fsdecode(name) for name in (b"caf\xe9.txt", b"new\nline", b"-rf", b"a\\b", b"e\x1b[2J")
    ]
    for name in odd:
        (repository / "data").mkdir(exist_ok=True)
        (repository / "data" / name).write_bytes(b"x")
    (repository / "-rf").write_bytes(b"x")
    samples.commit_all(repository, "Odd names")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    tree = worktree.lay_out(checkout, mirrors / "laid")
    assert sorted(os.listdir(tree.folder / "data")) == sorted(odd)
    assert [path for path in tree.paths() if path.startswith(("data/", "-"))] == ["data/-rf"]
    assert {"-rf", "data/new\nline", "data/caf\udce9.txt"} <= worktree.list_links(checkout)


def test_PF3_neither_a_tree_nor_a_mirror_is_left_half_done_on_a_full_disk(
    repository, mirrors, small_disk
):
    disk = small_disk(2)
    (repository / "large").write_bytes(os.urandom(4 * 1024**2))
    samples.commit_all(repository, "More than fits")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    with pytest.raises(StorageFull):
        worktree.lay_out(checkout, disk / "laid")
    with pytest.raises(StorageFull):
        worktree.prepare_checkout(str(repository), None, disk / "mirrors")
    assert sorted(place.suffix for place in disk.rglob("*")) == ["", ".lock"]


def test_what_is_checked_out_a_branch_a_tag_and_a_commit_can_be_the_base(repository, mirrors):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "annotated")
    git(repository, "branch", "feature/x")
    git(repository, "update-ref", "refs/remotes/origin/stable/2", first)
    second = samples.commit_all(repository, "Second: with words")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    assert (checkout.commit, checkout.base_branch) == (second, "main")
    assert (checkout.nearest_tag, checkout.subjects) == ("v1", ("Second: with words", "First"))
    assert (checkout.repository, Path(checkout.mirror).parent) == (str(repository), mirrors)
    for base, branch in {
        "feature/x": "feature/x",
        "refs/heads/feature/x": "feature/x",
        "v1": None,
        first: None,
        first[:10]: None,
        "origin/stable/2": "stable/2",
    }.items():
        found = worktree.prepare_checkout(str(repository), base, mirrors)
        assert (found.commit, found.base_branch) == (first, branch), base
    assert worktree.prepare_checkout(str(repository), "HEAD", mirrors) == checkout


def test_a_linked_work_tree_and_a_bare_repository_serve_as_well(repository, mirrors, tmp_path):
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    linked = samples.commit_all(tmp_path / "linked", "In the linked one")
    checkout = worktree.prepare_checkout(str(tmp_path / "linked"), None, mirrors)
    assert (checkout.commit, checkout.base_branch) == (linked, "other")
    commit = worktree.make_commit(checkout, samples.edit(checkout), "Edit", date=DATE)
    assert worktree.deliver_branch(checkout, commit, "mergewright/x") == "mergewright/x"
    assert git(repository, "rev-parse", "mergewright/x") == commit

    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    bare = worktree.prepare_checkout(str(tmp_path / "bare.git"), "main", mirrors)
    assert bare.base_branch == "main"


def test_a_shallow_clone_serves(repository, mirrors, tmp_path):
    (repository / "test_a.py").write_text("run(['git', 'log'])\n")
    second = samples.commit_all(repository, "Second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    whole = worktree.prepare_checkout(str(repository), None, mirrors)
    checkout = worktree.prepare_checkout(str(tmp_path / "shallow"), None, mirrors)
    for base, is_cut in ((whole, False), (checkout, True)):
        worktree.open_tree(base, tmp_path / "run" / "base")
        assert one_commit.has_shallow_history(tmp_path / "run" / one_commit.NAME) is is_cut
        folders.delete_folder(tmp_path / "run")
    assert (checkout.commit, checkout.subjects) == (second, ("Second",))
    tree = worktree.lay_out(checkout, tmp_path / "tree")
    assert tree.read("a.py") == b"x = 1\n"
    commit = worktree.make_commit(checkout, samples.edit(checkout), "Edit", date=DATE)
    worktree.deliver_branch(checkout, commit, "mergewright/x")
    assert git(tmp_path / "shallow", "log", "--format=%s", "mergewright/x") == "Edit\nSecond"


@pytest.mark.parametrize(
    ("base", "words"),
    [("relase/1.2", "Nearest: release/1.2"), ("v9", "`v9`"), ("main~1", "Nearest: main")],
)
def test_an_unknown_base_is_answered_with_the_nearest_names(repository, mirrors, base, words):
    git(repository, "branch", "release/1.2")
    with pytest.raises(RepositoryUnfit, match=words):
        worktree.prepare_checkout(str(repository), base, mirrors)


def test_what_is_not_a_repository_is_said(tmp_path, mirrors):
    with pytest.raises(RepositoryUnfit, match="not a folder on this machine"):
        worktree.prepare_checkout(str(tmp_path / "nowhere"), None, mirrors)
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepositoryUnfit, match=r"not a git repository.*git init"):
        worktree.prepare_checkout(str(tmp_path / "plain"), None, mirrors)
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    with pytest.raises(RepositoryUnfit, match="has no commits yet"):
        worktree.prepare_checkout(str(tmp_path / "new"), None, mirrors)


def test_two_runs_at_once_do_not_disturb_each_other(repository, mirrors, tmp_path):
    def one_run(number: int) -> str:
        checkout = worktree.prepare_checkout(str(repository), None, mirrors)
        tree = worktree.lay_out(checkout, tmp_path / f"tree{number}")
        tree.write("a.py", f"x = {number}\n".encode())
        change = samples.change(checkout, *tree.changes())
        commit = worktree.make_commit(checkout, change, f"Run {number}", date=DATE)
        return worktree.deliver_branch(checkout, commit, "mergewright/same")

    with futures.ThreadPoolExecutor(3) as pool:
        branches = list(pool.map(one_run, range(3)))
    wanted = {"mergewright/same", "mergewright/same-2", "mergewright/same-3"}
    assert set(branches) == wanted
    git(repository, "fsck", "--strict")


def test_a_work_tree_holds_the_files_and_no_git(repository, mirrors, tmp_path):
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "link").symlink_to("pkg/b.py")
    samples.commit_all(repository, "More")
    os.umask(0o077)
    try:
        checkout = worktree.prepare_checkout(str(repository), None, mirrors)
        tree = worktree.lay_out(checkout, tmp_path / "trees" / "1" / "base")
    finally:
        os.umask(0o022)
    assert tree.paths() == ("a.py", "pkg/b.py", "run.sh")
    assert sorted(path.name for path in tree.folder.iterdir()) == ["a.py", "link", "pkg", "run.sh"]
    assert (tree.folder / "link").readlink() == Path("pkg/b.py")
    modes = [
        tree.folder.joinpath(path).stat().st_mode & 0o777 for path in ("a.py", "run.sh", "pkg")
    ]
    assert modes == [0o644, 0o755, 0o755], "sandboxes run as another user"


def test_a_diff_applies_whatever_the_files_are(repository, mirrors, tmp_path):
    before = {
        "bin": b"\0\1\2", "latin.txt": b"caf\xe9\n", "gone": b"x\r\n", "mode": b"same\r\n",
        "windows.py": b"a = 1\r\n\r\nb = 2\r\n", "mac.txt": b"one\rtwo\r", "mixed": b"a\r\nb\n",
        "end": b"no newline", "bom.py": b"\xef\xbb\xbfx = 1\r\n", "far": b"caf\xe9\n" + b"x\n" * 9,
    }  # fmt: skip
    after = {
        "bin": b"\0\1\3", "latin.txt": b"caf\xe9s\n", "a.py": b"x = 2\r\nno newline at end",
        "windows.py": b"a = 1\r\n\r\nb = 3\r\n", "mac.txt": b"one\rthree\r", "mixed": b"a\nb\r\n",
        "end": b"no newline\n", "bom.py": b"\xef\xbb\xbfx = 2\r\n", "new.txt": b"\xff\xfea\0\r\0",
        "odd": "\u2028\x85\x0c\x1c\ufeff\r".encode(), "empty": b"", "one": b"\xe9",
        'tricky "name"\u00e9 {a,b}[c]*.py': "é = 1\n".encode(), "far": b"caf\xe9\n" + b"x\n" * 8,
    }  # fmt: skip
    lay_files(repository, before)
    base = samples.commit_all(repository, "More")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    tree = worktree.lay_out(checkout, tmp_path / "tree")
    for path, content in after.items():
        tree.write(path, content)
    tree.write("run.sh", b"#!/bin/sh\r\n", executable=True)
    tree.write("mode", b"same\r\n", executable=True)
    tree.delete("gone")
    change = samples.change(checkout, *tree.changes())
    objects = sorted(Path(checkout.mirror, "objects").rglob("*"))
    text = worktree.make_diff(checkout, change)
    hunks = worktree.list_hunks(checkout, change)
    assert sorted(Path(checkout.mirror, "objects").rglob("*")) == objects, "only looked at"
    for file in change.files:
        old, new = (BytesIO(side or b"").readlines() for side in (file.before, file.after))
        for hunk in hunks.get(file.path, ())[::-1]:
            start, end = (at - 1 for at in (hunk.before.start, hunk.before.stop))
            old[start:end] = new[hunk.after.start - 1 : hunk.after.stop - 1]
        assert old == new
    assert hunks["windows.py"] == (("windows.py", range(3, 4), range(3, 4)),)
    assert hunks["far"] == (("far", range(10, 11), range(10, 10)),)
    assert "+é = 1" in text
    assert "+b = 3\r\n" in text
    git(repository, "apply", "--index", "-", stdin=text.encode())
    commit = worktree.make_commit(checkout, change, "All", date=DATE)
    worktree.deliver_branch(checkout, commit, "mergewright/x")
    assert git(repository, "write-tree") == git(repository, "rev-parse", "mergewright/x^{tree}")
    # As a backtest stores, reads and applies it, and what people have merged.
    with history.read_commits(str(repository), f"{base}..mergewright/x") as commits:
        (past,) = commits
    for patch in (text, past.diff(past.paths)):
        stored = json.dumps(patch, ensure_ascii=False).encode()
        read = history.read_patch(checkout, json.loads(stored))
        assert read.digest == change.digest


def test_a_commit_leaves_every_other_file_as_it_is(repository, mirrors, tmp_path):
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "link").symlink_to("a.py")
    lay_files(repository, {".gitattributes": "* text eol=crlf\n", "crlf": "a\r\n"})
    samples.commit_all(repository, "More")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    tree = worktree.lay_out(checkout, tmp_path / "tree")
    tree.write("run.sh", b"#!/bin/bash\n")
    tree.write("new.txt", b"one\r\ntwo\n")
    change = samples.change(checkout, *tree.changes())
    commit = worktree.make_commit(checkout, change, "X", date=DATE)
    worktree.deliver_branch(checkout, commit, "mergewright/x")
    changed = git(repository, "diff-tree", "-r", "--raw", "HEAD", "mergewright/x").splitlines()
    assert [line.split()[:2] + line.split()[-2:] for line in changed] == [
        [":000000", "100644", "A", "new.txt"],
        [":100755", "100755", "M", "run.sh"],
    ]
    assert git(repository, "rev-parse", f"{commit}:new.txt") == samples.blob(
        repository, b"one\r\ntwo\n"
    )


def test_the_branch_arrives_and_nothing_else_is_touched(repository, mirrors):
    lay_files(repository, {"a.py": "dirty\n", "untracked": "mine\n"})
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    commit = worktree.make_commit(checkout, samples.edit(checkout), "Edit", date=DATE)
    before = samples.state(repository)
    assert worktree.deliver_branch(checkout, commit, "mergewright/1-edit") == "mergewright/1-edit"
    after = samples.state(repository)
    new = {path for path in after if path not in before}
    ref = ".git/refs/heads/mergewright/1-edit"
    assert ref in new
    assert all(path == ref or path.startswith(".git/objects/") for path in new)
    assert len(new) == 4, "the branch, a commit, a tree and a blob"
    assert {path: after[path] for path in before} == before
    assert git(repository, "rev-parse", "mergewright/1-edit") == commit
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    git(repository, "fsck", "--strict")


def test_a_branch_with_other_content_is_left_and_the_next_name_taken(repository, mirrors):
    theirs = git(repository, "rev-parse", "HEAD")
    git(repository, "branch", "mergewright/x")
    git(repository, "branch", "mergewright/x-2/below")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    commit = worktree.make_commit(checkout, samples.edit(checkout), "Edit", date=DATE)
    # main is an ancestor of the commit: a fetch would have moved the branch forward.
    for _ in range(2):
        assert worktree.deliver_branch(checkout, commit, "mergewright/x") == "mergewright/x-3"
    assert git(repository, "rev-parse", "mergewright/x") == theirs
