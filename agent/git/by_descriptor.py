"""Access files below a folder by descriptors: no link is followed, not even one made meanwhile.

This file is also copied next to the runner of every sandbox, so it uses only the standard library,
and runs on every Python that a repository may ask for.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO would wait for a writer.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".mergewright-part"


@contextmanager
def open_parent(root: str, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
    """Open the parent folder of a path, part by part; yield its descriptor, and the last part."""
    *folders, name = path.split("/")
    here = os.open(root, FOLDER)
    try:
        for folder in folders:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o755, dir_fd=here)
            below = os.open(folder, FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here, name
    finally:
        os.close(here)


def replace_file(root: str, path: str, content: bytes, *, executable: bool | None) -> None:
    """Replace or create a file; hard links and open descriptors of the old one keep its content.

    `executable` None keeps the mode of the existing file.
    """
    mode = 0o755 if executable else 0o644
    with open_parent(root, path, create=True) as (folder, name):
        with suppress(FileNotFoundError):
            present = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(present.st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if not stat.S_ISREG(present.st_mode):
                raise OSError(errno.EEXIST, "something that is not a regular file is in its place")
            if executable is None:
                mode = stat.S_IMODE(present.st_mode) & 0o777
        with suppress(FileNotFoundError):  # left by an attempt that was cut off
            os.unlink(_TEMPORARY, dir_fd=folder)
        descriptor = os.open(_TEMPORARY, _NEW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                os.fchmod(descriptor, mode)
            os.replace(_TEMPORARY, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(_TEMPORARY, dir_fd=folder)
            raise


def delete_file(root: str, path: str) -> None:
    """Delete a file, and the folders that this leaves empty, since git tracks no empty folders."""
    with open_parent(root, path) as (folder, name):
        os.unlink(name, dir_fd=folder)
    try:
        while "/" in path:
            path = path.rpartition("/")[0]
            with open_parent(root, path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
    except OSError as problem:
        if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def is_link(problem: OSError) -> bool:
    """Whether the kernel refused because a path leads through a link, or through a file."""
    return problem.errno in (errno.ELOOP, errno.ENOTDIR)
