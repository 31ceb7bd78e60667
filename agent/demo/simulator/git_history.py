"""Compare and merge commits of the bare repositories on disk."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from agent.demo.simulator.git_store import FileChange, GitRefused, run, text

_STATUS = {
    "A": "added",
    "D": "removed",
    "M": "modified",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}


def history(git_dir: Path, include: str, exclude: str | None = None, limit: int = 250) -> list[str]:
    """Give commit names, newest first."""
    revisions = [include, *([f"^{exclude}"] if exclude else [])]
    return text(git_dir, "rev-list", f"--max-count={limit}", *revisions, "--").split()


@lru_cache(maxsize=4096)
def ahead_behind(git_dir: Path, base: str, head: str) -> tuple[int, int]:
    """Count the commits that head has and base has not, and the reverse."""
    counted = text(git_dir, "rev-list", "--left-right", "--count", f"{base}...{head}", "--")
    behind, ahead = counted.split()
    return int(ahead), int(behind)


@lru_cache(maxsize=4096)
def merge_base(git_dir: Path, one: str, other: str) -> str | None:
    """Give the best common ancestor; None for unrelated histories."""
    return run(git_dir, "merge-base", one, other, accept=(0, 1)).decode().strip() or None


def contains(git_dir: Path, descendant: str, ancestor: str) -> bool:
    """Tell whether one commit has another among its ancestors, or is it."""
    return merge_base(git_dir, descendant, ancestor) == ancestor


@lru_cache(maxsize=1024)
def changes(git_dir: Path, old: str, new: str) -> tuple[FileChange, ...]:
    """Give the files that differ between two trees or commits, with patches."""
    between = ("-M", "-z", "--no-ext-diff", "--no-textconv", old, new, "--")
    names = run(git_dir, "diff-tree", "-r", "--raw", "--abbrev=40", *between).decode(
        "utf-8", "replace"
    )
    numbers = run(git_dir, "diff-tree", "-r", "--numstat", *between).decode("utf-8", "replace")
    counts = _counts(numbers)
    found: list[FileChange] = []
    fields = iter(names.split("\0"))
    for record in fields:
        if not record:
            continue
        _, _, old_sha, new_sha, letter = record.split()
        first = next(fields)
        renamed = letter[0] in "RC"
        path = next(fields) if renamed else first
        added, deleted = counts.get(path, (None, None))
        patch = None if added is None else _patch(git_dir, old, new, first, path)
        found.append(
            FileChange(
                path=path,
                previous=first if renamed else None,
                status=_STATUS[letter[0]],
                sha=old_sha if letter[0] == "D" else new_sha,
                additions=added or 0,
                deletions=deleted or 0,
                patch=patch,
            )
        )
    return tuple(found)


def _counts(out: str) -> dict[str, tuple[int | None, int | None]]:
    counted: dict[str, tuple[int | None, int | None]] = {}
    fields = iter(out.split("\0"))
    for record in fields:
        if not record:
            continue
        added, deleted, path = record.split("\t")
        if path == "":
            next(fields)
            path = next(fields)
        counted[path] = (
            None if added == "-" else int(added),
            None if deleted == "-" else int(deleted),
        )
    return counted


def _patch(git_dir: Path, old: str, new: str, first: str, path: str) -> str | None:
    flags = ("diff-tree", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-color")
    raw = run(git_dir, "--literal-pathspecs", *flags, old, new, "--", first, path)
    whole = raw.decode("utf-8", "replace")
    at = whole.find("\n@@ ")
    return whole[at + 1 :].rstrip("\n") if at >= 0 else None


@lru_cache(maxsize=1024)
def merged_tree(git_dir: Path, base: str, head: str) -> str | None:
    """Give the tree of the merge of two commits; None if they conflict."""
    try:
        out = run(git_dir, "merge-tree", "--write-tree", base, head, accept=(0, 1))
    except GitRefused:
        return None
    first, *rest = out.decode().splitlines()
    return None if rest else first
