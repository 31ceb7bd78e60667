"""Read and write the bare repositories on disk; the only place here that runs git.

Commits made through the API on behalf of an App carry a signature of the simulated GitHub: a MAC
over the commit in its `gpgsig` header, so that it survives every push and cannot be forged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ZERO = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SECONDS = 60
_SIGNING_KEY = b"the simulated GitHub signs with this; it proves nothing outside"
_QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
"""Where git keeps the objects of a push while its hook judges them."""
_ARMOUR = ("-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----")


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
    """Author or committer of a commit."""

    name: str
    email: str
    when: int
    zone: str = "+0000"

    def line(self) -> str:
        """Give the person as a commit object spells it."""
        return f"{self.name} <{self.email}> {self.when} {self.zone}"


@dataclass(frozen=True)
class Commit:
    """A commit object, read."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    signature: str | None
    payload: str

    @property
    def verified(self) -> bool:
        """Tell whether the simulated GitHub itself signed this commit."""
        return self.signature is not None and hmac.compare_digest(
            self.signature, _signature(self.payload)
        )


class TreeEntry(NamedTuple):
    """One line of `git ls-tree`."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


class FileChange(NamedTuple):
    """One file of a comparison."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment git runs in: nothing of this machine's own configuration."""
    judging = _QUARANTINE[0] in os.environ
    kept = {name: os.environ[name] for name in _QUARANTINE if judging and name in os.environ}
    return {
        **kept,
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
    given: bytes = b"",
    extra: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
) -> bytes:
    """Run git in a bare repository and give what it prints.

    Raises:
        GitRefused: It ended with another exit code than accepted.
    """
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), *arguments],
        input=given,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=environment(extra),
    )
    if done.returncode not in accept:
        raise GitRefused(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout


def text(git_dir: Path, *arguments: str) -> str:
    """Run git and give what it prints as stripped text."""
    return run(git_dir, *arguments).decode("utf-8", "replace").strip()


def create(git_dir: Path, default_branch: str, source: Path | None) -> str:
    """Make a bare repository, empty or from a folder or repository; give its default branch."""
    git_dir.parent.mkdir(parents=True, exist_ok=True)
    flags = ("--quiet", "--bare", "--template=", f"--initial-branch={default_branch}")
    run(git_dir, "init", *flags, str(git_dir))
    with (git_dir / "config").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
    if source is None:
        return default_branch
    if _is_repository(source):
        return _take_history(git_dir, default_branch, source)
    _take_folder(git_dir, default_branch, source)
    return default_branch


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "objects").is_dir()


def _take_history(git_dir: Path, default_branch: str, source: Path) -> str:
    origin = source / ".git" if (source / ".git").is_dir() else source
    branches = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    run(git_dir, "fetch", "--quiet", str(origin.resolve()), *branches)
    head = run(origin, "symbolic-ref", "--short", "HEAD", accept=(0, 1, 128)).decode().strip()
    known = references(git_dir, "refs/heads/")
    chosen = next((b for b in (default_branch, head) if f"refs/heads/{b}" in known), default_branch)
    set_default_branch(git_dir, chosen)
    return chosen


def _take_folder(git_dir: Path, branch: str, source: Path) -> None:
    index = {"GIT_INDEX_FILE": str(git_dir / "import-index"), "GIT_WORK_TREE": str(source)}
    run(git_dir, "-c", "core.bare=false", "add", "--all", "--force", ".", extra=index)
    tree = run(git_dir, "write-tree", extra=index).decode().strip()
    (git_dir / "import-index").unlink()
    someone = Person("Maintainer", "maintainer@example.com", int(datetime.now(UTC).timestamp()))
    first = write_commit(git_dir, tree, (), "Initial commit\n", someone, someone, sign=False)
    update_reference(git_dir, f"refs/heads/{branch}", first, None)


def set_default_branch(git_dir: Path, branch: str) -> None:
    """Let HEAD point to a branch, existing or not."""
    run(git_dir, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def references(git_dir: Path, below: str = "refs/") -> dict[str, str]:
    """Give references and what they point to, by name."""
    lines = text(git_dir, "for-each-ref", "--format=%(objectname) %(refname)", below).splitlines()
    return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}


def reference(git_dir: Path, name: str) -> str | None:
    """Give what one full reference points to; None if it does not exist."""
    return references(git_dir, name).get(name)


def branch(git_dir: Path, name: str) -> str | None:
    """Give the tip of a branch; None if it does not exist."""
    return reference(git_dir, f"refs/heads/{name}")


def update_reference(git_dir: Path, name: str, new: str, old: str | None) -> None:
    """Set a reference that must be at `old` (None: must not exist).

    Raises:
        GitRefused: It was elsewhere, or the name is not allowed.
    """
    run(git_dir, "update-ref", name, new, old or ZERO)


def delete_reference(git_dir: Path, name: str) -> None:
    """Remove a reference."""
    run(git_dir, "update-ref", "-d", name)


def valid_reference(git_dir: Path, name: str) -> bool:
    """Tell whether git allows a reference of this name."""
    try:
        run(git_dir, "check-ref-format", name)
    except GitRefused:
        return False
    return True


def resolve(git_dir: Path, revision: str) -> str | None:
    """Give the commit that a branch, tag or object name stands for; None if there is none."""
    if not revision or revision.startswith("-"):
        return None
    full = [f"refs/{where}{revision}" for where in ("heads/", "tags/", "")]
    return next(filter(None, (peel(git_dir, name) for name in (*full, revision))), None)


def peel(git_dir: Path, sha: str) -> str | None:
    """Give the commit that an object is or, as a tag, stands for."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{sha}^{{commit}}")
    return run(git_dir, *arguments, accept=(0, 1, 128)).decode().strip() or None


def object_kind(git_dir: Path, sha: str) -> str | None:
    """Give blob, tree, commit or tag; None for what is not here."""
    if not (len(sha) == 40 and all(c in "0123456789abcdef" for c in sha)):
        return None
    return run(git_dir, "cat-file", "-t", sha, accept=(0, 128)).decode().strip() or None


@lru_cache(maxsize=4096)
def read_commit(git_dir: Path, sha: str) -> Commit:
    """Read a commit object."""
    raw = run(git_dir, "cat-file", "commit", sha).decode("utf-8", "replace")
    head, _, message = raw.partition("\n\n")
    fields: dict[str, list[str]] = {}
    kept: list[str] = []
    name = ""
    for line in head.split("\n"):
        if line.startswith(" "):
            fields[name][-1] += "\n" + line[1:]
        else:
            name, _, value = line.partition(" ")
            fields.setdefault(name, []).append(value)
        if name != "gpgsig":
            kept.append(line)
    return Commit(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", ())),
        author=_person(fields["author"][0]),
        committer=_person(fields["committer"][0]),
        message=message.rstrip("\n"),
        signature=fields["gpgsig"][0] if "gpgsig" in fields else None,
        payload="\n".join(kept) + "\n\n" + message,
    )


def _person(line: str) -> Person:
    name, _, rest = line.rpartition(" <")
    email, _, moment = rest.partition("> ")
    when, _, zone = moment.partition(" ")
    return Person(name.strip(), email, int(when), zone)


def write_commit(
    git_dir: Path,
    tree: str,
    parents: Sequence[str],
    message: str,
    author: Person,
    committer: Person,
    *,
    sign: bool,
) -> str:
    """Write a commit object and give its name."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.line()}", f"committer {committer.line()}"]
    payload = "\n".join(lines) + "\n\n" + message
    if sign:
        lines.append("gpgsig " + _signature(payload).replace("\n", "\n "))
    raw = ("\n".join(lines) + "\n\n" + message).encode()
    made = run(git_dir, "hash-object", "-t", "commit", "-w", "--stdin", given=raw)
    return made.decode().strip()


def _signature(payload: str) -> str:
    mac = hmac.new(_SIGNING_KEY, payload.encode(), hashlib.sha512).digest()
    return f"{_ARMOUR[0]}\n\n{base64.b64encode(mac).decode()}\n{_ARMOUR[1]}"


def write_blob(git_dir: Path, content: bytes) -> str:
    """Store contents and give the name of the blob."""
    return run(git_dir, "hash-object", "-w", "--stdin", given=content).decode().strip()


def read_blob(git_dir: Path, sha: str) -> bytes:
    """Give the contents of a blob."""
    return run(git_dir, "cat-file", "blob", sha)


class TreeEdit(NamedTuple):
    """A path to set (sha given) or to remove (sha None)."""

    path: str
    mode: str
    sha: str | None


def edit_tree(git_dir: Path, base: str | None, edits: Sequence[TreeEdit]) -> str:
    """Write the tree that results from edits on a base tree, and give its name.

    Raises:
        GitRefused: A path is not allowed, or an object is missing.
    """
    for edit in edits:
        if any(part.lower() in ("", ".", "..", ".git") for part in edit.path.split("/")):
            raise GitRefused(f"{edit.path}: malformed path component")
    index = git_dir / f"index-{os.getpid()}-{os.urandom(4).hex()}"
    extra = {"GIT_INDEX_FILE": str(index)}
    lines = "".join(
        f"{edit.mode} {edit.sha}\t{edit.path}\0" if edit.sha else f"0 {ZERO}\t{edit.path}\0"
        for edit in edits
    )
    try:
        if base:
            run(git_dir, "read-tree", base, extra=extra)
        run(git_dir, "update-index", "-z", "--index-info", given=lines.encode(), extra=extra)
        return run(git_dir, "write-tree", extra=extra).decode().strip()
    finally:
        index.unlink(missing_ok=True)


def list_tree(git_dir: Path, treeish: str, *, recursive: bool) -> list[TreeEntry]:
    """List a tree; recursive gives folders too, as GitHub does."""
    flags = ["-r", "-t"] if recursive else []
    out = run(git_dir, "ls-tree", "-z", "-l", *flags, treeish).decode("utf-8", "surrogateescape")
    entries = []
    for line in filter(None, out.split("\0")):
        fields, _, path = line.partition("\t")
        mode, kind, sha, size = fields.split()
        entries.append(TreeEntry(mode, kind, sha, None if size == "-" else int(size), path))
    return entries


def entry(git_dir: Path, commit: str, path: str) -> TreeEntry | None:
    """Give what lies at a path of a commit; the root is a tree without path."""
    if path == "":
        return TreeEntry("040000", "tree", read_commit(git_dir, commit).tree, None, "")
    out = run(git_dir, "ls-tree", "-z", "-l", commit, "--", path, accept=(0, 128)).decode()
    for line in filter(None, out.split("\0")):
        fields, _, found = line.partition("\t")
        mode, kind, sha, size = fields.split()
        if found == path:
            return TreeEntry(mode, kind, sha, None if size == "-" else int(size), path)
    return None
