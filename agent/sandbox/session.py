"""Open a sandbox for several commands, and read the change that they make.

The host keeps only the change that it took last; nothing else leaves the sandbox.
"""

import json
from contextlib import ExitStack
from typing import Any

from agent.errors import EditFailed, SandboxLost
from agent.git import names
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.sandbox import (
    SANDBOX_TREE,
    CollectedChange,
    CommandResult,
    Flag,
    SandboxRequest,
)
from agent.sandbox import change_collection
from agent.sandbox.frames import Answer
from agent.sandbox.running import SandboxMaker


class Session:
    """A sandbox that stays open around one writable tree; for one thread at a time.

    Every method may raise SandboxLost, and Cancelled once the session's flag is set.
    """

    def __init__(
        self,
        maker: SandboxMaker,
        order: SandboxRequest,
        base: WorkTree,
        change: Change,
        stopped: Flag | None,
    ) -> None:
        """Open the sandbox and write the change to its tree.

        Args:
            order: It must have a checkout.
            base: The work tree of the commit; sandboxes cannot write to it.
        """
        assert order.checkout is not None  # noqa: S101
        inside = f"{SANDBOX_TREE}/"
        added = {
            file.path.removeprefix(inside): file.content
            for file in order.files
            if file.path.startswith(inside)
        }
        earlier = {file.path: file for file in change.files if file.after is not None}
        self._tree_base = change_collection.TreeBase(order.checkout, base, earlier, added)
        self._stopped = stopped
        with ExitStack() as stack:
            self._sandbox = maker.open_session(order, stack, stopped)
            self._write_change(change)
            # If the change cannot be written, the sandbox is closed.
            self._stack = stack.pop_all()

    def run(self, command: str, *, seconds: float) -> CommandResult:
        """Run a command by `bash -c`, for `seconds` at most."""
        return self._sandbox.run_command(command, seconds, self._stopped)

    def read(self, path: str) -> bytes | None:
        if names.name_problem(path) is not None:
            return None
        problem, content = self._read(path)
        if problem:
            raise EditFailed(f"`{path}` cannot be read: {problem}")
        return content

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a file inside the sandbox; an old file's mode stays, folders are made.

        Raises:
            EditFailed: The path leads outside or through a link, or there is no space.
        """
        if problem := names.name_problem(path):
            shown = path.encode("unicode_escape").decode()[:200]
            raise EditFailed(f"`{shown}` cannot be written: {problem}")
        problem = self._edit("write", content, path=path, executable=None)
        if problem:
            raise EditFailed(f"`{path}` cannot be written: {problem}")

    def take(self, binaries: tuple[str, ...] = ()) -> CollectedChange:
        """Return the difference between base and the tree; no command runs meanwhile.

        Ignored files are part of it if the session began with them.

        Args:
            binaries: Binary files that are part of the change, if they are small.
        """
        base = self._tree_base
        answer = self._ask("list_changes", include=[*base.earlier], links=sorted(base.links))
        if problem := answer.facts["problem"]:
            raise SandboxLost(f"The change cannot be listed: {problem}")
        listed = json.loads(answer.contents[0])
        return change_collection.collect_change(
            (change_collection.ChangedEntry(*entry) for entry in listed["entries"]),
            lambda path: self._read(path)[1],
            base,
            (path for path in listed["ignored"] if path not in base.earlier),
            binaries,
            is_cut=answer.facts["is_cut"],
        )

    def close(self) -> None:
        self._stack.close()

    # --- requests to the runner ----------------------------------------------------------------

    def _read(self, path: str) -> tuple[str, bytes | None]:
        """Read a file; return the problem (empty: none), and the content (None: no such file)."""
        most = change_collection.MOST_FILE_BYTES
        answer = self._ask("read", path=path, most_bytes=most)
        problem = answer.facts["problem"]
        return problem or "", answer.contents[0] if problem == "" else None

    def _edit(self, operation: str, content: bytes = b"", **fields: Any) -> str:
        return str(self._ask(operation, content, **fields).facts["problem"])

    def _ask(self, operation: str, content: bytes = b"", **fields: Any) -> Answer:
        return self._sandbox.ask(operation, content, stopped=self._stopped, **fields)

    def _write_change(self, change: Change) -> None:
        # Deletions come first: a file may replace a folder.
        for file in sorted(change.files, key=lambda file: file.after is not None):
            if file.after is None:
                problem = self._edit("delete", path=file.path)
            else:
                mode = {"path": file.path, "executable": file.executable}
                problem = self._edit("write", file.after, **mode)
            if problem:
                raise EditFailed(f"`{file.path}` cannot be copied to the sandbox: {problem}")
