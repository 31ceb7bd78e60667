"""Read and write the bare repositories on disk; the only place here that runs git."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ZERO = "0" * 40
_SECONDS = 60
_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
_CONFIG = """
[http]
\treceivepack = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[receive]
\tautogc = false
\thideRefs = refs/pull
[gc]
\tauto = 0
"""


class GitRefused(Exception):
    """Git did not do it; the text is git's own."""


class Person(NamedTuple):
    name: str
    email: str
    when: int

    def line(self) -> str:
        return f"{self.name} <{self.email}> {self.when} +0000"


@dataclass(frozen=True)
class Commit:
    """A commit object, read."""

    sha: str
    parents: tuple[str, ...]
    author: Person
    message: str


class TreeEntry(NamedTuple):
    """One line of `git ls-tree`."""

    kind: str
    sha: str
    path: str


class FileChange(NamedTuple):
    """One file of a comparison; a rename is a removal and an addition."""

    path: str
    status: str
    additions: int
    deletions: int
    patch: str
    """Hunks; empty where there is no text."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment git runs in: nothing of this machine's own configuration."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **(extra or {}),
    }


def run(
    git_dir: Path,
    *arguments: str,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
) -> bytes:
    """Run git in a bare repository and give what it prints.

    Raises:
        GitRefused: It ended with another exit code than accepted.
    """
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), *arguments],
        input=stdin,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=environment(extra),
    )
    if done.returncode not in accept:
        raise GitRefused(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout


def text(git_dir: Path, *arguments: str) -> str:
    return run(git_dir, *arguments).decode("utf-8", "replace").strip()


# --- repositories and references -----------------------------------------------------------------


def create(git_dir: Path, source: Path | None) -> str:
    """Make a bare repository, empty or from a folder or repository; give its default branch."""
    git_dir.parent.mkdir(parents=True, exist_ok=True)
    run(git_dir, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(git_dir))
    with (git_dir / "config").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
    if source is None:
        return "main"
    if (source / ".git").exists() or (source / "objects").is_dir():
        return _take_history(git_dir, source)
    _make_locked_folder(git_dir, source)
    return "main"


def _take_history(git_dir: Path, source: Path) -> str:
    origin = source / ".git" if (source / ".git").is_dir() else source
    run(git_dir, "fetch", "--quiet", str(origin.resolve()), "+refs/heads/*:refs/heads/*")
    head = run(origin, "symbolic-ref", "--short", "HEAD", accept=(0, 1, 128)).decode().strip()
    refs = references(git_dir)
    chosen = next((name for name in ("main", head) if f"refs/heads/{name}" in refs), "main")
    set_default_branch(git_dir, chosen)
    return chosen


def _make_locked_folder(git_dir: Path, source: Path) -> None:
    index = {"GIT_INDEX_FILE": str(git_dir / "import-index"), "GIT_WORK_TREE": str(source)}
    run(git_dir, "-c", "core.bare=false", "add", "--all", "--force", ".", extra=index)
    tree = run(git_dir, "write-tree", extra=index).decode().strip()
    (git_dir / "import-index").unlink()
    someone = Person("Maintainer", "maintainer@example.com", int(time.time()))
    first = write_commit(git_dir, tree, (), "Initial commit\n", someone, someone)
    update_reference(git_dir, "refs/heads/main", first, ZERO)


def set_default_branch(git_dir: Path, branch: str) -> None:
    """Point HEAD to a branch, existing or not."""
    run(git_dir, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def references(git_dir: Path, below: str = "refs/") -> dict[str, str]:
    """Return references and what they point to, by name."""
    lines = text(git_dir, "for-each-ref", "--format=%(objectname) %(refname)", below).splitlines()
    return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}


def reference(git_dir: Path, name: str) -> str | None:
    """Return what one full reference points to; None if it does not exist."""
    return references(git_dir, name).get(name)


def branch(git_dir: Path, name: str) -> str | None:
    """Return the tip of a branch; None if it does not exist."""
    return reference(git_dir, f"refs/heads/{name}")


def update_reference(git_dir: Path, name: str, new: str, old: str) -> None:
    """Set a reference that must be at `old` (ZERO: must not exist).

    Raises:
        GitRefused: It was elsewhere, or the name is not allowed.
    """
    run(git_dir, "update-ref", name, new, old)


def resolve(git_dir: Path, revision: str) -> str | None:
    """Return the commit that a branch or object name stands for; None if there is none."""
    for name in (f"refs/heads/{revision}", revision):
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if commit := run(git_dir, *arguments, accept=(0, 1, 128)).decode().strip():
            return commit
    return None


# --- objects -------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def read_commit(git_dir: Path, sha: str) -> Commit:
    raw = run(git_dir, "cat-file", "commit", sha).decode("utf-8", "replace")
    head, _, message = raw.partition("\n\n")
    fields = [line.partition(" ") for line in head.split("\n")]
    named = {name: value for name, _, value in fields}
    return Commit(
        sha=sha,
        parents=tuple(value for name, _, value in fields if name == "parent"),
        author=_person(named["author"]),
        message=message.rstrip("\n"),
    )


def _person(line: str) -> Person:
    name, _, rest = line.rpartition(" <")
    email, _, moment = rest.partition("> ")
    return Person(name.strip(), email, int(moment.partition(" ")[0]))


def write_commit(
    git_dir: Path,
    tree: str,
    parents: Sequence[str],
    message: str,
    author: Person,
    committer: Person,
) -> str:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.line()}", f"committer {committer.line()}"]
    raw = ("\n".join(lines) + "\n\n" + message).encode()
    made = run(git_dir, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    return made.decode().strip()


def read_blob(git_dir: Path, sha: str) -> bytes:
    return run(git_dir, "cat-file", "blob", sha)


def list_tree(git_dir: Path, commit: str, path: str) -> list[TreeEntry]:
    """Return what lies at a path of a commit, or with a slash at its end what lies below."""
    out = run(git_dir, "ls-tree", "-z", commit, "--", path, accept=(0, 128)).decode()
    entries = []
    for line in filter(None, out.split("\0")):
        fields, _, name = line.partition("\t")
        _, kind, sha = fields.split()
        entries.append(TreeEntry(kind, sha, name))
    return entries


# --- comparing and merging -----------------------------------------------------------------------


@lru_cache(maxsize=4096)
def list_commits(git_dir: Path, base: str, head: str) -> tuple[str, ...]:
    """Return the commits that head has and base has not, oldest first."""
    return tuple(text(git_dir, "rev-list", "--reverse", f"{base}..{head}", "--").split())


@lru_cache(maxsize=4096)
def merge_base(git_dir: Path, left: str, right: str) -> str | None:
    """Return the best common ancestor; None for unrelated histories."""
    return run(git_dir, "merge-base", left, right, accept=(0, 1)).decode().strip() or None


@lru_cache(maxsize=1024)
def changes(git_dir: Path, old: str, new: str) -> tuple[FileChange, ...]:
    """Return the files that differ between two trees or commits, with patches."""
    flags = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
    names = run(git_dir, *flags, "--name-status", "-z", old, new).decode("utf-8", "replace")
    whole = run(git_dir, *flags, "-p", old, new).decode("utf-8", "replace")
    patches = re.split(r"^diff --git .*\n", whole, flags=re.MULTILINE)[1:]
    fields = names.split("\0")[:-1]
    changes: list[FileChange] = []
    for letter, path, patch in zip(fields[::2], fields[1::2], patches, strict=True):
        at = patch.find("@@ ")
        hunks = patch[at:].rstrip("\n") if at >= 0 else ""
        added, deleted = (len(re.findall(rf"^\{sign}", hunks, re.MULTILINE)) for sign in "+-")
        changes.append(FileChange(path, _STATUS[letter], added, deleted, hunks))
    return tuple(changes)


@lru_cache(maxsize=1024)
def merged_tree(git_dir: Path, base: str, head: str) -> str | None:
    """Return the tree of the merge of two commits; None if they conflict."""
    out = run(git_dir, "merge-tree", "--write-tree", base, head, accept=(0, 1)).decode()
    first, *rest = out.splitlines()
    return None if rest else first
