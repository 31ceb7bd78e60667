"""Read and compare git objects, and write a Change on top of its base, without a work tree."""

import ast
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from agent.errors import EditFailed
from agent.git import process
from agent.git.mirror import LockedMirror
from agent.git.process import GitFailed, GitPlace
from agent.models.change import Change, Hunk

REGULAR = frozenset({"100644", "100755"})
"""Modes of the files that are worked on; links and submodules stay as they are."""

_DIFF_TREE = (
    "diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-color",
    "--no-ext-diff", "--no-textconv",
)  # fmt: skip

#: Paths with control characters, quotes or other letters than ASCII are quoted as in C.
_FILE = re.compile(rb'diff --git ("?)a/(.*)\1 \1b/\2\1')
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

_MERGE = (
    # The number of pairs that are compared to find renames grows with the square of this.
    "-c", "merge.renameLimit=1000",
    # A new file stays in its folder, even if the other side has moved the rest of that folder.
    "-c", "merge.directoryRenames=false",
    # Conflict markers then also show the lines that both sides began with.
    "-c", "merge.conflictStyle=diff3",
    "merge-tree", "--write-tree", "--name-only", "-z",
)  # fmt: skip

Entry = tuple[str, str] | None
"""Mode and object id of a file; None: the file does not exist."""


class Identity(NamedTuple):
    """Name, email and date of a commit, used for its author and its committer."""

    name: str
    email: str
    date: int
    """Seconds since the epoch."""


def use_index(locked: LockedMirror, *, keep: bool) -> GitPlace:
    """Return the mirror with an index in the scratch folder; `keep` False: new objects go there."""
    place = locked.place.with_environ(GIT_INDEX_FILE=locked.scratch / "index")
    if not keep:
        objects = locked.scratch / "objects"
        objects.mkdir()
        place = place.with_environ(
            GIT_OBJECT_DIRECTORY=objects,
            GIT_ALTERNATE_OBJECT_DIRECTORIES=locked.place.git_dir / "objects",
        )
    return place


# --- reading -----------------------------------------------------------------------------------


def compare_trees(place: GitPlace, before: str, after: str) -> dict[str, tuple[Entry, Entry]]:
    """Compare two commits or trees; return both entries of each file that differs, by path."""
    listed = process.run_git(place, "diff-tree", "-r", "-z", "--no-renames", before, after)
    fields = iter(os.fsdecode(listed).split("\0")[:-1])
    entries: dict[str, tuple[Entry, Entry]] = {}
    for about, path in zip(fields, fields, strict=True):
        was_mode, mode, was_id, object_id, _ = about.removeprefix(":").split()
        was, now = (was_mode, was_id), (mode, object_id)
        entries[path] = (was if int(was_mode) else None, now if int(mode) else None)
    return dict(sorted(entries.items()))


def read_contents(place: GitPlace, ids: Iterable[str]) -> Iterator[bytes]:
    """Yield the contents of files by object id; the caller makes sure that they fit in memory."""
    asked = "".join(f"{object_id}\n" for object_id in ids).encode()
    answer, at = process.run_git(place, "cat-file", "--batch", stdin=asked) if asked else b"", 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + size + 2


def make_patch(place: GitPlace, before: str, after: str, paths: Sequence[str]) -> str:
    """Return the differences of two trees in these files as a patch for `git apply`.

    The patch is UTF-8, so that files and JSON can contain it: git encodes other files as it does
    binary ones. The patch's line ends must never be translated.
    """
    args = (*_DIFF_TREE, before, after, "--", *paths)
    shown = process.run_git(place, *args) if paths else b""
    with suppress(UnicodeDecodeError):
        return shown.decode()
    if len(paths) > 1:
        return "".join(make_patch(place, before, after, (path,)) for path in paths)
    with tempfile.NamedTemporaryFile() as attributes:
        attributes.write(b"* -diff\n")
        attributes.flush()
        os.fchmod(attributes.fileno(), 0o644)  # git may run as another user
        configured = ("-c", f"core.attributesFile={attributes.name}")
        return process.run_git(place, *configured, *args).decode()


def list_hunks(place: GitPlace, before: str, after: str) -> Iterator[Hunk]:
    """Yield the hunks between two trees, in the order of the files; binary files are lines, too."""
    shown = process.run_git(place, *_DIFF_TREE, "--text", "-U0", before, after)
    path = ""
    # Without context, lines of files begin with + or -, so neither pattern matches them.
    for line in shown.split(b"\n"):
        if named := _FILE.fullmatch(line):
            name = named[2]
            if named[1]:
                name = ast.literal_eval(f'b"{name.decode()}"')
            path = os.fsdecode(name)
        elif ranges := _HUNK.match(line):
            old, new = (
                (int(start), int(b"1" if count is None else count))
                for start, count in (ranges.group(1, 2), ranges.group(3, 4))
            )
            # For an empty range, git names the line before it.
            starts = (start + (not count) for start, count in (old, new))
            sides = zip(starts, (old[1], new[1]), strict=True)
            yield Hunk(path, *(range(start, start + count) for start, count in sides))


def find_fork(place: GitPlace, ours: str, theirs: str) -> str | None:
    """Return the newest common ancestor of two commits; None: there is none."""
    return process.run_git(place, "merge-base", ours, theirs, ok=(0, 1)).decode().strip() or None


def merge_trees(place: GitPlace, ours: str, theirs: str) -> tuple[str, tuple[str, ...]]:
    """Merge two commits without a work tree; return the tree, and the paths of conflicts.

    In the tree, conflicts are between conflict markers, `ours` first.
    """
    process.require_version((2, 38), "to bring a pull request up to date with its base")
    merged = process.run_git(place, *_MERGE, ours, theirs, ok=(0, 1), seconds=120.0)
    # Git prints the tree; if there are conflicts, then their paths, an empty field and messages.
    tree, *rest = merged.decode(errors="replace").split("\0")
    paths = tuple(rest[: rest.index("")])
    if len(rest) > 1 and not paths:
        raise GitFailed(f"git merge-tree names no path of a conflict: {rest[1:]}")
    return tree, paths


def find_tree(place: GitPlace, commit: str) -> str:
    return require_object(place, f"{commit}^{{tree}}")


def require_object(place: GitPlace, name: str) -> str:
    """Return the id of an object that has to be there."""
    return process.run_git(place, "rev-parse", "--verify", name).decode().strip()


# --- writing -----------------------------------------------------------------------------------


def write_tree(place: GitPlace, scratch: Path, commit: str, change: Change) -> str:
    if change.base_commit != commit:
        raise EditFailed(f"The change was made for commit {change.base_commit}, not for {commit}")
    present = [file for file in change.files if file.after is not None]
    for number, file in enumerate(present):
        (scratch / f"content-{number}").write_bytes(file.after or b"")
    listed = "".join(f"{scratch}/content-{number}\n" for number in range(len(present))).encode()
    args = ("hash-object", "-w", "--no-filters", "--stdin-paths")
    ids = process.run_git(place, *args, stdin=listed).decode().split()
    # Deletions come first: a file may be where a folder is needed.
    lines = [f"0 {'0' * len(commit)}\t{file.path}\0" for file in change.files if file.after is None]
    lines += [
        f"{'100755' if file.executable else '100644'} {object_id}\t{file.path}\0"
        for file, object_id in zip(present, ids, strict=True)
    ]
    process.run_git(place, "read-tree", commit)
    args = ("update-index", "--replace", "-z", "--index-info")
    process.run_git(place, *args, stdin=os.fsencode("".join(lines)))
    return process.run_git(place, "write-tree").decode().strip()


def write_commit(
    place: GitPlace, tree: str, parents: Sequence[str], message: str, by: Identity
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
