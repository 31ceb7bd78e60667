"""Make a Change from the differences that a sandbox reports for its tree.

A change contains regular text files, and small binary files that the plan names, within the caps.
Other differences become findings. A false report only makes a wrong Change, which the checks judge.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, islice
from typing import NamedTuple

from agent.git import names, worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.environment import Checkout
from agent.models.sandbox import CollectedChange

RULE = "not-taken"
MOST_FILES = 2_000
MOST_BYTES = 48 * 1024**2
"""Maximum size of all files of a change together, before and after."""
_MOST_READ = 2 * MOST_BYTES
"""Maximum size of all files that are read: a sparse file can be large without using the disk."""
MOST_FILE_BYTES = 8 * 1024**2
MOST_BINARY_BYTES = 64 * 1024
"""Maximum size of a binary file: a reviewer has to open it, since no diff shows it."""
_MOST_FINDINGS = 50
_MOST_IGNORED = 200
#: Number of bytes at the start of a file; as in git, a zero byte among them makes it binary.
_LOOKED_AT = 8000
#: The runner's words for such a path. A program most likely left a new one behind.
_SPECIAL = "A pipe, socket or device"
_BINARY = (
    "A binary file is not part of the change, unless it has 64 kB at most and the plan names it."
)
_RENAME = "Give it another name."
_LESS = "Leave it out, or make it smaller."
_BY_HAND = "Change it by hand if it is needed."


class ChangedEntry(NamedTuple):
    """A path of the tree that differs from the base."""

    path: str
    size: int
    is_executable: bool
    problem: str | None
    """Its kind if it is no regular file, else empty; None: it was deleted."""


@dataclass(frozen=True)
class TreeBase:
    checkout: Checkout
    base: WorkTree
    """The work tree of the commit, which no foreign code can write to."""
    earlier: Mapping[str, ChangedFile]
    """Files of the change that the tree began with; each stays if its new version is not taken."""
    added: Mapping[str, bytes]
    """Files that were added to the base when the sandbox was opened."""

    @cached_property
    def links(self) -> frozenset[str]:
        """Links and submodules of the base; no change contains them."""
        return worktree.list_links(self.checkout)

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Paths that no change may alter."""
        return self.links | self.added.keys()


@dataclass
class _ChangeCollector:
    tree_base: TreeBase
    binaries: Collection[str] = ()
    """Binary files that the plan names."""
    files: dict[str, ChangedFile] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    total: int = 0
    """Bytes of the files."""
    left_out: int = 0
    unlisted: int = 0

    def add(self, file: ChangedFile) -> None:
        size = len(file.before or b"") + len(file.after or b"")
        if len(self.files) >= MOST_FILES or self.total + size > MOST_BYTES:
            self.left_out += 1
            return
        self.total += size
        self.files[file.path] = file

    def skip_path(
        self, path: str, message: str, fix: str, severity: Severity = Severity.REVIEW
    ) -> None:
        """Record why a path is not taken; a version from the earlier change stays."""
        self.note(path, message, fix, severity)
        if path in self.tree_base.earlier:
            self.add(self.tree_base.earlier[path])

    def note(self, path: str, message: str, fix: str, severity: Severity = Severity.REVIEW) -> None:
        if path and len(self.findings) >= _MOST_FINDINGS:
            self.unlisted += 1
            return
        if path and names.name_problem(path) is not None:
            path = path.encode("unicode_escape").decode()[:300]
        finding = Finding(
            rule=RULE, severity=severity, path=path, line=None, message=message, fix=fix
        )
        self.findings.append(finding)

    def close(self, *, is_cut: bool) -> tuple[Finding, ...]:
        """Return the findings, with one for all paths beyond the caps."""
        if self.left_out or is_cut:
            message = (
                f"The change is larger than {MOST_FILES} files or {MOST_BYTES // 1024**2} MiB:"
                f" {self.left_out or 'many'} files are not part of it."
            )
            self.note("", message, "Remove files that do not belong to the change.")
        if self.unlisted:
            self.note("", f"{self.unlisted} more paths are not part of the change.", "")
        return tuple(self.findings)

    # --- one path --------------------------------------------------------------------------------

    def sort_out(self, entries: Iterable[ChangedEntry]) -> list[ChangedEntry]:
        """Return regular files, tracked ones first; add deletions; record others as skipped."""
        base = self.tree_base.base
        plain = []
        for entry in sorted(entries, key=lambda entry: (not base.has_path(entry.path), entry.path)):
            path, problem = entry.path, entry.problem
            if path in self.tree_base.links:
                problem = "A symbolic link or submodule"
            if problem:
                is_new = problem == _SPECIAL and not base.has_path(path)
                severity = Severity.INFO if is_new else Severity.REVIEW
                message = f"{problem} is not part of the change."
                self.skip_path(path, message, "Use a regular file.", severity)
            elif problem is None:
                if base.has_path(path):
                    self.add(ChangedFile(path=path, before=base.read(path), after=None))
            elif (problem := names.name_problem(path)) is not None:
                self.skip_path(path, f"The file is not part of the change: {problem}.", _RENAME)
            else:
                plain.append(entry)
        return plain

    def decide_file(self, entry: ChangedEntry, content: bytes | None) -> None:
        """Take one regular file, or record why not."""
        path, base = entry.path, self.tree_base.base
        earlier = self.tree_base.earlier.get(path)
        before = base.read(path) if base.has_path(path) else None
        is_new = earlier is None and before is None
        if content is None:
            message = f"The file cannot be read, or has over {MOST_FILE_BYTES} bytes."
            self.skip_path(path, message, _LESS)
            return
        if is_new and self.tree_base.added.get(path) == content:
            return
        is_binary = b"\0" in content[:_LOOKED_AT]
        is_wanted = path in self.binaries and len(content) <= MOST_BINARY_BYTES
        if is_binary and not is_wanted and content not in (before, earlier and earlier.after):
            # A new file that the plan does not name was most likely left behind by a program.
            is_unasked = is_new and path not in self.binaries
            severity = Severity.INFO if is_unasked else Severity.REVIEW
            self.skip_path(path, _BINARY, _BY_HAND, severity)
            return
        was_executable = None if before is None else base.is_executable(path)
        # A program may have set the mode of all files, so a new file must also begin with `#!`.
        is_executable = entry.is_executable and (not is_new or content.startswith(b"#!"))
        if (content, is_executable) == (before, was_executable):
            return
        self.add(
            ChangedFile(
                path=path,
                before=before,
                after=content,
                executable=is_executable,
                was_executable=was_executable,
            )
        )

    def leave_misfits(self) -> None:
        """Remove new files whose place is occupied by a path that is not part of the change."""
        base, files, tree_base = self.tree_base.base, self.files, self.tree_base
        new = {path for path, file in files.items() if file.before is None}
        gone = {path for path, file in files.items() if file.after is None}
        stay = (path for path in (*base.paths(), *tree_base.fixed) if path not in gone)
        folders = {parent for path in stay for parent in _parents(path)}

        def is_file(path: str) -> bool:
            is_there = base.has_path(path) or path in tree_base.fixed or path in files
            return is_there and path not in gone

        for path in sorted(new):
            if path in folders or path in tree_base.links or any(map(is_file, _parents(path))):
                del files[path]
                message = "The file is not part of the change: the base branch's version stays."
                self.note(path, message, "Rename it, or keep what is there.")


def collect_change(
    entries: Iterable[ChangedEntry],
    fetch: Callable[[str], bytes | None],
    tree_base: TreeBase,
    ignored: Iterable[str] = (),
    binaries: Collection[str] = (),
    *,
    is_cut: bool = False,
) -> CollectedChange:
    """Decide which differences are part of the change.

    Args:
        fetch: Returns the content of a regular file; None: it cannot be read or is too large.
        ignored: Paths that the repository's ignore rules exclude.
        binaries: Binary files that may be part of the change, up to `MOST_BINARY_BYTES`.
        is_cut: The sandbox found more entries than it listed.
    """
    collector = _ChangeCollector(tree_base, binaries)
    plain = collector.sort_out(entries)
    read = _limit_entries(plain)
    collector.left_out += len(plain) - len(read)
    for entry in read:
        collector.decide_file(entry, fetch(entry.path))
    collector.leave_misfits()
    files = tuple(file for _, file in sorted(collector.files.items()))
    return CollectedChange(
        change=Change(base_commit=tree_base.checkout.commit, files=files),
        findings=collector.close(is_cut=is_cut),
        ignored=tuple(sorted({*ignored} - tree_base.added.keys())[:_MOST_IGNORED]),
    )


def _parents(path: str) -> list[str]:
    """List the folders of a path, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _limit_entries(entries: list[ChangedEntry]) -> list[ChangedEntry]:
    """Return the first entries, within the bounds on number and total size of files to read."""
    sizes = accumulate(entry.size if entry.size <= MOST_FILE_BYTES else 0 for entry in entries)
    few = (entry for entry, size in zip(entries, sizes, strict=True) if size <= _MOST_READ)
    return list(islice(few, MOST_FILES))
