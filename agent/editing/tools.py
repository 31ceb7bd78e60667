"""The tools of a model: a shell and edits in its sandbox, and the forms that it submits.

The sandbox is a cache: if it is lost, it is opened again from the base commit and the last change.
Every call, even an invalid one, gets an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

from agent.editing import forms, rebuilding, text_edits, turns
from agent.editing.batch import Batch
from agent.editing.memory import PLAN
from agent.editing.run_context import RunContext
from agent.editing.turns import Turn
from agent.errors import EditFailed, SandboxLost, SandboxMissing
from agent.models.change import Change, Finding, Severity
from agent.models.chat import CallResults, Reply, Role, ToolCall, ToolSpec
from agent.models.checks import CheckReport
from agent.models.environment import OpenedRepository, Prepared
from agent.models.record import replace
from agent.models.sandbox import CollectedChange
from agent.sandbox import change_collection
from agent.sandbox.session import Session
from agent.text import sanitise
from agent.text.sanitise import list_some

MOST_CALLS = 40
#: Maximum characters of a result and of one of its lines; the middle of longer ones is omitted.
MOST_RESULT, _LONGEST_OUTPUT_LINE = 30_000, 2_000
#: Maximum characters of one reply's results: for each token of the context window, and absolute.
_BATCH_SHARE, _MOST_OF_A_BATCH = 0.75, 400_000
_LEAST_RESULT = 400
#: No command begins if the run has fewer seconds left.
LEAST_SECONDS = 5.0
#: Default time limit of a command, as a multiple of the tests' duration.
_TIMES_TESTS = 1.5
_MOST_LISTED = 20
#: Maximum environments that a conversation builds; each takes minutes and stays in the store.
_MOST_REBUILDS = 5
LOST = "This is a new sandbox. Only your change was kept from the previous one."
_REDIRECT = "cut; send it to a file in /tmp and read parts of that"
_IGNORED = "ignored by the repository's rules, so no part of the change"
_PLANNED = "The plan names the file, and .gitignore keeps it out of the change."
_LEFT_BEHIND = "left behind by tests, so no part of the change"
_AS_BASE = "The environment is the base branch's."
_PLAN_COMES_FIRST = "`{name}` needs a plan first: call `plan`. To read on, call `bash`."


class ToolExecutor:
    def __init__(
        self,
        run_context: RunContext,
        submitted: forms.Forms,
        *,
        role: Role = "editor",
        edits: bool = True,
        is_planned: bool = True,
    ) -> None:
        """Store the settings; a sandbox is opened by the first call that needs one.

        Args:
            submitted: Forms that can be submitted, by the names of their tools.
            role: Role of the model; its context window limits the results of a reply.
            edits: Whether edits in the sandbox become part of the change.
            is_planned: Whether a plan is accepted; before that, the sandbox has no environment.
        """
        self._run_context, self._forms, self._edits = run_context, submitted, edits
        self._is_planned = is_planned
        self._planned: tuple[str, ...] = ()
        """Files in the plan."""
        names = _TOOLS.keys() if edits else {"bash"}
        self._tools = {name: tool for name, tool in _TOOLS.items() if name in names}
        window = turns.find_window(role, run_context)
        self._most_of_a_batch = min(int(window * _BATCH_SHARE), _MOST_OF_A_BATCH)
        self._session: Session | None = None
        self._digest = ""
        """Digest of the change in the sandbox; empty: unknown."""
        self._rebuilds = 0
        self._reported: set[str] = set()
        """Notes that the model has got, on files that are not part of the change."""
        self._until = 0.0
        self._left = 0
        """Characters left for the results of the current reply."""
        run_context.resources.callback(self.close)

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools for the model, which never change in a conversation."""
        limits = (
            f"Of a result the first and last {MOST_RESULT // 2:,} characters are returned, of all"
            f" results of one reply {self._most_of_a_batch:,}: send longer output to a file."
        )
        tools = (
            forms.make_tool_spec(name, kind, limits * (kind is forms.Bash))
            for name, (kind, _) in self._tools.items()
        )
        submitted = (forms.make_tool_spec(name, form) for name, form in self._forms.items())
        return (*tools, *submitted)

    def begin_edits(self, planned: tuple[str, ...]) -> None:
        """Continue in a new sandbox with the environment, since the plan is accepted."""
        self._is_planned, self._planned = True, planned
        self.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self._digest = None, ""

    def read_form(self, done: CallResults) -> forms.Form:
        """Read the submitted form from the record of its calls."""
        return self._forms[done.form_name].model_validate_json(done.form)

    def carry_out(self, reply: Reply, before: Change, turn: Turn) -> CallResults:
        """Run the calls of a reply up to a form, and read the change from the tree.

        Raises:
            SandboxLost: No sandbox could be opened, or the run was stopped.
            SandboxMissing: Sandboxes are not configured or not available.
        """
        self._until = time.monotonic() + self._run_context.seconds_left
        self._left = self._most_of_a_batch
        if self._digest != before.digest:
            self.close()
        batch = Batch(before, reply.calls, is_late=turn.number > 1)
        try:
            for call in reply.calls:
                self._carry_out_call(call, batch)
            change = self._collect(batch)
        except SandboxLost:
            if self._session is None:
                raise
            self.close()
            batch.lose_work()
            change = before
        called = CallResults(
            results=tuple(batch.results),
            change=change if change != before else None,
            form_name=batch.form_name,
            form=batch.form.model_dump_json() if batch.form else "",
            text="\n".join(filter(None, batch.notes)),
        )
        facts = {**turn.facts, "change_digest": (called.change or before).digest}
        results = [result.model_dump(mode="json") for result in called.results]
        facts["results"] = self._run_context.desk.redactor.redact_record(results)
        self._run_context.desk.events.note("model", "model.called", **facts)
        return called

    def _carry_out_call(self, call: ToolCall, batch: Batch) -> None:
        try:
            answer, failed = self._answer(call, batch), False
        except EditFailed as problem:
            answer, failed = f"not run: {problem}", True
        self._left -= len(answer)
        batch.add_result(call, answer, failed=failed)

    def _answer(self, call: ToolCall, batch: Batch) -> str:
        """Run a call and return its answer. Raises EditFailed if it is refused or fails."""
        if batch.form_name:
            raise EditFailed(f"`{batch.form_name}` has to be the last call of a reply")
        if len(batch.results) >= MOST_CALLS:
            raise EditFailed(f"a reply may have {MOST_CALLS} calls")
        if call.name == PLAN and self._is_planned:
            return "The plan is accepted. Carry it out; say in the summary what differs."
        if kind := self._forms.get(call.name):
            form = forms.read_arguments(call, kind)
            if isinstance(form, forms.Submit) and self._edits and self._is_planned:
                self._update_locks(batch)
            batch.form, batch.form_name = form, call.name
            return ""
        if call.name not in self._tools:
            there = ", ".join((*self._tools, *self._forms))
            raise EditFailed(f"there is no such tool; available: {there}")
        if not self._is_planned and call.name != "bash":
            raise EditFailed(_PLAN_COMES_FIRST.format(name=call.name))
        kind, work = self._tools[call.name]
        arguments = forms.read_arguments(call, kind)
        return work(self, batch, arguments)

    def _open(self, batch: Batch) -> Session:
        """Return the open sandbox, or open one with the change before the calls."""
        if self._session is None:
            desk, change = self._run_context.desk, batch.before
            opened = self._run_context.base
            if self._is_planned:
                try:
                    opened, words = rebuilding.find_environment(change, self._prepared, desk)
                except EditFailed as problem:
                    opened, words = self._prepared, problem.message
                batch.notes.append(words)
            batch.notes.append(LOST * batch.is_late)
            self._session = self._open_session(opened, change)
            if self._is_planned and self._edits:
                # Ignored files that set-up has made are not reported later.
                left = self._session.take().ignored
                self._reported.update(f"{path}: {_IGNORED}" for path in left)
        # Calls may change the tree; `_collect` sets the digest after the last one.
        self._digest = ""
        batch.is_open = True
        return self._session

    def _open_session(self, opened: OpenedRepository, change: Change) -> Session:
        desk = self._run_context.desk
        if desk.sessions is None:
            raise SandboxMissing("No sandbox is configured for models.")
        return desk.sessions.open(desk.provide(opened), change, desk.stopped)

    def _collect(self, batch: Batch) -> Change:
        """Read the change from the tree, and note the files that are not part of it."""
        change = before = batch.before
        if self._edits and self._is_planned and batch.is_open:
            change, taken = self._take(batch)
            contents = {file.path: file.after for file in before.files}
            written = [
                file.path
                for file in change.files
                if file.before is not None
                and contents.get(file.path, file.before) != file.after
                and not batch.is_named(file.path)
            ]
            if written:
                batch.notes.append(
                    f"Also changed by a command: {list_some(written, _MOST_LISTED)}."
                )
            left = [
                (finding.path, finding.message)
                for finding in change.left_out
                if finding.severity is not Severity.INFO or batch.is_named(finding.path)
            ]
            dropped = {*taken.change.paths} - {*change.paths}
            left += [(path, _LEFT_BEHIND) for path in sorted(dropped) if batch.is_named(path)]
            left += [(path, _IGNORED) for path in taken.ignored if batch.is_named(path)]
            messages = [f"{path}: {message}" for path, message in left]
            listed = [line for line in messages if line not in self._reported][:_MOST_LISTED]
            batch.notes += listed
            self._reported.update(listed)
        self._digest = change.digest
        return change

    def _take(self, batch: Batch) -> tuple[Change, CollectedChange]:
        """Read the change from the tree, without new files that tests leave behind."""
        assert self._session is not None  # noqa: S101
        before, ready = batch.before, self._run_context.preparation.ready
        taken = self._session.take(self._planned)
        left = {*(ready.baseline.tests.left_behind if ready else ())}
        left -= {*before.paths, *self._planned}
        files = tuple(
            file for file in taken.change.files if file.before is not None or file.path not in left
        )
        out = (*taken.findings, *self._find_planned(taken.ignored), *batch.findings)
        return replace(taken.change, files=files, notes=before.notes, left_out=out), taken

    def _find_planned(self, ignored: tuple[str, ...]) -> Iterator[Finding]:
        """Yield a finding for each file of the plan that .gitignore excludes."""
        assert self._session is not None  # noqa: S101
        folders = tuple(path for path in ignored if path.endswith("/"))
        for path in self._planned:
            is_there = path in ignored
            if path.startswith(folders):
                with suppress(EditFailed):
                    is_there = self._session.read(path) is not None
            if is_there:
                yield Finding(
                    rule=change_collection.RULE,
                    severity=Severity.REVIEW,
                    path=path,
                    message=_PLANNED,
                    fix="Add it by hand if it is needed.",
                )

    def run_bash(self, batch: Batch, arguments: forms.Bash) -> str:
        """Run a command; the answer has its output, exit code and reached limit."""
        ready, session = self._run_context.preparation.ready, self._open(batch)
        wanted = arguments.seconds or choose_seconds(ready.baseline if ready else None)
        seconds = limit_seconds(
            min(max(wanted, LEAST_SECONDS), forms.MOST_SECONDS), self._seconds_left()
        )
        ran = session.run(arguments.command, seconds=seconds)
        output = sanitise.strip_terminal_codes(ran.output).rstrip()
        # Long lines of generated files would fill the result of a search.
        output = "\n".join(
            sanitise.shorten_middle(line, _LONGEST_OUTPUT_LINE, where=_REDIRECT)
            for line in output.split("\n")
        )
        most, omitted = min(MOST_RESULT, max(self._left, _LEAST_RESULT)), ran.omitted_bytes
        lines = [sanitise.shorten_middle(output, most, where=_REDIRECT, omitted=omitted)]
        if ran.timed_out:
            lines.append(f"[stopped after {seconds} s]")
        elif ran.exit_code:
            lines.append(f"[exit code {ran.exit_code}]")
        return "\n".join(filter(None, lines)) or "(no output)"

    def edit_file(self, batch: Batch, arguments: forms.Edit) -> str:
        """Replace a text that occurs exactly once; line ends stay."""
        session = self._open(batch)
        content = session.read(arguments.path)
        if content is None:
            raise EditFailed(f"there is no such file: {forms.flatten_text(arguments.path)}")
        try:
            words = content.decode()
        except UnicodeDecodeError as problem:
            raise EditFailed("the file is not UTF-8") from problem
        crlf = "\r\n" in words and words.count("\r\n") == words.count("\n")
        plain = words.replace("\r\n", "\n") if crlf else words
        edited, first, last = text_edits.replace_once(plain, arguments.old, arguments.new)
        session.write(arguments.path, (edited.replace("\n", "\r\n") if crlf else edited).encode())
        return text_edits.show_lines(edited, first, last)

    def write_file(self, batch: Batch, arguments: forms.Write) -> str:
        if arguments.path.startswith("~"):
            raise EditFailed("`~` is not expanded: paths start at the root of the tree")
        self._open(batch).write(arguments.path, arguments.text.encode())
        shown = arguments.text.removesuffix("\n")
        return text_edits.show_lines(arguments.text, 1, shown.count("\n") + 1 if shown else 0)

    def rebuild(self, batch: Batch, arguments: forms.Rebuild) -> str:
        """Update the locks, and continue in a sandbox with the environment of the change."""
        limit_seconds(LEAST_SECONDS, self._seconds_left())
        if self._rebuilds == _MOST_REBUILDS:
            raise EditFailed(f"a conversation builds {_MOST_REBUILDS} environments at most")
        self._rebuilds += 1
        self._open(batch)
        self._update_locks(batch)
        change, _ = self._take(batch)
        desk = self._run_context.desk
        opened, words = rebuilding.find_environment(change, self._prepared, desk)
        self.close()
        self._session = self._open_session(opened, change)
        return f"{words or _AS_BASE} {LOST}"

    def _update_locks(self, batch: Batch) -> None:
        """Update the locks as part of the change. Raises EditFailed if a tool fails."""
        change = self._take(batch)[0] if self._session else batch.before
        desk = self._run_context.desk
        locks, batch.findings = rebuilding.update_locks(change, self._prepared, desk)
        if batch.findings:
            self._open(batch)
        for path, content in locks.items():
            self._open(batch).write(path, content)

    @property
    def _prepared(self) -> Prepared:
        """The base with its environment."""
        return self._run_context.preparation.finish().prepared

    def _seconds_left(self) -> float:
        return self._until - time.monotonic()


_Tool = tuple[type[forms.Form], Callable[[ToolExecutor, Batch, Any], str]]
_TOOLS: dict[str, _Tool] = {
    "bash": (forms.Bash, ToolExecutor.run_bash),
    "edit": (forms.Edit, ToolExecutor.edit_file),
    "write": (forms.Write, ToolExecutor.write_file),
    "rebuild": (forms.Rebuild, ToolExecutor.rebuild),
}


def limit_seconds(most: float, left: float) -> int:
    """Return the lower of both limits, in whole seconds.

    Raises:
        EditFailed: Too little time is left.
    """
    if (seconds := math.floor(min(most, left))) < LEAST_SECONDS:
        raise EditFailed("the run's time (limits.minutes) is used up, so nothing more runs")
    return seconds


def choose_seconds(baseline: CheckReport | None) -> int:
    """Return the default time limit of a command in seconds."""
    tests = baseline.tests.seconds if baseline else 0.0
    return max(forms.SECONDS, math.ceil(_TIMES_TESTS * tests))
