"""Write a Change as git objects, on top of its base commit. No work tree takes part."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import EditFailed
from agent.git import process
from agent.git.mirror import Hold
from agent.git.process import GitFailed, Place
from agent.models.change import Change

REGULAR = frozenset({"100644", "100755"})
"""Modes of the files that are worked on; links and submodules stay as they are."""

_MERGES_SINCE = (2, 38)
_MERGE_SECONDS = 120.0
_MERGE = (
    # Pairs that are compared grow with the square of this.
    "-c", "merge.renameLimit=1000",
    # A file stays in the folder it was put in, even if others have left that.
    "-c", "merge.directoryRenames=false",
    "merge-tree", "--write-tree", "--name-only", "-z",
)  # fmt: skip

Entry = tuple[str, str] | None
"""Mode and object id of a file; None: it is not there."""


class Identity(NamedTuple):
    """Who makes a commit, and when: author and committer alike."""

    name: str
    email: str
    date: int
    """Seconds since the epoch."""


@contextmanager
def open_index(hold: Hold, *, keep: bool) -> Iterator[Place]:
    """Work on an index in the scratch folder; new objects go there too unless they are kept."""
    place = hold.place.with_environ(GIT_INDEX_FILE=hold.scratch / "index")
    if not keep:
        objects = hold.scratch / "objects"
        objects.mkdir()
        place = place.with_environ(
            GIT_OBJECT_DIRECTORY=objects,
            GIT_ALTERNATE_OBJECT_DIRECTORIES=hold.place.git_dir / "objects",
        )
    yield place


# --- reading -----------------------------------------------------------------------------------


def list_files(place: Place, commit: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, mode and object id of every file of a commit."""
    for record in process.read_records(place, "ls-tree", "-r", "-z", commit):
        about, _, path = record.partition(b"\t")
        mode, _, object_id = about.decode().split()
        yield os.fsdecode(path), mode, object_id


def compare_trees(place: Place, before: str, after: str) -> dict[str, tuple[Entry, Entry]]:
    """Give what two commits or trees have of each file in which they differ, by path in order."""
    one, other = (
        {path: (mode, object_id) for path, mode, object_id in list_files(place, commit)}
        for commit in (before, after)
    )
    return {
        path: (one.get(path), other.get(path))
        for path in sorted({**one, **other})
        if one.get(path) != other.get(path)
    }


def read_contents(place: Place, ids: Iterable[str]) -> Iterator[bytes]:
    """Yield the contents of files, which are known to be small enough together."""
    asked = "".join(f"{object_id}\n" for object_id in ids).encode()
    answer, at = process.run_git(place, "cat-file", "--batch", stdin=asked) if asked else b"", 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + size + 2


def find_fork(place: Place, one: str, other: str) -> str | None:
    """Find the newest commit that two have in common; None: there is none."""
    return process.run_git(place, "merge-base", one, other, ok=(0, 1)).decode().strip() or None


def merge_trees(place: Place, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    """Merge two commits without a work tree; return the tree, and the paths of conflicts."""
    process.require_version(_MERGES_SINCE, "to bring a pull request up to date with its base")
    said = process.run_git(place, *_MERGE, one, other, ok=(0, 1), seconds=_MERGE_SECONDS)
    # Behind the tree come the paths, an empty line and words; after a clean merge nothing.
    tree, *rest = said.decode(errors="replace").split("\0")
    paths = tuple(rest[: rest.index("")])
    if len(rest) > 1 and not paths:
        raise GitFailed(f"git merge-tree names no path of a conflict: {rest[1:]}")
    return tree, paths


def find_tree(place: Place, commit: str) -> str:
    return require_object(place, f"{commit}^{{tree}}")


def require_object(place: Place, name: str) -> str:
    """Return the id of an object that has to be there."""
    return process.run_git(place, "rev-parse", "--verify", name).decode().strip()


# --- writing -----------------------------------------------------------------------------------


def write_tree(place: Place, scratch: Path, commit: str, change: Change) -> str:
    if change.base_commit != commit:
        raise EditFailed(f"The change was made for commit {change.base_commit}, not for {commit}")
    written = []
    for number, file in enumerate(change.files):
        if file.after is not None:
            written.append(scratch / f"content-{number}")
            written[-1].write_bytes(file.after)
    listed = "".join(f"{content}\n" for content in written).encode()
    args = ("hash-object", "-w", "--no-filters", "--stdin-paths")
    ids = iter(process.run_git(place, *args, stdin=listed).decode().split())
    entries = {
        file.path: None
        if file.after is None
        else ("100755" if file.executable else "100644", next(ids))
        for file in change.files
    }
    return write_tree_with(place, commit, entries)


def write_tree_with(place: Place, commit: str, entries: Mapping[str, Entry]) -> str:
    """Write the tree of a commit with other files, by path."""
    gone = [f"0 {'0' * len(commit)}\t{path}\0" for path, entry in entries.items() if not entry]
    present = [f"{entry[0]} {entry[1]}\t{path}\0" for path, entry in entries.items() if entry]
    process.run_git(place, "read-tree", commit)
    # What goes comes first: a file may stand where a folder is needed.
    lines = os.fsencode("".join(gone + present))
    process.run_git(place, "update-index", "--replace", "-z", "--index-info", stdin=lines)
    return process.run_git(place, "write-tree").decode().strip()


def write_commit(
    place: Place, tree: str, parents: Sequence[str], message: str, by: Identity
) -> str:
    """Write a commit; equal arguments give the same one."""
    identity = {"NAME": by.name, "EMAIL": by.email, "DATE": f"@{by.date} +0000"}
    environ = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in identity.items()
    }
    args = ("commit-tree", tree, *(f"-p{parent}" for parent in parents), "-F", "-")
    words = f"{message.strip()}\n".encode()
    return process.run_git(place.with_environ(**environ), *args, stdin=words).decode().strip()
