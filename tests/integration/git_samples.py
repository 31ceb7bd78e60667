"""Real repositories for the tests of git: plain ones, poisoned ones, bombs."""

import os
import subprocess
from pathlib import Path

from agent.models.change import Change, ChangedFile
from agent.models.environment import Checkout
from tests.folders import lay_files

OTHER_USER = 61_234
IDENTITY = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(
    folder: Path, *args: str, stdin: bytes | None = None, check: bool = True, **environ: str
) -> str:
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **IDENTITY, **environ},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=300,
    )
    if check and done.returncode:
        raise AssertionError(f"git {args}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape").strip()


def make(folder: Path, files: dict[str, str | bytes] | None = None) -> Path:
    folder.mkdir(parents=True)
    lay_files(folder, {"a.py": "x = 1\n", "pkg/b.py": "y = 1\n"} if files is None else files)
    begin(folder, "First")
    return folder


def begin(folder: Path, subject: str) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit_all(folder, subject)


def commit_all(folder: Path, subject: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def blob(folder: Path, content: bytes) -> str:
    return git(folder, "hash-object", "-w", "--stdin", stdin=content)


def tree(folder: Path, *entries: tuple[str, str, str]) -> str:
    """Write a tree of (mode, object id, name), also with names that git refuses."""
    kinds = {"040000": "tree", "160000": "commit"}
    lines = "".join(f"{m} {kinds.get(m, 'blob')} {i}\t{n}\0" for m, i, n in entries)
    return git(folder, "mktree", "-z", "--missing", stdin=os.fsencode(lines))


def commit_tree(folder: Path, tree_id: str) -> str:
    made = git(folder, "commit-tree", tree_id, "-m", "Made")
    git(folder, "update-ref", "refs/heads/main", made)
    return made


def change(checkout: Checkout, *files: ChangedFile) -> Change:
    return Change(base_commit=checkout.commit, files=files)


def edit(checkout: Checkout) -> Change:
    """Return the change that most tests make: `a.py` of `make` gets another line."""
    return change(checkout, ChangedFile(path="a.py", before=b"x = 1\n", after=b"x = 1\ny = 2\n"))


def give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OTHER_USER, OTHER_USER, follow_symlinks=False)


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, owner and content of every file below, to see that nothing was touched."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            stat = path.stat()
            files[str(path.relative_to(folder))] = (stat.st_mode, stat.st_uid, path.read_bytes())
    return files
