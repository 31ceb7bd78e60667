"""A disposable repository of the base commit, for git in sandboxes; nothing is read back from it.

It has one commit. If tests call git, it also has that commit's history with its tags, but nothing
later. Its objects are packed once for a run; a few small files in the `.git` of a sandbox refer to
them. The runner in the sandbox also uses it, to list the changes in a tree.
"""

import os
from pathlib import Path

from agent.git import mirror, objects, process
from agent.git.mirror import LockedMirror
from agent.git.process import GitPlace
from repo_config.test_files import has_test_name

NAME = "base.git"
"""Name of its folder, next to the work trees of a run."""
SHOWN = f"/{NAME}"
"""Path of this folder in sandboxes."""
_MARK = "made-of"
_TAGS = "packed-refs"
_SHALLOW = "shallow"
#: A use of git in a test file: the program's name in quotes, or an import of GitPython.
_CALLS_GIT = "['\"]git['\" ]|^ *(import|from) git( |\\.|$)"
CONFIG = b"""\
[user]
	name = base
	email = base@localhost
[safe]
	directory = *
[core]
	fsync = none
[gc]
	auto = 0
[maintenance]
	auto = false
"""
"""The configuration of git in a sandbox; a test with a home of its own does not see it."""


def make_repository(locked: LockedMirror, commit: str, folder: Path) -> None:
    """Pack a commit into the folder for sandboxes, with an index of the commit."""
    packs = folder / "objects" / "pack"
    packs.mkdir(parents=True)
    place = objects.use_index(locked, keep=False)
    wanted, tags = [commit], ""
    if _has_tests_of_git(locked.place, commit):
        form = "%(objectname) %(refname)"
        args = ("for-each-ref", f"--format={form}", f"--merged={commit}", "refs/tags")
        tags = os.fsdecode(process.run_git(locked.place, *args))
        wanted += [line.split()[0] for line in tags.splitlines()]
        shallow = locked.place.git_dir / _SHALLOW
        if shallow.is_file():
            (folder / _SHALLOW).write_bytes(shallow.read_bytes())
    else:
        wanted = [_write_single(locked, place, commit)]
    (folder / _TAGS).write_bytes(os.fsencode(tags))
    args = ("pack-objects", "--revs", "--quiet", str(packs / "pack"))
    process.run_git(place, *args, stdin="".join(f"{name}\n" for name in wanted).encode())
    process.run_git(place.with_environ(GIT_INDEX_FILE=folder / "index"), "read-tree", wanted[0])
    (folder / "refs").mkdir()
    (folder / "info").mkdir()
    (folder / "info" / "attributes").write_text(mirror.ATTRIBUTES)
    (folder / "HEAD").write_text(f"{wanted[0]}\n")
    (folder / _MARK).write_text(commit)


def _has_tests_of_git(place: GitPlace, commit: str) -> bool:
    args = ("grep", "-l", "-z", "-I", "-E", "-e", _CALLS_GIT, commit)
    listed = os.fsdecode(process.run_git(place, *args, ok=(0, 1))).split("\0")
    paths = (path.removeprefix(f"{commit}:") for path in listed)
    return any(has_test_name(path) or path.endswith("conftest.py") for path in paths)


def _write_single(locked: LockedMirror, place: GitPlace, commit: str) -> str:
    """Write a commit of the same tree without parents."""
    dated = process.run_git(locked.place, "show", "--no-patch", "--format=%ct", commit)
    by = objects.Identity("base", "base@localhost", int(dated))
    return objects.write_commit(place, objects.find_tree(place, commit), (), "Base", by)


def has_shallow_history(folder: Path) -> bool:
    """Whether tests call git, and the history that they see there is cut off."""
    return (folder / _SHALLOW).is_file()


def is_of(folder: Path, commit: str) -> bool:
    mark = folder / _MARK
    return mark.is_file() and mark.read_text() == commit


def read_commit(folder: Path) -> bytes:
    """Return the commit's id with a line end, as the file of a ref contains it."""
    return (folder / "HEAD").read_bytes()


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a sandbox's own `.git`, by path in that folder."""
    commit = read_commit(folder)
    more = {name: folder / name for name in (_TAGS, _SHALLOW)}
    return {
        "HEAD": b"ref: refs/heads/main\n",
        "config": b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n",
        "index": (folder / "index").read_bytes(),
        "objects/info/alternates": f"{SHOWN}/objects\n".encode(),
        "refs/heads/main": commit,
        **{name: path.read_bytes() for name, path in more.items() if path.is_file()},
    }
