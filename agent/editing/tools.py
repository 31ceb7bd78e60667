"""The tools of a model: a shell and edits in its sandbox, and the forms that it hands in.

The sandbox is a cache: it is opened anew from the base commit and the last Change when the process
has lost it. Whatever a model wrote, each of its calls gets an answer.
"""

from __future__ import annotations

import math
import posixpath
import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agent.desk import Desk
from agent.editing import forms, rebuilding
from agent.editing.memory import PLAN
from agent.editing.preparation import Preparation
from agent.editing.turns import Turn
from agent.errors import EditFailed, SandboxMissing
from agent.models.change import Change, Severity
from agent.models.chat import CallResults, Reply, ToolCall, ToolResult, ToolSpec
from agent.models.checks import CheckReport
from agent.models.environment import OpenedRepository, Prepared
from agent.models.record import replace
from agent.sandbox.layout import TEMPORARY
from agent.sandbox.session import Session
from agent.text import sanitise

MOST_CALLS = 40
MOST_SUMMARY = 1_500
MOST_BEHAVIOUR, LONGEST_BEHAVIOUR = 6, 200
#: Characters of a result that come whole; of a longer one the rest is in a file of the sandbox.
MOST_RESULT = 30_000
#: Characters that the results of one reply may have: of a context window, in tokens, and at most.
_BATCH_SHARE, _MOST_OF_A_BATCH = 0.75, 400_000
_LEAST_RESULT = 400
#: Turns of reading after which a sentence reminds of the plan.
_REMINDED = 12
#: With less left of the run's minutes, no command is begun.
LEAST_SECONDS = 5.0
#: Seconds of a command: maximum, default, and the default as a multiple of the tests' time.
_MOST_SECONDS, _SECONDS, _TIMES_TESTS = 1_800, 120, 1.5
_MOST_LISTED = 20
_LONGEST_LINE = 400
_MOST_SHOWN_LINES = 12
#: Lines that an edit shows before and after the new ones, and how many new ones.
_LINES_AROUND, _MOST_NEW_LINES = 3, 60
#: Environments built in one run; each may take minutes, and stays in the store.
_MOST_REBUILDS = 5
LOST = "This is a new sandbox. Only your change was kept from the previous one."
_CARRIED = "This is a new sandbox, with your change and the files in /tmp."
_IGNORED = "ignored by the repository's rules; `include` of `submit` makes it part of the change"
_LEFT_BEHIND = (
    "left behind by the base branch's tests; `include` of `submit` makes it part of the change"
)
_CALLS_LOST = (
    "The sandbox was lost during these calls. Their changes are gone; earlier changes are kept."
)
_AS_BASE = "The environment is the base branch's again."
_NO_MORE = "This run builds no more environments: you work in the base branch's."
_PLAN_COMES_FIRST = (
    "`{name}` needs a plan first. Call `plan`; calls after it in the same reply run once it is"
    " accepted. To read on, call `bash`."
)


class Bash(forms.Form):
    """Run a shell command in the root of the repository."""

    command: str
    seconds: int = forms.show_limits(0, default=_SECONDS, maximum=_MOST_SECONDS)
    """After which it is ended. Without it: 120, or 1.5 times what the tests take."""


class Edit(forms.Form):
    """Replace text in a file. The result shows the lines as they are then."""

    path: str
    old: str
    """Has to occur exactly once in the file."""
    new: str


class Write(forms.Form):
    """Create a file, or replace all of it."""

    path: str
    text: str


class SubmittedBehaviour(forms.Form):
    before: str = forms.show_limits(maxLength=LONGEST_BEHAVIOUR)
    """What a user or caller saw, on one line."""
    after: str = forms.show_limits(maxLength=LONGEST_BEHAVIOUR)
    """What they see now."""


class Submit(forms.Form):
    """Run all checks on your change."""

    summary: str = forms.show_limits(maxLength=MOST_SUMMARY)
    """For the reviewer: why so, and what to look at; paragraphs and lists stay."""
    behaviour: tuple[SubmittedBehaviour, ...] = ()
    """What behaves differently with the change, the most important first; nothing if all behaves as
    before."""
    left_out: str = forms.show_limits("", maxLength=MOST_SUMMARY)
    """What the ticket asks for and the change does not do, and why."""
    include: tuple[str, ...] = ()
    """Files that git ignores and that belong to the change all the same."""


Forms = Mapping[str, type[forms.Form]]
"""What can be submitted, by the name of its tool."""
_Tool = tuple[type[forms.Form], Callable[["ToolExecutor", Session, Any], str]]


@dataclass(frozen=True)
class Workbench:
    """What the tools of a conversation work on."""

    desk: Desk
    base: OpenedRepository
    preparation: Preparation
    find_seconds_left: Callable[[], float]
    resources: ExitStack
    """Closes what is open when the run is over."""


def limit_batch(window: int) -> int:
    """Return the characters that the results of one reply may have.

    Args:
        window: Tokens of the model's context.
    """
    return min(int(window * _BATCH_SHARE), _MOST_OF_A_BATCH)


class ToolExecutor:
    def __init__(
        self,
        bench: Workbench,
        given: Forms,
        *,
        most_of_a_batch: int = _MOST_OF_A_BATCH,
        edits: bool = True,
        is_planned: bool = True,
    ) -> None:
        """Take the forms that can be submitted, by name.

        Args:
            most_of_a_batch: See `limit_batch`.
            edits: Whether what happens in the sandbox becomes part of the change.
            is_planned: Whether a plan is accepted; before that the base is read, without an
                environment.
        """
        self._bench, self._given, self._edits = bench, given, edits
        self._is_planned = is_planned
        names = _TOOLS.keys() if edits else {"bash"}
        self._tools = {name: tool for name, tool in _TOOLS.items() if name in names}
        self._most_of_a_batch = most_of_a_batch
        self._session: Session | None = None
        self._carried: bytes | None = None
        """Files in /tmp of the sandbox that was closed last, for the next one."""
        self._digest = ""
        """Digest of the change in the sandbox; empty: not known."""
        self._rebuilt: Prepared | None = None
        self._declared = ""
        """Mark of the dependencies that `_rebuilt` was built for."""
        self._reported: set[str] = set()
        """Files outside the change that were reported to the model."""
        self._until = 0.0
        self._left = 0
        """Characters that the result of the call at work may have."""
        self._output_file = ""
        """In the sandbox, for what the call at work prints."""
        bench.resources.callback(self.close)

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as a model is shown them; the same throughout a conversation."""
        limits = (
            f"A result of up to {min(MOST_RESULT, self._most_of_a_batch):,} characters comes"
            f" whole, as long as those of one reply have {self._most_of_a_batch:,} together; the"
            " rest of a longer output is in a file in /tmp that the result names."
        )
        tools = (
            forms.make_tool_spec(name, kind, limits * (kind is Bash))
            for name, (kind, _) in self._tools.items()
        )
        given = (forms.make_tool_spec(name, form) for name, form in self._given.items())
        return (*tools, *given)

    def begin_edits(self) -> None:
        """Go on in a sandbox with the environment, since the plan is accepted; /tmp is kept."""
        self._is_planned = True
        self._keep_temporary()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self._digest = None, ""

    def _keep_temporary(self) -> None:
        """Close the sandbox; the next one gets the files in /tmp."""
        self._carried = self._session.pack_temporary() if self._session else b""
        self.close()

    def execute_calls(
        self,
        reply: Reply,
        before: Change,
        include: tuple[str, ...],
        turn: Turn,
        planned: CallResults | None = None,
    ) -> CallResults:
        """Carry the calls of a reply out in order, and take the change from the tree.

        Args:
            include: Ignored files that belong to it.
            planned: The results up to a plan, which is accepted now.

        Raises:
            SandboxLost: The sandbox ended without a word, or the run was stopped.
            SandboxMissing: No sandbox is to be had.
        """
        self._until = time.monotonic() + self._bench.find_seconds_left()
        batch = _Batch(before, reply.calls, turn.calls, self._most_of_a_batch)
        begun = planned.at + 1 if planned else 0
        batch.results += planned.results[:begun] if planned else ()
        for number, call in enumerate(reply.calls[begun:], begun + 1):
            try:
                said, failed = self._answer(call, number, batch), False
            except EditFailed as problem:
                said, failed = f"not run: {problem}", True
            batch.add_result(call, said, failed=failed)
        if isinstance(batch.form, Submit) and batch.form.include:
            include += batch.form.include
            self._open(batch)
        change = self._collect(batch, batch.session, include) if batch.session else before
        if not self._is_planned and not batch.submitted and turn.number % _REMINDED == 0:
            batch.notes.append("Call `plan` as soon as you know what to change.")
        called = CallResults(
            results=tuple(batch.results),
            change=change if change != before else None,
            handed=batch.submitted,
            at=batch.at,
            form=batch.form.model_dump_json() if batch.form else "",
            text="\n".join(filter(None, batch.notes)),
            pauses=not (self._is_planned or batch.submitted) and self._bench.preparation.is_waiting,
        )
        facts = {**turn.facts, "change_digest": (called.change or before).digest}
        results = [result.model_dump(mode="json") for result in called.results]
        self._bench.desk.record_words("model.called", facts, results=results)
        return called

    def _answer(self, call: ToolCall, number: int, batch: _Batch) -> str:
        """Carry a call out and return its answer; EditFailed: it is not carried out."""
        if batch.submitted == PLAN:
            raise EditFailed("the plan before it was not accepted")
        if batch.submitted:
            raise EditFailed(f"`{batch.submitted}` has to be the last call of a reply")
        if number > MOST_CALLS:
            raise EditFailed(f"a reply may have {MOST_CALLS} calls")
        if call.name == PLAN and self._is_planned:
            return "The plan is accepted. Carry it out; say in the summary what differs."
        if call.name in self._given:
            batch.form = forms.read_arguments(call, self._given[call.name])
            batch.submitted, batch.at = call.name, number - 1
            return "accepted"
        if call.name not in self._tools:
            there = ", ".join((*self._tools, *self._given))
            raise EditFailed(f"there is no such tool; available: {there}")
        if not self._is_planned and call.name != "bash":
            raise EditFailed(_PLAN_COMES_FIRST.format(name=call.name))
        kind, work = self._tools[call.name]
        arguments = forms.read_arguments(call, kind)
        session, self._left = self._open(batch), batch.left
        self._output_file = f"{TEMPORARY}/output-{batch.calls_before + number}.txt"
        return work(self, session, arguments)

    def _open(self, batch: _Batch) -> Session:
        bench = self._bench
        if batch.session is not None:
            return batch.session
        if self._session is None or self._digest != batch.before.digest:
            self.close()
            opened: OpenedRepository = bench.base
            carried, self._carried = self._carried, None
            if carried is None:
                batch.notes.append(LOST if batch.calls_before else "")
            if self._is_planned:
                batch.notes.append(self._rebuild_environment(batch.before))
                opened = self._rebuilt or self._prepared
            self._session = self._open_session(opened, batch.before)
            if carried:
                self._session.unpack_temporary(carried)
            if self._is_planned and self._edits:
                # Files that set-up has left are not the model's.
                left = self._session.take().ignored
                self._reported.update(f"{path}: {_IGNORED}" for path in left)
        # The digest is known again once all calls are carried out.
        self._digest, batch.session = "", self._session
        batch.losses = self._session.losses
        return self._session

    def _open_session(self, opened: OpenedRepository, change: Change) -> Session:
        desk = self._bench.desk
        if desk.sessions is None:
            raise SandboxMissing("No sandbox is configured for models.")
        return desk.sessions.open(desk.provide(opened), change, desk.stopped)

    def _collect(self, batch: _Batch, session: Session, include: tuple[str, ...]) -> Change:
        """Take the change from the tree, and rebuild the environment where it declares another."""
        before = change = batch.before
        if self._edits and self._is_planned:
            taken = session.take(include)
            if words := self._update_lock(session, taken.change):
                batch.notes.append(words)
                taken = session.take(include)
            change = replace(
                self._leave_out(taken.change, include), notes=before.notes, left_out=taken.findings
            )
            left = [
                (finding.path, finding.message)
                for finding in taken.findings
                if finding.severity is not Severity.INFO or batch.is_named(finding.path)
            ]
            dropped = (path for path in taken.change.paths if path not in change.paths)
            left += [(path, _LEFT_BEHIND) for path in dropped if batch.is_named(path)]
            left += [(path, _IGNORED) for path in taken.ignored if batch.is_named(path)]
            messages = [f"{path}: {message}" for path, message in left]
            listed = [line for line in messages if line not in self._reported][:_MOST_LISTED]
            batch.notes += listed
            self._reported.update(listed)
            if session.losses != batch.losses:
                batch.notes.append(_CALLS_LOST)
                batch.reject_submit()
        self._digest = change.digest
        if self._digest != before.digest and (words := self._rebuild_environment(change)):
            self._keep_temporary()
            batch.notes += [words, _CARRIED]
        return change

    def _leave_out(self, change: Change, include: tuple[str, ...]) -> Change:
        """Leave out new files that base's tests leave behind as well."""
        ready = self._bench.preparation.ready
        left = {*(ready.baseline.tests.left_behind if ready else ())}.difference(include)
        files = (file for file in change.files if file.before is not None or file.path not in left)
        return replace(change, files=tuple(files))

    def _update_lock(self, session: Session, change: Change) -> str:
        """Have the lock follow the declared dependencies; describe the result, if any."""
        prepared, desk = self._prepared, self._bench.desk
        declared = rebuilding.make_declaration_mark(change, prepared, desk)
        if not self._may_build or declared == self._declared:
            return ""
        locked, words = rebuilding.update_lock(change, prepared, desk)
        for path, content in locked.items():
            session.write(path, content)
        return words

    def _rebuild_environment(self, change: Change) -> str:
        """Have the environment that a change declares; describe it, where it is another."""
        prepared, desk = self._prepared, self._bench.desk
        built = self._bench.preparation.built
        declared = rebuilding.make_declaration_mark(change, prepared, desk)
        if declared == self._declared:
            return ""
        self._declared, self._rebuilt, words = declared, None, _AS_BASE
        if declared not in {"", *built} and not self._may_build:
            words = _NO_MORE
        elif declared:
            built.add(declared)
            self._rebuilt, words = rebuilding.rebuild_environment(change, prepared, desk)
        return words

    def run_bash(self, session: Session, asked: Bash) -> str:
        """Run a command; its output, exit code and limits are the answer."""
        ready = self._bench.preparation.ready
        wanted = asked.seconds or choose_seconds(ready.baseline if ready else None)
        seconds = limit_seconds(
            min(max(wanted, LEAST_SECONDS), _MOST_SECONDS), self._seconds_left()
        )
        most = min(MOST_RESULT, max(self._left, _LEAST_RESULT))
        file = self._output_file
        ran = session.run(asked.command, seconds=seconds, transcript=file, above=most)
        output = sanitise.strip_terminal_codes(ran.output).rstrip()
        where, omitted = ran.transcript or "not kept", ran.omitted_bytes
        said = [sanitise.shorten_middle(output, most, where=where, omitted=omitted)]
        if ran.timed_out:
            said.append(f"[stopped after {seconds} s]")
        if ran.restarted:
            said.append(f"[the sandbox was lost. {LOST}]")
        elif ran.exit_code:
            said.append(f"[exit code {ran.exit_code}]")
        return "\n".join(filter(None, said)) or "(no output)"

    def edit_file(self, session: Session, asked: Edit) -> str:
        """Replace a piece that occurs exactly once; line ends stay as they are."""
        content = session.read(asked.path)
        if content is None:
            raise EditFailed("there is no such file")
        try:
            words = content.decode()
        except UnicodeDecodeError as problem:
            raise EditFailed("the file is not UTF-8") from problem
        crlf = "\r\n" in words and words.count("\r\n") == words.count("\n")
        plain = words.replace("\r\n", "\n") if crlf else words
        edited, first, last = replace_once(plain, asked.old, asked.new)
        session.write(asked.path, (edited.replace("\n", "\r\n") if crlf else edited).encode())
        return _show_lines(edited, first, last)

    def write_file(self, session: Session, asked: Write) -> str:
        if asked.path.startswith("~"):
            raise EditFailed("`~` is not expanded: paths start at the root of the tree")
        session.write(asked.path, asked.text.encode())
        return f"{asked.text.count(chr(10)):,} lines"

    @property
    def _may_build(self) -> bool:
        has_time = self._seconds_left() > LEAST_SECONDS
        return has_time and len(self._bench.preparation.built) < _MOST_REBUILDS

    @property
    def _prepared(self) -> Prepared:
        """The base with its environment, once there is a plan."""
        return self._bench.preparation.finish().prepared

    def _seconds_left(self) -> float:
        return self._until - time.monotonic()


@dataclass
class _Batch:
    """The calls of one reply, as far as they are carried out."""

    before: Change
    calls: tuple[ToolCall, ...]
    calls_before: int
    """Number of calls in earlier replies; above 0, a sandbox that has to be opened was lost."""
    left: int
    """Characters that results may still have."""
    results: list[ToolResult] = field(default_factory=list)
    submitted: str = ""
    at: int = 0
    form: forms.Form | None = None
    session: Session | None = None
    losses: int = 0
    """Losses of the session before the first call."""
    notes: list[str] = field(default_factory=list)

    def is_named(self, path: str) -> bool:
        """Whether a call names a file: what programs leave behind is not offered."""
        name = posixpath.basename(path.rstrip("/"))
        return any(name in call.arguments for call in self.calls)

    def add_result(self, call: ToolCall, said: str, *, failed: bool) -> None:
        self.left -= len(said)
        result = {"call_id": call.call_id, "name": forms.flatten_text(call.name), "content": said}
        self.results.append(ToolResult(**result, failed=failed))

    def reject_submit(self) -> None:
        """Accept no submit of a tree in which the work of some calls is lost."""
        if isinstance(self.form, Submit):
            self.results[self.at] = replace(
                self.results[self.at], content="not accepted: the sandbox was lost", failed=True
            )
            self.submitted, self.form = "", None


def limit_seconds(most: float, left: float) -> int:
    """Return the whole seconds that something may take.

    Raises:
        EditFailed: Too few are left to begin it.
    """
    if (seconds := math.floor(min(most, left))) < LEAST_SECONDS:
        raise EditFailed("the run's time (limits.minutes) is used up, so nothing more runs")
    return seconds


def choose_seconds(baseline: CheckReport | None) -> int:
    """Return the seconds of a command where the model does not say how many."""
    tests = baseline.tests.seconds if baseline else 0.0
    return max(_SECONDS, math.ceil(_TIMES_TESTS * tests))


_TOOLS: dict[str, _Tool] = {
    "bash": (Bash, ToolExecutor.run_bash),
    "edit": (Edit, ToolExecutor.edit_file),
    "write": (Write, ToolExecutor.write_file),
}


def replace_once(words: str, old: str, new: str) -> tuple[str, int, int]:
    """Put `new` in the place of `old`, which may occur only once.

    Returns:
        The text, and the first and last line of `new` in it; the last is before the first where
        nothing is left there.

    Raises:
        EditFailed: There is no such place, or more than one, or nothing would change.
    """
    if not old:
        raise EditFailed("old is empty; give the lines next to which the new ones go")
    if old == new:
        raise EditFailed("old and new are the same, so nothing was changed")
    # A place may begin within another one.
    starts = [found.start() for found in re.finditer(f"(?={re.escape(old)})", words)]
    if not starts:
        raise EditFailed(f"old is not in the file{_show_nearest_line(words, old)}")
    lines = [words.count("\n", 0, start) + 1 for start in starts[:10]]
    if len(starts) > 1:
        places = ", ".join(map(str, lines)) + ", …" * (len(starts) > len(lines))
        raise EditFailed(
            f"old occurs {len(starts):,} times (lines {places}); include more of the lines around"
            " it"
        )
    shown = new.removesuffix("\n")
    last = lines[0] + shown.count("\n") if shown else lines[0] - 1
    return words[: starts[0]] + new + words[starts[0] + len(old) :], lines[0], last


def _show_lines(text: str, first: int, last: int) -> str:
    """Show the lines that an edit has made, with a few around them and their numbers."""
    lines = text.split("\n")
    start, end = max(0, first - 1 - _LINES_AROUND), min(len(lines), last + _LINES_AROUND)
    shown = [f"{at + 1:>6}\t{lines[at][:_LONGEST_LINE]}" for at in range(start, end)]
    half = _MOST_NEW_LINES // 2 + _LINES_AROUND
    if len(shown) > 2 * half:
        shown[half:-half] = [f"[{len(shown) - 2 * half:,} lines]"]
    head = f"lines {first} to {last}" if last >= first else f"removed before line {first}"
    return "\n".join((f"{head}; the file now has:", *shown))


def _show_nearest_line(words: str, old: str) -> str:
    """Show the lines from where the first line of `old` is, if that is one place."""
    wanted, lines = old.strip("\n").split("\n"), words.split("\n")
    bare, first = [line.strip() for line in lines], wanted[0].strip()
    if not first or bare.count(first) != 1:
        return "; read it again"
    start = bare.index(first)
    there = lines[start : start + min(len(wanted), _MOST_SHOWN_LINES)]
    shown = "\n".join(line[:_LONGEST_LINE] for line in there)
    return f"; from line {start + 1} on it says:\n{shown}"
