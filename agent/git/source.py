"""The user's repository as files, and a view of it that is safe to use.

The view is a git directory of our own whose objects and refs are links to the user's. Git started
on it sees neither their configuration nor hooks, so nothing of theirs can run, redirect or fetch.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import RepositoryUnfit
from agent.git import by_descriptor, folders, process
from agent.git.mirror import LockedMirror
from agent.git.process import GitPlace

_MAX_TEXT_BYTES = 1024**2

_STORED = r"^extensions\.(objectformat|refstorage)$"
# The view is read by the mirror's fetch, which names the base commit by its id.
_CONFIG = """
[core]
    repositoryformatversion = 1
    bare = false
    logAllRefUpdates = false
[uploadpack]
    allowAnySHA1InWant = true
"""


class UserRepository(NamedTuple):
    root: Path
    """What the user named: the top of a work tree, or a bare repository."""
    git_dir: Path
    """Holds HEAD and the index."""
    common_dir: Path
    """Holds objects, refs and the configuration; another one only in a linked work tree."""
    work_tree: Path | None
    owner: tuple[int, int]
    """User and group that the repository belongs to."""


def find_source(repository: str) -> UserRepository:
    """Find the parts of the repository at this folder; refuse one made of foreign places."""
    if not repository or "\0" in repository or not Path(repository).is_dir():
        shown = repository.encode("unicode_escape", "replace").decode()[:200]
        raise RepositoryUnfit(
            f"{shown} is not a folder on this machine. Use the folder of a git clone"
        )
    root = Path(os.path.realpath(repository))
    entry = root / ".git"
    work_tree: Path | None = root
    if entry.is_symlink():
        raise RepositoryUnfit(
            f"{entry} is a symbolic link to {entry.readlink()}. Use the repository it points to"
        )
    if entry.is_dir():
        git_dir = common_dir = entry
        if (entry / "commondir").exists():
            problem = "refers to another repository's folder"
            raise _make_foreign_error(entry / "commondir", problem)
    elif entry.exists():
        git_dir, common_dir = _follow_git_file(root, entry)
    elif all((root / part).exists() for part in ("HEAD", "objects", "refs")):
        git_dir, common_dir, work_tree = root, root, None
    else:
        around = next((above for above in root.parents if (above / ".git").exists()), None)
        hint = " Use the folder of a clone, or create a repository: git init, git add, git commit"
        if around is not None:
            hint = f" It is inside the repository at {around}: use that folder"
        raise RepositoryUnfit(f"{root} is not a git repository.{hint}")
    try:
        _require_own_parts(git_dir, common_dir)
        state = common_dir.stat()
    except PermissionError as problem:
        raise RepositoryUnfit(f"{problem.filename} cannot be read by this user") from problem
    return UserRepository(root, git_dir, common_dir, work_tree, (state.st_uid, state.st_gid))


def _follow_git_file(root: Path, entry: Path) -> tuple[Path, Path]:
    """Follow a `.git` file of `git worktree add`, if what it names knows of it."""
    text = _read_text(entry)
    if not text.startswith("gitdir: "):
        raise RepositoryUnfit(f"{entry} is neither a git directory nor a link to one")
    git_dir = Path(os.path.realpath(root / text.removeprefix("gitdir: ").strip()))
    if not git_dir.is_dir():
        raise _make_foreign_error(entry, f"points to {git_dir}, which does not exist")
    back = os.path.realpath(git_dir / _read_text(git_dir / "gitdir").strip())
    common_dir = Path(os.path.realpath(git_dir / _read_text(git_dir / "commondir").strip()))
    if Path(back) == entry and git_dir.parent == common_dir / "worktrees":
        return git_dir, common_dir
    raise _make_foreign_error(entry, f"points to {git_dir}, which does not point back")


def _require_own_parts(git_dir: Path, common_dir: Path) -> None:
    """Refuse objects and refs that come from elsewhere, and files that reading could hang on."""
    for name in ("objects", "refs"):
        if (common_dir / name).is_symlink() or not (common_dir / name).is_dir():
            raise _make_foreign_error(common_dir / name, "is not a folder of the repository itself")
    files = [git_dir / "HEAD", git_dir / "index"]
    files += [common_dir / name for name in ("config", "packed-refs", "shallow")]
    for file in files:
        if os.path.lexists(file) and not stat.S_ISREG(file.lstat().st_mode):
            raise _make_foreign_error(file, "is not a regular file")
    for folder in ("objects", "refs"):
        _require_regular_files(common_dir / folder)
    alternates = common_dir / "objects" / "info" / "alternates"
    if _read_text(alternates).strip():
        raise RepositoryUnfit(
            f"{alternates} takes objects from another repository. Make this one complete: git -C"
            f" {common_dir} repack -a -d && rm {alternates}"
        )


def _require_regular_files(folder: Path) -> None:
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise _make_foreign_error(Path(entry.path), "is not a regular file")


def is_partial(source: UserRepository) -> bool:
    """Whether objects may be missing that git would fetch when they are needed."""
    return any((source.common_dir / "objects" / "pack").glob("*.promisor"))


@contextmanager
def explain_git(source: UserRepository) -> Iterator[None]:
    """Take a failure of git for one of the user's repository, with git's own words."""
    try:
        yield
    except process.GitFailed as problem:
        root = source.root
        said = f"git cannot read {root}: {problem.message}. Run `git -C {root} fsck`"
        if is_partial(source):
            said = (
                f"{root} is a partial clone that lacks objects of the base commit"
                f" ({problem.message}). Complete it: git fetch --refetch --no-filter"
            )
        raise RepositoryUnfit(said) from problem


def _make_foreign_error(path: Path, problem: str) -> RepositoryUnfit:
    return RepositoryUnfit(
        f"{path} {problem}. Only self-contained repositories are supported; use a fresh clone"
    )


def _read_text(path: Path) -> str:
    """Read a small regular file; opened so that neither a link nor a FIFO does harm."""
    try:
        descriptor = os.open(path, by_descriptor.READ)
    except OSError as problem:
        if problem.errno in {errno.ENOENT, errno.ENOTDIR}:
            return ""
        if problem.errno in {errno.ELOOP, errno.ENXIO}:
            raise _make_foreign_error(path, "is not a regular file") from problem
        raise RepositoryUnfit(f"{path} cannot be read: {problem.strerror}") from problem
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _make_foreign_error(path, "is not a regular file")
        content = file.read(_MAX_TEXT_BYTES + 1)
    if len(content) > _MAX_TEXT_BYTES:
        raise RepositoryUnfit(f"{path} is larger than {_MAX_TEXT_BYTES} bytes")
    return os.fsdecode(content)


# --- the view -----------------------------------------------------------------------------------


@contextmanager
def open_view(
    source: UserRepository, hold: LockedMirror, *, write: bool = False
) -> Iterator[GitPlace]:
    """Make the view beside a mirror that is held; it is gone afterwards.

    To write, root becomes the owner of the repository: what is new in it must be theirs.
    """
    become = source.owner if write and os.geteuid() == 0 and source.owner[0] != 0 else None
    # What is ours, its owner cannot reach.
    folder = Path(tempfile.mkdtemp(dir=None if become else hold.scratch, prefix="mergewright-"))
    try:
        folder.chmod(0o755)
        _require_plain_storage(source)
        (folder / "config").write_text(_CONFIG)
        (folder / "HEAD").write_bytes(os.fsencode(_read_text(source.git_dir / "HEAD")))
        for name in ("config", "HEAD"):
            (folder / name).chmod(0o644)
        for name in ("objects", "refs", "packed-refs", "shallow"):
            if (source.common_dir / name).exists():
                (folder / name).symlink_to(source.common_dir / name)
        yield GitPlace(folder, hold.place.inherited, run_as=become)
    finally:
        folders.delete_folder(folder)


def _require_plain_storage(source: UserRepository) -> None:
    """Refuse another hash or store of refs; the configuration is read as data, without includes."""
    text = os.fsencode(_read_text(source.common_dir / "config"))
    args = ("config", "--file", "-", "--no-includes", "--null", "--get-regexp", _STORED)
    listed = process.run_git(
        GitPlace(Path("/nonexistent")), *args, stdin=text, ok=(0, 1), seconds=60
    )
    for item in filter(None, listed.decode(errors="replace").split("\0")):
        key, _, value = item.partition("\n")
        if value not in ("sha1", "files"):
            raise RepositoryUnfit(
                f"{source.root} is stored with {key} = {value[:40]!r}, which is not supported."
                " Use a plain clone"
            )
