"""The tools of a model: a shell and edits in its sandbox, and the forms that it hands in.

The sandbox is a cache. It is opened anew from the base commit and the last Change when the process
has lost it. Whatever a model wrote, each of its calls gets an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agent.editing import by_recipe, forms, rebuilding, replacing
from agent.editing.asking import Turn
from agent.editing.by_recipe import LEAST_SECONDS, limit_seconds
from agent.editing.run_context import RunContext
from agent.editing.turn_records import CallResults
from agent.errors import EditFailed, SandboxMissing
from agent.models.change import Change
from agent.models.chat import Reply, ToolCall, ToolResult, ToolSpec
from agent.models.environment import Prepared
from agent.models.record import Record
from agent.models.sandbox import SandboxSession
from agent.text import sanitise

MOST_CALLS = 40
MOST_OF_A_BATCH = 48_000
_MOST_RESULT = 24_000
_MOST_SECONDS = 600
_MOST_LISTED = 20
#: Of what an observer is shown of a call.
_MOST_LINE = 160
LOST = "This is a new sandbox: of the last one, only your change was kept."
_IGNORED = "ignored by the repository's rules; `include` of `submit` makes it part of the change"
_GONE = (
    "The sandbox was lost during these calls: what they had changed by then is gone. What was"
    " changed before them is kept."
)
_AS_BASE = "The environment is that of the base again."
#: Of one run; each may take minutes, and stays in the store.
_MOST_REBUILDS = 5
_NO_MORE = "No further environment is built in this run: you work in that of the base."


class Bash(Record):
    """A command in the tree."""

    command: str
    seconds: int = 120


class Edit(Record):
    """An exact replacement."""

    path: str
    old: str
    new: str


class Write(Record):
    """A whole file."""

    path: str
    text: str


class Submit(Record):
    """A change that is to be judged."""

    summary: str
    """For the reviewer: what changed, and what to look at."""
    include: tuple[str, ...] = ()


Forms = Mapping[str, tuple[str, type[Record]]]
"""What each form is for, and what it holds, by name."""
_Tool = tuple[str, type[Record], Callable[["ToolExecutor", SandboxSession, Any], str]]


class ToolExecutor:
    """Carries out the calls of one conversation, in a sandbox of its own."""

    def __init__(self, run_context: RunContext, given: Forms, *, edits: bool = True) -> None:
        """Take the forms that can be handed in, by name.

        Args:
            edits: Whether what happens in the sandbox becomes part of the change.
        """
        self._run_context, self._given, self._edits = run_context, given, edits
        names = _TOOLS.keys() if edits else {"bash"}
        if run_context.base.contract.project.django is None:
            # Without Django a model does as well what recipes do.
            names -= {"recipe"}
        self._tools = {name: tool for name, tool in _TOOLS.items() if name in names}
        self._session: SandboxSession | None = None
        self._at = ""
        """Digest of the change that the sandbox holds; empty: not known."""
        self._rebuilt: Prepared | None = None
        self._declared = ""
        """With the environment that the change declares, and a mark of what that is."""
        self._left_out: set[str] = set()
        """What was said of files that are no part of the change."""
        self._until = 0.0
        self.are_open = True
        """Whether more than forms may be called."""
        run_context.cleanups.append(self.close)

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as a model is shown them; the same throughout a conversation."""
        tools = (forms.make_tool_spec(name, tool[0], tool[1]) for name, tool in self._tools.items())
        given = (forms.make_tool_spec(name, *form) for name, form in self._given.items())
        return (*tools, *given)

    def close(self) -> None:
        """End the sandbox."""
        if self._session is not None:
            self._session.close()
        self._session, self._at = None, ""

    def carry_out(
        self, reply: Reply, before: Change, include: tuple[str, ...], turn: Turn
    ) -> CallResults:
        """Carry the calls of a reply out in order, and take what they made of the tree.

        Args:
            before: The change so far.
            include: Ignored files that belong to it.

        Raises:
            SandboxLost: The sandbox ended without a word, or the run was stopped.
            SandboxMissing: No sandbox is to be had.
        """
        self._until = time.monotonic() + self._run_context.step.seconds_left
        # What the first turn does is done in a sandbox that nobody knows yet.
        batch = _Batch(before, LOST if turn.number > 1 else "")
        for number, call in enumerate(reply.calls, 1):
            self._show(
                f"{forms.flatten_text(call.name)} {forms.flatten_text(call.arguments, _MOST_LINE)}"
            )
            try:
                said, failed = self._answer(call, number, batch), False
            except EditFailed as problem:
                said, failed = f"not carried out: {problem}", True
            batch.answer(call, said, failed=failed)
        if isinstance(batch.form, Submit) and batch.form.include:
            include += batch.form.include
            self._open(batch)
        change = self._take(batch, batch.session, include) if batch.session else before
        called = CallResults(
            results=tuple(batch.results),
            change=change if change != before else None,
            handed=batch.handed,
            at=batch.at,
            form=batch.form.model_dump_json() if batch.form else "",
            text="\n".join(filter(None, batch.said)),
        )
        self._record(called, before, turn)
        return called

    def _answer(self, call: ToolCall, number: int, batch: _Batch) -> str:
        """Return what a call is answered with.

        Raises:
            EditFailed: It is not carried out.
        """
        if batch.handed:
            raise EditFailed(f"`{batch.handed}` has to be the last call of a reply")
        if number > MOST_CALLS:
            raise EditFailed(f"a reply may have {MOST_CALLS} calls")
        if call.name in self._given:
            batch.form = forms.read_arguments(call, self._given[call.name][1])
            batch.handed, batch.at = call.name, number - 1
            return "accepted"
        if call.name not in self._tools:
            there = ", ".join((*self._tools, *self._given))
            raise EditFailed(f"there is no such tool; there are {there}")
        if not self.are_open:
            raise EditFailed(f"call one of {', '.join(self._given)} first")
        _, kind, work = self._tools[call.name]
        asked = forms.read_arguments(call, kind)
        return work(self, self._open(batch), asked)

    def _open(self, batch: _Batch) -> SandboxSession:
        """Have the sandbox with the change in it."""
        run_context, sessions = self._run_context, self._run_context.svc.sessions
        if batch.session is not None:
            return batch.session
        if sessions is None:
            raise SandboxMissing("No sandbox is configured for models.")
        if self._session is None or self._at != batch.before.digest:
            self.close()
            batch.said += [batch.if_new, self._rebuild_environment(batch.before)]
            prepared = self._rebuilt or run_context.prepared
            self._session = sessions.open(prepared, batch.before, run_context.svc.stopped)
        # What the tree holds is not known again until all calls are carried out.
        self._at, batch.session = "", self._session
        batch.losses = self._session.losses
        return self._session

    def _take(self, batch: _Batch, session: SandboxSession, include: tuple[str, ...]) -> Change:
        """Take what the calls have made of the tree."""
        before = change = batch.before
        if self._edits:
            taken = session.take(include)
            if words := self._lock(session, taken.change):
                batch.said.append(words)
                taken = session.take(include)
            update = {"notes": before.notes, "left_out": taken.findings}
            change = taken.change.model_copy(update=update)
            left = [f"{one.path}: {one.message}" for one in taken.findings]
            left += [f"{path}: {_IGNORED}" for path in taken.ignored]
            listed = [line for line in left if line not in self._left_out][:_MOST_LISTED]
            batch.said += listed
            self._left_out.update(listed)
            if session.losses != batch.losses:
                batch.said.append(_GONE)
                batch.take_submit_back()
        self._at = change.digest
        if self._at != before.digest and (words := self._rebuild_environment(change)):
            self.close()
            batch.said.append(words)
        return change

    def _lock(self, session: SandboxSession, change: Change) -> str:
        """Have the lock follow what a change declares; say what came of it, if anything."""
        prepared, svc = self._run_context.prepared, self._run_context.svc
        if (
            not self._may_build
            or rebuilding.make_declaration_mark(change, prepared, svc) == self._declared
        ):
            return ""
        locked, words = rebuilding.update_lock(change, prepared, svc)
        for path, content in locked.items():
            session.write(path, content)
        return words

    def _rebuild_environment(self, change: Change) -> str:
        """Have the environment that a change declares; say what is new, where it is another."""
        run_context = self._run_context
        declared = rebuilding.make_declaration_mark(change, run_context.prepared, run_context.svc)
        if declared == self._declared:
            return ""
        self._declared, self._rebuilt, words = declared, None, _AS_BASE
        if declared not in {"", *run_context.built} and not self._may_build:
            words = _NO_MORE
        elif declared:
            run_context.built.add(declared)
            self._rebuilt, words = rebuilding.rebuild_environment(
                change, run_context.prepared, run_context.svc
            )
        return words

    def bash(self, session: SandboxSession, asked: Bash) -> str:
        """Run a command."""
        seconds = limit_seconds(
            min(max(asked.seconds, LEAST_SECONDS), _MOST_SECONDS), self._seconds_left()
        )
        ran = session.run(asked.command, seconds=seconds)
        said = [sanitise.strip_terminal_codes(ran.output).rstrip()]
        if ran.timed_out:
            said.append(f"[ended after {seconds} seconds]")
        if ran.restarted:
            said.append(f"[the sandbox broke down. {LOST}]")
        elif ran.exit_code:
            said.append(f"[exit code {ran.exit_code}]")
        return "\n".join(filter(None, said)) or "(no output)"

    def edit(self, session: SandboxSession, asked: Edit) -> str:
        """Replace what occurs exactly once; ends of lines stay what they are."""
        content = session.read(asked.path)
        if content is None:
            raise EditFailed("there is no such file")
        try:
            words = content.decode()
        except UnicodeDecodeError as problem:
            raise EditFailed("the file is no UTF-8") from problem
        crlf = "\r\n" in words and words.count("\r\n") == words.count("\n")
        plain = words.replace("\r\n", "\n") if crlf else words
        edited, first, last = replacing.replace_once(plain, asked.old, asked.new)
        session.write(asked.path, (edited.replace("\n", "\r\n") if crlf else edited).encode())
        return f"lines {first} to {last}" if last >= first else "removed"

    def write(self, session: SandboxSession, asked: Write) -> str:
        """Write a file."""
        if asked.path.startswith("~"):
            raise EditFailed("`~` stands for nothing: paths begin in the root of the tree")
        session.write(asked.path, asked.text.encode())
        return f"{asked.text.count(chr(10)):,} lines"

    def recipe(self, session: SandboxSession, asked: by_recipe.AskRecipe) -> str:
        """Have a recipe work, and write what it makes."""
        run_context = self._run_context
        taken = session.take().change
        made = by_recipe.call_recipe(
            asked, taken, run_context.prepared, run_context.svc, self._seconds_left()
        )
        for path, content in sorted(made.files.items()):
            session.write(path, content)
        not_done = (f"not done by this: {sentence}" for sentence in made.not_done)
        head = f"{asked.name} changed {', '.join(sorted(made.files))}"
        return "\n".join((head, *made.notes, *not_done))

    @property
    def _may_build(self) -> bool:
        return (
            len(self._run_context.built) < _MOST_REBUILDS and self._seconds_left() > LEAST_SECONDS
        )

    def _seconds_left(self) -> float:
        return self._until - time.monotonic()

    def _record(self, called: CallResults, before: Change, turn: Turn) -> None:
        for result in called.results:
            self._show(f"{result.name}: {result.content.partition(chr(10))[0][:_MOST_LINE]}")
        results = self._run_context.svc.redactor.redact_record(called.results)
        facts = {
            **turn.facts,
            "results": [result.model_dump(mode="json") for result in results],
            "change_digest": (called.change or before).digest,
        }
        redacted = {"redacted": True} if results != called.results else {}
        self._run_context.svc.record("model.called", {**facts, **redacted})

    def _show(self, line: str) -> None:
        """Show an observer a line; the words in it are foreign."""
        if self._run_context.svc.hear is not None:
            self._run_context.svc.hear(f"\n{line}\n")


@dataclass
class _Batch:
    """The calls of one reply, as far as they are carried out."""

    before: Change
    if_new: str
    """What is said where the sandbox has to be opened."""
    results: list[ToolResult] = field(default_factory=list)
    handed: str = ""
    at: int = 0
    form: Record | None = None
    session: SandboxSession | None = None
    """Once it is used."""
    losses: int = 0
    """Of the session, before the first call."""
    said: list[str] = field(default_factory=list)
    """What we say besides."""
    left: int = MOST_OF_A_BATCH
    """Characters that answers may still have."""

    def answer(self, call: ToolCall, said: str, *, failed: bool) -> None:
        """Add the answer to a call, as far as there is space for it."""
        said = sanitise.shorten_middle(
            said, min(_MOST_RESULT, max(self.left, 200)), where="ask for less"
        )
        self.left -= len(said)
        result = {"call_id": call.call_id, "name": forms.flatten_text(call.name), "content": said}
        self.results.append(ToolResult(**result, failed=failed))

    def take_submit_back(self) -> None:
        """Accept no submit of a tree in which not all of the calls left what they did."""
        if isinstance(self.form, Submit):
            update = {"content": "not accepted: the sandbox was lost", "failed": True}
            self.results[self.at] = self.results[self.at].model_copy(update=update)
            self.handed, self.form = "", None


_TOOLS: dict[str, _Tool] = {
    "bash": ("Run a command in the root of the tree.", Bash, ToolExecutor.bash),
    "edit": ("Replace old, which occurs exactly once.", Edit, ToolExecutor.edit),
    "write": ("Write a file.", Write, ToolExecutor.write),
    "recipe": (
        "Run add-django-field (model, field as in Python) or print-to-logging (paths, level).",
        by_recipe.AskRecipe,
        ToolExecutor.recipe,
    ),
}
