"""Fakes for the ports, shipped so that whole runs can be tried without sandboxes or network."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import weakref
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from agent.desk import Memory
from agent.errors import EditFailed
from agent.git import names
from agent.llm.spendings import require_left
from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.chat import ChatRequest, Reply, Role, ToolCall, Usage, WorstCase
from agent.models.code_host import CodeHost, NewPullRequest, Remote
from agent.models.environment import Prepared
from agent.models.model_use import SpendingLimits
from agent.models.outcome import Outcome, PullRequest
from agent.models.run import Run, RunState
from agent.models.sandbox import (
    CollectedChange,
    CommandResult,
    Flag,
    Hear,
    Root,
    SandboxRequest,
    SandboxResult,
)
from agent.models.ticket import Ticket
from agent.store.sql_tables import RunRow


class FakeCodeHost(CodeHost):
    """Holds one ticket; each branch keeps its pull request, and every call stands in `calls`.

    Without a remote it is a code host on this machine.
    """

    def __init__(
        self, ticket: Ticket, *, remote: Remote | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        """Answer with this ticket; `notes` are what could not be done for a pull request."""
        self._ticket = ticket
        self._remote = remote
        self._notes = notes
        self.calls: list[str] = []
        self.marks: list[str] = []
        """Branch, message and change of every commit made through the code host."""
        self.proposals: list[NewPullRequest] = []
        """How the pull request that proposes a configuration stands."""
        self.told: list[str] = []
        """What was said of it, on the issue and in it."""
        self.shown: list[str] = []
        """Plans that a word was awaited for."""

    def read_ticket(self, run: Run) -> Ticket:
        self.calls.append("ticket")
        return self._ticket

    def announce_start(self, run: Run, text: str) -> None:
        self.calls.append("begin")

    def update_status(self, run: Run, text: str, *, is_news: bool, is_last: bool = False) -> None:
        self.marks.append(text)

    def find_remote(self, run: Run) -> Remote | None:
        self.calls.append("remote")
        return self._remote

    def create_credential(self, run: Run, *, write: bool) -> str:
        self.calls.append("credential")
        return "ghs_" + ("w" if write else "r") * 36

    def has_pull_request(self, run: Run, branch: str) -> bool:
        self.calls.append("proposed")
        return any(proposal.branch == branch for proposal in self.proposals)

    def has_open_pull_request(self, run: Run, branch: str) -> bool:
        return any(proposal.branch == branch for proposal in self.proposals)

    def publish_pull_request(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        self.calls.append("propose")
        self.proposals.append(proposal)
        branches = list(dict.fromkeys(field.branch for field in self.proposals))
        number = 100 + branches.index(proposal.branch)
        return PullRequest(
            number=number,
            url=self._page(number),
            draft=proposal.draft and not self._notes,
            notes=self._notes,
        )

    def await_approval(self, run: Run, text: str, number: str) -> None:
        self.told.append(number)
        self.shown.append(text)

    def _page(self, number: int) -> str:
        name = self._remote.name if self._remote else "local"
        return f"https://forge.example/{name}/pull/{number}"

    def report_outcome(
        self, run: Run, outcome: Outcome, text: str, *, occasion: str = ""
    ) -> Outcome:
        self.calls.append("deliver")
        return outcome


class FakeModel:
    """Answers each request by a function; keeps the requests."""

    def __init__(
        self,
        answer: Callable[[ChatRequest], Reply],
        *,
        roles: tuple[Role, ...] = ("editor",),
        name: str = "fake:one",
        worst: WorstCase | None = None,
        missing: str = "",
    ) -> None:
        """Answer with these; `missing` keeps it from being asked."""
        self._answer = answer
        self._roles = roles
        self._name = name
        self._worst = worst or WorstCase(tokens=10, usd=0.0)
        self._missing = missing
        self.requests: list[ChatRequest] = []
        self.seconds: list[float | None] = []
        """What was left for each."""

    def list_chain(self, role: Role) -> tuple[str, ...]:
        return (self._name,) if role in self._roles else ()

    def explain_missing(self, role: Role) -> str:
        return self._missing if role in self._roles else ""

    def find_window(self, model: str) -> int:
        return 200_000

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        return self._worst

    def reply(
        self, request: ChatRequest, stopped: Flag | None = None, seconds: float | None = None
    ) -> Reply:
        self.requests.append(request)
        self.seconds.append(seconds)
        return self._answer(request)


class Ledger:
    """Counts a run's dollars, up to its limit."""

    def __init__(self) -> None:
        self.usd: list[float] = []

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        require_left(sum(self.usd), usd, limits.of_run)
        self.usd.append(usd)
        return len(self.usd) - 1

    def record_cost(self, number: int, usd: float) -> None:
        self.usd[number] = usd


def make_reply(
    *calls: tuple[str, dict[str, object]], text: str = "", model: str = "fake:one"
) -> Reply:
    """Make a reply that calls tools by name and arguments."""
    made = tuple(
        ToolCall(call_id=f"c{number}", name=name, arguments=json.dumps(arguments))
        for number, (name, arguments) in enumerate(calls)
    )
    return Reply(
        model=model,
        text=text,
        calls=made,
        finish="calls" if made else "stop",
        usage=Usage(input_tokens=8, output_tokens=2),
        cost_usd=0.01,
        seconds=0.5,
        raw="{}",
    )


class FakeSandbox:
    """Answers every order by a function; keeps the orders."""

    def __init__(self, answer: Callable[[SandboxRequest], SandboxResult]) -> None:
        self._answer = answer
        self.orders: list[SandboxRequest] = []

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        self.orders.append(order)
        result = self._answer(order)
        if hear is not None:
            hear(result.output.encode())
        return result

    def roots(self) -> tuple[Root, ...]:
        return ()


class FakeSessions:
    """Opens sessions on temporary folders of this machine: nothing in them is contained."""

    def __init__(self, files: Mapping[str, bytes], ignored: tuple[str, ...] = ()) -> None:
        """Make sessions on these files of the base commit, and patterns of new files that it ignores."""
        self._files = dict(files)
        self._ignored = ignored
        self.opened: list[FakeSession] = []

    def open(self, prepared: Prepared, change: Change, stopped: Flag | None = None) -> FakeSession:
        session = FakeSession(self._files, self._ignored, change)
        self.opened.append(session)
        return session

    def open_set_up(
        self,
        prepared: Prepared,
        outlet: object,
        environ: object,
        stopped: Flag | None = None,
    ) -> FakeSession:
        return self.open(prepared, Change(base_commit="c", files=()), stopped)


class FakeSession:
    """Runs commands as plain processes in a temporary folder, which stands for the sandbox."""

    def __init__(self, base: Mapping[str, bytes], ignored: tuple[str, ...], change: Change) -> None:
        self._base = base
        self._ignored = ignored
        self._commit = change.base_commit
        self._tree = Path(mkdtemp(prefix="session-")).resolve()
        # A test may forget it open.
        self._remove = weakref.finalize(self, shutil.rmtree, self._tree, ignore_errors=True)
        self.commands: list[str] = []
        wanted = {**base, **{file.path: file.after for file in change.files}}
        for path, content in wanted.items():
            if content is not None:
                self.write(path, content)

    def run(self, command: str, *, seconds: float) -> CommandResult:
        self.commands.append(command)
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timed_out = False
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        return CommandResult(
            output=output.decode("utf-8", "replace"),
            exit_code=None if timed_out else process.returncode,
            timed_out=timed_out,
        )

    def read(self, path: str) -> bytes | None:
        if names.name_problem(path):
            return None
        place = self._tree / path
        inside = place.resolve().is_relative_to(self._tree)
        return place.read_bytes() if inside and place.is_file() else None

    def write(self, path: str, content: bytes) -> None:
        place = self._tree / path
        problem = names.name_problem(path) or ("a link" if place.resolve() != place else None)
        if problem:
            shown = path.encode("unicode_escape").decode()[:200]
            raise EditFailed(f"`{shown}` cannot be written: {problem}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def take(self, binaries: tuple[str, ...] = ()) -> CollectedChange:
        files, ignored, findings = [], [], []
        places = {
            place.relative_to(self._tree).as_posix(): place for place in self._tree.rglob("*")
        }
        for path, place in sorted(places.items()):
            if place.is_symlink():
                findings.append(_make_remark(path, "A symbolic link is not part of the change."))
            if place.is_symlink() or not place.is_file() or path.startswith(".git/"):
                continue
            content = place.read_bytes()
            hidden = any(fnmatchcase(path, pattern) for pattern in self._ignored)
            if path not in self._base and hidden:
                ignored.append(path)
            elif content != self._base.get(path):
                files.append(ChangedFile(path=path, before=self._base.get(path), after=content))
        gone = (path for path in self._base if path not in places)
        files += [ChangedFile(path=path, before=self._base[path], after=None) for path in gone]
        change = Change(
            base_commit=self._commit, files=tuple(sorted(files, key=lambda file: file.path))
        )
        return CollectedChange(change=change, findings=tuple(findings), ignored=tuple(ignored))

    def close(self) -> None:
        self._remove()


def _make_remark(path: str, message: str) -> Finding:
    return Finding(
        rule="not-taken", severity=Severity.REVIEW, path=path, line=None, message=message, fix=""
    )


class FakeKeeper(Memory):
    """Keeps runs as a store does, with nothing of others."""

    def __init__(self, *, files: Any = None, spendings: Any = None) -> None:
        self.files, self.spendings = files, spendings
        self.states: list[RunState] = []

    def set_state(self, run_id: str, state: RunState) -> None:
        self.states.append(state)


def make_stored_run(run: Run, **facts: Any) -> RunRow:
    """Make the row of a run that a command carries."""
    row = {
        "state": RunState.TRIAGING, "active": True, "not_before": 0.0, "queued_at": 0.0,
        "started_at": 0.0, "ended_at": None, "outcome": None, "worker": "command 1 here", **facts,
    }  # fmt: skip
    return RunRow(run_id=run.run_id, run=run, **row)
