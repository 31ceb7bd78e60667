"""A throw-away repository of one commit, for sandboxes: git works there, and nothing comes back.

Its objects are packed once for a run; a few small files in the `.git` of a sandbox lead there. The
runner itself lists with it what has changed in a tree.
"""

from pathlib import Path

from agent.git import mirror, objects, process
from agent.git.mirror import LockedMirror

NAME = "base.git"
"""Name of its folder, next to the work trees of a run."""
SHOWN = f"/{NAME}"
"""Where sandboxes see it."""
_MARK = "made-of"
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
    """Pack the tree of a commit below a commit without parents, with an index of it."""
    dated = process.run_git(locked.place, "show", "--no-patch", "--format=%ct", commit)
    by = objects.Identity("base", "base@localhost", int(dated))
    place = objects.use_index(locked, keep=False)
    single = objects.write_commit(place, objects.find_tree(place, commit), (), "Base", by)
    packs = folder / "objects" / "pack"
    packs.mkdir(parents=True)
    args = ("pack-objects", "--revs", "--quiet", str(packs / "pack"))
    process.run_git(place, *args, stdin=f"{single}\n".encode())
    process.run_git(place.with_environ(GIT_INDEX_FILE=folder / "index"), "read-tree", single)
    (folder / "refs").mkdir()
    (folder / "info").mkdir()
    (folder / "info" / "attributes").write_text(mirror.ATTRIBUTES)
    (folder / "HEAD").write_text(f"{single}\n")
    (folder / _MARK).write_text(commit)


def is_of(folder: Path, commit: str) -> bool:
    mark = folder / _MARK
    return mark.is_file() and mark.read_text() == commit


def read_commit(folder: Path) -> bytes:
    """Return the commit's id as the file of a reference has it."""
    return (folder / "HEAD").read_bytes()


def read_files(folder: Path) -> dict[str, bytes]:
    """Return what a sandbox has in its own `.git`, by path in there."""
    commit = read_commit(folder)
    return {
        "HEAD": b"ref: refs/heads/main\n",
        "config": b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n",
        "index": (folder / "index").read_bytes(),
        "objects/info/alternates": f"{SHOWN}/objects\n".encode(),
        "refs/heads/main": commit,
    }
