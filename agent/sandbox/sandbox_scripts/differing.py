"""List the differences between a commit and the tree, and the files that a command returns.

Part of `runner.py`. It works only while no other process runs, so that no path can change between
a check and its opening. It never follows links, and opens nothing that could block.
"""

from __future__ import annotations

import filecmp
import os
import stat
import tempfile
from contextlib import suppress

import by_descriptor
import commands

TYPE_CHECKING = False  # see commands.py
if TYPE_CHECKING:
    from commands import Order

MOST_REFUSALS = 100
MOST_NEW = 500
MOST_LISTED_BYTES = 8 * 1024**2
MOST_DEPTH = 200
PIECE_BYTES = 1 << 20
LINK, SPECIAL = "A symbolic link", "A pipe, socket or device"
REPOSITORY, CLOSED = "A repository within the repository", "An unreadable file"
#: Folders of tools: never part of a change, whether the repository ignores them or not.
CACHES = frozenset(
    {
        "__pycache__", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache",
        ".venv",
    }
)  # fmt: skip
#: The tree's ignore rules, as `git add` reads them.
RULES = ("--exclude-per-directory=.gitignore", *("--exclude=%s/" % name for name in CACHES))
#: Files that git reads in folders; if one is a pipe, git would wait for its writer.
READ_BY_GIT = frozenset({".gitignore", ".gitattributes"})
#: Excludes all configuration of git but these variables, and all attributes but the repository's.
GIT_ENVIRON = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}


# --- files that a command returns ------------------------------------------------------------


class Collection:
    """The ordered regular files, within the caps, and why others are refused."""

    def __init__(self, order: Order) -> None:
        self.tree = order["tree"]
        #: Folders that the tree was copied from, the uppermost first.
        self.sources = [layer + "/tree" for layer in order["layers"]]
        self.sources = [*filter(None, [order["source"]]), *reversed(self.sources)]
        #: Large folders of the set-up, from which nothing is returned.
        self.bulk = {folder["to"] for folder in order["bulk"]}
        self.most_bytes, self.most_files = order["returned_bytes"], order["returned_files"]
        self.files: dict[str, int] = {}
        self.refused: list[str] = []
        self.bytes = 0
        self.over = False
        #: Paths of the tree that the command has created.
        self.new: list[str] = []
        if order["lists_new"]:
            ordered = {file["path"] for file in order["files"]}
            self.list_new(self.tree, ordered | self.bulk)
        for wanted in order["collect"]:
            self.collect(*os.path.split(wanted))

    def collect(self, folder: str, name: str) -> None:
        """Return a file of a folder, or refuse it; `*` means all its files."""
        if os.path.realpath(folder) != folder:
            self.refuse(folder, "symbolic link")
            return
        try:
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if name in ("*", entry.name) and not entry.is_dir(follow_symlinks=False):
                    self.consider(entry.path, os.lstat(entry.path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as problem:  # such as a path that is too long
            self.refuse(folder, str(problem.strerror))

    def refuse(self, path: str, why: str) -> None:
        if len(self.refused) < MOST_REFUSALS:
            shown = path.encode("utf-8", "replace").decode("utf-8")[:300]
            self.refused.append("%s: %s" % (shown, why))

    def list_new(self, folder: str, present: set[str]) -> None:
        """Record files that were not in the tree before the command."""
        with suppress(OSError):
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                path = entry.path[len(self.tree) :]
                if entry.path in present or len(self.new) >= MOST_NEW:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git" and path.count("/") < MOST_DEPTH:
                        self.list_new(entry.path, present)
                elif not any(os.path.lexists(source + path) for source in self.sources):
                    self.new.append(path[1:].encode("utf-8", "replace").decode())

    def consider(self, path: str, state: os.stat_result) -> None:
        if path in self.files or self.is_unchanged(path, state):
            return
        why = find_objection(path, state)
        if why is None and self.bytes + state.st_size > self.most_bytes:
            self.over, why = True, "too large (%d bytes)" % state.st_size
        if why is None and len(self.files) >= self.most_files:
            self.over, why = True, "too many files"
        if why is None:
            self.files[path] = state.st_size
            self.bytes += state.st_size
        else:
            self.refuse(path, why)

    def is_unchanged(self, path: str, state: os.stat_result) -> bool:
        """Check whether the tree had this file or link before the command."""
        if not path.startswith(self.tree + "/"):
            return False
        for source in self.sources:
            original = source + path[len(self.tree) :]
            with suppress(OSError):
                if stat.S_ISLNK(state.st_mode) and os.readlink(path) == os.readlink(original):
                    return True
                if stat.S_ISREG(state.st_mode) and filecmp.cmp(path, original, shallow=False):
                    return True
        return False


def find_objection(path: str, state: os.stat_result) -> str | None:
    """Return why a file may not leave the sandbox, regardless of its size."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if stat.S_ISLNK(state.st_mode):
        return "symbolic link"
    if not stat.S_ISREG(state.st_mode):
        return "pipe, socket or device"
    if state.st_nlink != 1:
        return "has a second name (hard link)"
    return None if os.access(path, os.R_OK) else "not readable"


# --- differences from the base ---------------------------------------------------------------


class GitFailed(Exception):
    """Git could not list the tree."""


def run_git(order: Order, index: str, kept: set[int], *arguments: str) -> tuple[int, bytes]:
    """Run git on the tree and the commit; return its exit code and what it prints."""
    git = ["git", "--git-dir=" + order["base"], "--work-tree=" + order["tree"], *arguments]
    argv = ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *git]
    pid, reading = commands.start_command(
        order, argv, {**GIT_ENVIRON, "GIT_INDEX_FILE": index}, kept
    )
    with open(reading, "rb") as output:
        content = output.read(MOST_LISTED_BYTES)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), content


def make_index(order: Order) -> int:
    """Return a descriptor of the commit's index with the times of the tree's files.

    Git does not read files again that still have these times. No command can write to the index.
    """
    with open(order["base"] + "/index", "rb") as file:
        content = file.read()
    # Without space for a copy, git reads all files each time.
    with suppress(OSError), tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "index")
        with open(place, "wb") as file:
            file.write(content)
        run_git(order, place, set(), "update-index", "-q", "--refresh")
        with open(place, "rb") as file:
            content = file.read()
    descriptor = os.memfd_create("index", 0)
    with open(descriptor, "wb", closefd=False) as index:
        index.write(content)
    return descriptor


class Difference:
    """The changes that git lists in a tree, with ignore rules as for `git add`.

    A walk adds paths that git does not list or enter.
    """

    def __init__(
        self, order: Order, index: int | None, include: list[str], links: list[str]
    ) -> None:
        """List the changes.

        Args:
            index: See `make_index`; None: it is made.
            include: Ignored files and folders that count nevertheless.
            links: Links and submodules of the commit.
        """
        self.order, self.tree = order, order["tree"]
        self.links = frozenset(links)
        self.bulk = {folder["to"] for folder in order["bulk"]}
        self.is_cut = False
        self.entries: dict[str, tuple[int, bool, str | None]] = {}
        """By path: size, whether its owner may execute it, and its kind: empty for a plain file,
        None for a deleted one."""
        self.walk()
        self.index = make_index(order) if index is None else index
        bulk = ["--exclude=%s/" % place[len(self.tree) :] for place in self.bulk]
        ignored = self.list_paths("--others", "--ignored", "--directory", *RULES, *bulk)
        self.ignored = [
            path
            for path in ignored
            if CACHES.isdisjoint(path.split("/"))
            and os.path.join(self.tree, path.rstrip("/")) not in self.bulk
        ]
        within = tuple(path for path in self.ignored if path.endswith("/"))
        self.entries = {
            path: at for path, at in self.entries.items() if not path.startswith(within)
        }
        changed = self.list_paths("--modified", "--deleted", "--others", *RULES, *bulk)
        more = [path for path in include if os.path.lexists("%s/%s" % (self.tree, path))]
        if more:
            changed += self.list_paths("--others", "--", *more)
        for path in changed:
            # The walk has recorded these already, with all paths below.
            is_recorded = ".git" in path.casefold().split("/") or path.count("/") > MOST_DEPTH
            if not (is_recorded or path.endswith("/") or self.is_of_setup(path)):
                self.entries[path] = self.describe(path)

    def list_paths(self, *arguments: str) -> list[str]:
        index = "/proc/self/fd/%d" % self.index
        code, output = run_git(self.order, index, {self.index}, "ls-files", "-z", *arguments)
        if len(output) == MOST_LISTED_BYTES:
            self.is_cut = True
        elif code != 0:
            raise GitFailed("git ls-files exited with %d" % code)
        return [os.fsdecode(path) for path in output.split(b"\0")[:-1]]

    def walk(self) -> None:
        """Make closed folders readable, and record paths that git does not list or enter."""
        todo = [("", False)]
        while todo:
            folder, is_apart = todo.pop()
            try:
                inside = list_folder(self.tree + folder)
            except OSError:  # such as a path that is too long
                self.entries[folder[1:]] = 0, False, CLOSED
                continue
            is_apart = is_apart or folder[1:] in self.links
            is_apart = is_apart or (folder != "" and any(entry.name == ".git" for entry in inside))
            for entry in inside:
                path = folder + "/" + entry.name
                if entry.name.casefold() == ".git":
                    if path != "/.git":
                        self.entries[path[1:]] = 0, False, REPOSITORY
                elif entry.is_dir(follow_symlinks=False):
                    if path.count("/") > MOST_DEPTH:
                        self.entries[path[1:]] = 0, False, CLOSED
                    elif entry.name not in CACHES and entry.path not in self.bulk:
                        todo.append((path, is_apart))
                elif is_apart or not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    self.entries[path[1:]] = self.describe(path[1:])
                    if entry.name in READ_BY_GIT and self.entries[path[1:]][2] == SPECIAL:
                        os.unlink(entry.path)

    def describe(self, path: str) -> tuple[int, bool, str | None]:
        try:
            with by_descriptor.open_parent(self.tree, path) as (parent, name):
                state = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError:
            return 0, False, None
        if stat.S_ISDIR(state.st_mode):
            return 0, False, None
        problem = "" if stat.S_ISREG(state.st_mode) else SPECIAL
        problem = LINK if stat.S_ISLNK(state.st_mode) else problem
        return state.st_size, bool(state.st_mode & stat.S_IXUSR), problem

    def is_of_setup(self, path: str) -> bool:
        """Check whether the set-up created this path, which is then in no change."""
        places = ("%s/tree/%s" % (layer, path) for layer in self.order["layers"])
        return any(os.path.lexists(place) and not os.path.isdir(place) for place in places)


def list_folder(folder: str) -> list[os.DirEntry[str]]:
    """List a folder; make it readable first if its owner may not read it."""
    try:
        return list(os.scandir(folder))
    except PermissionError:
        os.chmod(folder, 0o755)  # noqa: S103 - of a copy that ends with the sandbox
        return list(os.scandir(folder))
