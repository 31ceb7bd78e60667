"""The one way from a model's words to files: for reading, for searching and for writing.

Owns which paths a model may name and what it may make of them. What a change as a whole has to be
is left to the policy; what is certain to be refused there is refused here at once, with the
reason, while the model can still do better. That no link is followed is the work tree's own doing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Literal

from agent.domain import Change, ChangedFile, Contract, Severity
from agent.errors import EditFailed
from agent.policy.content import size
from agent.policy.content.paths import Limits
from agent.policy.layout import is_test
from agent.policy.patterns import folded
from agent.policy.proposal import Proposal
from agent.repository import names
from agent.repository.tree import WorkTree

Phase = Literal["look", "tests", "source", "answer"]
"""look: nothing may be written; tests: only test files; source: everything but what is closed;
answer: likewise, where recipes were asked before."""

#: What is larger is neither read nor searched nor written; the rule `size` has the same bound.
MOST_BYTES = size.HUGE_BYTES
#: So many files may go in any repository, and of a large one this part.
_FEW_DELETED = 2
_MOST_DELETED = 0.25
_MANY_LINES = 20
_SHOWN_PATH = 200
_NEAREST_AMONG = 20_000


#: Content and mode of a file; None: there is none, or the mode stays what it is.
_State = tuple[bytes | None, bool | None]


class Refused(Exception):
    """A call is not carried out; the message says why, and what would be right."""


@dataclass(frozen=True)
class Text:
    """A file as it is read: lines are ended by newlines."""

    words: str
    crlf: bool = False
    """Its lines end with CR and LF on disk."""
    lossless: bool = True
    """Whether the file is made of these words, and of nothing that they do not show."""

    def encoded(self, words: str) -> bytes:
        """Give words as the content of such a file."""
        return (words.replace("\n", "\r\n") if self.crlf else words).encode()


class PathGate:
    """What a model may read and write of one work tree, in one phase."""

    def __init__(
        self, tree: WorkTree, contract: Contract, *, phase: Phase, closed: tuple[str, ...] = ()
    ) -> None:
        """Take the tree as it is; its changes count as those of the run.

        Args:
            closed: Paths that may not be written.
        """
        self._tree = tree
        self._contract = contract
        self._phase = phase
        self._closed = {folded(path): path for path in closed}

    # --- reading ------------------------------------------------------------------------------

    def paths(self, folder: str = "") -> tuple[str, ...]:
        """Return all files, or those in a folder, sorted.

        Raises:
            Refused: There is no such folder.
        """
        folder = folder.removesuffix("/")
        if folder in {"", "."}:
            return self._tree.paths()
        self._require_name(folder)
        found = tuple(path for path in self._tree.paths() if path.startswith(f"{folder}/"))
        if not found:
            raise Refused(f"there is no folder {shown(folder)}{self._nearest(folder)}")
        return found

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._tree.has(path)

    def size(self, path: str) -> int:
        """Return the bytes of a file.

        Raises:
            Refused: It may not be read.
        """
        self._require_name(path)
        if not self._tree.has(path):
            if any(one.startswith(f"{path}/") for one in self._tree.paths()):
                raise Refused(f"{shown(path)} is a folder; look shows what is in it")
            raise Refused(
                f"{shown(path)} is no file of the repository, or a link, which is not"
                f" followed{self._nearest(path)}"
            )
        try:
            return self._tree.size(path)
        except EditFailed as problem:
            raise Refused(problem.message) from problem

    def content(self, path: str) -> bytes:
        """Return what is in a file.

        Raises:
            Refused: It may not be read.
        """
        if (count := self.size(path)) > MOST_BYTES:
            raise Refused(
                f"{shown(path)} has {count:,} bytes; more than {MOST_BYTES:,} are not read"
            )
        try:
            return self._tree.read(path)
        except EditFailed as problem:
            raise Refused(problem.message) from problem

    def text(self, path: str) -> Text:
        """Return what is in a text file.

        Raises:
            Refused: It may not be read, or is no text.
        """
        content = self.content(path)
        if b"\0" in content:
            raise Refused(f"{shown(path)} is binary")
        return decoded(content)

    def is_executable(self, path: str) -> bool:
        """Whether a file that may be read can be started."""
        return self._tree.is_executable(path)

    def is_new(self, path: str) -> bool:
        """Whether the change adds this file."""
        return any(file.path == path and file.before is None for file in self._tree.changes())

    # --- writing ------------------------------------------------------------------------------

    def write(
        self, edits: Mapping[str, bytes | None], *, executable: Mapping[str, bool] | None = None
    ) -> None:
        """Make all these edits, or none; None deletes.

        Args:
            executable: Of new files that are moved; others are not.

        Raises:
            Refused: One of them is not open, or the change would be what no change may be.
        """
        before = {file.path: file for file in self._tree.changes()}
        after = dict(before)
        for path, content in edits.items():
            self._require_open(path)
            after[path] = self._edited(path, content, before.get(path))
            # What the change has added may be taken away again, wherever it is.
            if after[path].before != after[path].after:
                self._require_in_scope(after[path])
        changed = [file for file in after.values() if file.before != file.after]
        self._require_small(list(before.values()), changed, edits)
        undo: list[tuple[str, _State]] = []
        try:
            # Deletions first: a file may stand where a folder is needed.
            for path, content in sorted(edits.items(), key=lambda one: one[1] is not None):
                undo.append((path, self._state(path)))
                self._put(path, (content, (executable or {}).get(path)))
        except EditFailed as problem:
            for path, state in undo[-2::-1]:
                self._put(path, state)
            raise Refused(problem.message) from problem

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Undo what is written within, if it does not come to its end."""
        before = {file.path: file for file in self._tree.changes()}
        try:
            yield
        except Exception:
            now = {file.path: file for file in self._tree.changes()}
            for path in sorted({*before, *now}):
                if path in before:
                    self._put(path, (before[path].after, before[path].executable))
                else:
                    self._put(path, (now[path].before, None))
            raise

    def _state(self, path: str) -> _State:
        if not self._tree.has(path):
            return None, None
        return self._tree.read(path), self._tree.is_executable(path)

    def _put(self, path: str, state: _State) -> None:
        content, executable = state
        if content is not None:
            self._tree.write(path, content, executable=executable)
        elif self._tree.has(path):
            self._tree.delete(path)

    def _edited(self, path: str, content: bytes | None, before: ChangedFile | None) -> ChangedFile:
        if before is not None:
            return before.model_copy(update={"after": content})
        original = self.content(path) if self._tree.has(path) else None
        return ChangedFile(path=path, before=original, after=content)

    def _require_open(self, path: str) -> None:
        """Hold a path against the phase."""
        self._require_name(path)
        if self._phase == "look":
            raise Refused("nothing may be written now")
        if self._phase == "tests" and not is_test(path):
            raise Refused(
                f"{shown(path)} is no test file, and only tests may be written now; leave the rest"
                " for later"
            )
        if folded(path) in self._closed:
            raise Refused(
                f"{shown(path)} is closed: the change has to pass these tests as they are"
            )

    def _require_in_scope(self, file: ChangedFile) -> None:
        """Hold a file against the rules for paths."""
        for found in self._limits.check(file):
            if found.severity is Severity.BLOCK:
                raise Refused(f"{shown(file.path)} {found.message} {found.fix}")

    def _require_small(
        self,
        before: list[ChangedFile],
        after: list[ChangedFile],
        edits: Mapping[str, bytes | None],
    ) -> None:
        """Hold the change with the edits in it against the rules for its size."""
        # What is too large already can only be made smaller; the policy has the last word.
        if not self._oversized(before) and (words := self._oversized(after)):
            raise Refused(words)
        for file in after:
            if file.path in edits and _is_reformatted(file):
                raise Refused(
                    f"{shown(file.path)} would only be laid out anew; change what the ticket"
                    " asks for and leave other lines as they are"
                )
        gone = sum(file.after is None for file in after) - sum(
            file.before is None for file in after
        )
        most = max(_FEW_DELETED, int(len(self._base) * _MOST_DELETED))
        if gone > most and None in edits.values():
            raise Refused(f"{gone} files would be gone; a change may delete {most} here")

    def _oversized(self, files: list[ChangedFile]) -> str:
        """Say what is too large in these files, if something is."""
        change = Change(base_commit="", files=tuple(sorted(files, key=lambda file: file.path)))
        contract = self._contract
        proposal = Proposal(change, contract.config, contract.project, self._tree)
        for found in size.check(proposal):
            if found.severity is Severity.BLOCK:
                place = f"{shown(found.path)} " if found.path else ""
                return f"{place}{found.message} {found.fix}"
        return ""

    # --- names --------------------------------------------------------------------------------

    def _require_name(self, path: str) -> None:
        if problem := names.name_problem(path):
            raise Refused(f"{shown(path)} is not a path of the repository: {problem}")
        if path.startswith("~") and not self._tree.has(path):
            raise Refused(f"{shown(path)} is not a path of the repository: `~` stands for nothing")

    def _nearest(self, path: str) -> str:
        """Name a file or folder that may have been meant."""
        every = self._tree.paths()[:_NEAREST_AMONG]
        name = posixpath.basename(path)
        same = [one for one in every if posixpath.basename(one) == name][:3]
        if not same:
            there = {one for one in every if posixpath.dirname(one) == posixpath.dirname(path)}
            there |= {posixpath.dirname(one) for one in every} - {""}
            same = get_close_matches(path[:_SHOWN_PATH], there, n=1)
        return f"; there is {', '.join(same)}" if same else ""

    @cached_property
    def _base(self) -> frozenset[str]:
        """The paths of the base commit."""
        changes = self._tree.changes()
        new = {file.path for file in changes if file.before is None}
        old = {file.path for file in changes if file.before is not None}
        return (frozenset(self._tree.paths()) - new) | old

    @cached_property
    def _limits(self) -> Limits:
        return Limits(self._contract.config, self._base)


def decoded(content: bytes) -> Text:
    """Read the content of a text file."""
    try:
        words = content.decode()
    except UnicodeDecodeError:
        return Text(content.decode("utf-8", "replace").replace("\r\n", "\n"), lossless=False)
    ends = words.count("\n")
    if ends and words.count("\r\n") == ends:
        return Text(words.replace("\r\n", "\n"), crlf=True)
    return Text(words)


def shown(path: str) -> str:
    """Give a path in words of ours, on one line and bounded, whatever is in it."""
    plain = path.encode("unicode_escape", "replace").decode() if not path.isprintable() else path
    cut = f"{plain[:_SHOWN_PATH]}…" if len(plain) > _SHOWN_PATH else plain
    return f"`{cut}`"


def _is_reformatted(file: ChangedFile) -> bool:
    if not file.before or not file.after:
        return False
    lines = size.changed_lines(file.before, file.after)
    return lines >= _MANY_LINES and size.is_layout_only(file.before, file.after)
