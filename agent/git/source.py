"""The user's repository on this disk, and how git is started on it.

Git reads that repository's configuration, but nothing in it starts a program: our configuration has
priority, hooks are off, and no transport is allowed. Our mirror fetches; on the user's side that
starts only `git upload-pack`, which is made for untrusted repositories.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import RepositoryUnfit
from agent.git import process
from agent.git.process import GitFailed, GitPlace

# Git does not pass configuration of the environment to the other side of a fetch.
_UPLOAD_PACK_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=",
    "uploadpack.allowAnySHA1InWant=true",  # the base commit is asked for by its id
)


class UserRepository(NamedTuple):
    root: Path
    """The named folder: the top of a work tree, or a bare repository."""
    place: GitPlace
    """If we are root, git runs as the repository's owner here, so that they own new files."""
    common_dir: Path
    """Folder with objects, refs and configuration, which linked work trees share."""

    @property
    def upload_pack(self) -> str:
        """Command that a fetch starts on the user's side, for a shell."""
        # Else git refuses another user's repository; `place` already runs git as its owner.
        folders = (self.root, self.place.git_dir, self.common_dir)
        configured = [*_UPLOAD_PACK_CONFIG, *(f"safe.directory={folder}" for folder in folders)]
        args = [part for setting in configured for part in ("-c", setting)]
        return shlex.join(["env", "GIT_ALLOW_PROTOCOL=none", "git", *args, "upload-pack"])


def find_source(repository: str) -> UserRepository:
    """Find the repository in this folder."""
    if not repository or "\0" in repository or not Path(repository).is_dir():
        shown = repository.encode("unicode_escape", "replace").decode()[:200]
        raise RepositoryUnfit(
            f"{shown} is not a folder on this machine. Use the folder of a git clone"
        )
    root = Path(os.path.realpath(repository))
    git_dir = root / ".git" if (root / ".git").exists() else root
    state = git_dir.stat()
    become = (state.st_uid, state.st_gid) if os.geteuid() == 0 != state.st_uid else None
    environ = {"GIT_ALLOW_PROTOCOL": "none"}
    place = GitPlace(git_dir, environ=environ, run_as=become)
    args = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    try:
        common_dir = process.run_git(place, *args, seconds=60.0)
    except GitFailed as problem:
        raise RepositoryUnfit(
            f"git cannot read {root}: {problem.message}. Use the top folder of a clone, or create a"
            " repository: git init, git add, git commit"
        ) from problem
    return UserRepository(root, place, Path(os.fsdecode(common_dir).rstrip("\n")))


def count_uncommitted(repository: str) -> int:
    """Count files with uncommitted changes; 0: none, or there is no work tree."""
    try:
        user = find_source(repository)
    except RepositoryUnfit:
        return 0  # the run reports the problem of the repository
    if user.place.git_dir == user.root:
        return 0
    place = user.place.with_environ(GIT_WORK_TREE=user.root)
    filters = ("--null", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$")
    args = ("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all")
    try:
        names = os.fsdecode(process.run_git(place, "config", *filters, ok=(0, 1))).split("\0")
        if any("=" in name for name in names):
            return 0  # `-c` cannot set a name with `=`, so that filter would run
        # Filters are programs that the repository names, so all are turned off.
        off = [part for name in names if name for part in ("-c", f"{name}=")]
        return process.run_git(place, *off, *args, seconds=60.0).count(b"\0")
    except GitFailed:
        return 0  # the run reports this, too


@contextmanager
def explain_git(source: UserRepository) -> Iterator[None]:
    """Raise a failure of git as RepositoryUnfit, with git's own words."""
    try:
        yield
    except GitFailed as problem:
        # In a partial clone, git would fetch missing objects when it needs them; ours may not.
        raise RepositoryUnfit(
            f"git cannot read {source.root}: {problem.message}. Complete a partial clone (git fetch"
            f" --refetch --no-filter), or run `git -C {source.root} fsck`"
        ) from problem
