"""A throw-away repository of one commit, for sandboxes: git works there, and nothing comes back.

The objects of the base are packed once for a run, into a folder that sandboxes only read. What each
of them writes in its own `.git` are a few small files that lead there.
"""

from __future__ import annotations

from pathlib import Path

from agent.repository import objects, process
from agent.repository.mirror import Hold

#: Where sandboxes see the folder.
SHOWN = "/base.git"
ENVIRON = {"GIT_CONFIG_GLOBAL": f"{SHOWN}/gitconfig", "GIT_CONFIG_NOSYSTEM": "1"}
_CONFIG = """\
[user]
	name = base
	email = base@localhost
[safe]
	directory = *
[core]
	hooksPath = /dev/null
	fsmonitor = false
	fsync = none
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol]
	allow = never
[advice]
	detachedHead = false
"""
_FORMAT = {
    40: "[core]\n\trepositoryformatversion = 0\n",
    64: "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n",
}
_OWN = "\tfilemode = true\n\tbare = false\n"


def make(hold: Hold, commit: str, folder: Path) -> None:
    """Pack the tree of a commit below a commit without parents, with an index of it."""
    dated = process.run(hold.place, "show", "--no-patch", "--format=%ct", commit)
    by = objects.Identity("base", "base@localhost", int(dated))
    with objects.writing(hold, keep=False) as place:
        single = objects.commit(place, objects.tree_of(place, commit), (), "Base", by)
        packs = folder / "objects" / "pack"
        packs.mkdir(parents=True)
        args = ("pack-objects", "--revs", "--quiet", str(packs / "pack"))
        process.run(place, *args, stdin=f"{single}\n".encode())
        process.run(place.using(GIT_INDEX_FILE=folder / "index"), "read-tree", single)
    (folder / "gitconfig").write_text(_CONFIG)
    (folder / "commit").write_text(single)


def files(folder: Path) -> dict[str, bytes]:
    """Return what a sandbox has in its own `.git`, by path in there."""
    commit = (folder / "commit").read_bytes()
    core = _FORMAT[len(commit)].replace("[core]\n", f"[core]\n{_OWN}", 1)
    return {
        "HEAD": b"ref: refs/heads/main\n",
        "config": core.encode(),
        "index": (folder / "index").read_bytes(),
        "objects/info/alternates": f"{SHOWN}/objects\n".encode(),
        "refs/heads/main": commit + b"\n",
    }
