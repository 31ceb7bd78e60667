"""Where the calls of a model are carried out: its tools on a work tree, and the form it hands in.

The work tree is a cache. It is laid out anew from the base commit and the last Change when the
process, or somebody else who used the folder, has lost it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from agent import cleaning, worktree
from agent.chat import Reply, ToolCall, ToolResult, ToolSpec
from agent.domain import Change, Record
from agent.editing import forms
from agent.editing.asking import Turn
from agent.editing.called import Called, Objection
from agent.editing.job import Job
from agent.editing.toolbox import Phase, Toolbox
from agent.repository.tree import WorkTree

F = TypeVar("F", bound=Record)
_MOST_OBJECTION = 6_000

#: Of what whoever watches is shown of a call.
_MOST_LINE = 160
_MOST_VALUE = 80

Accept = Callable[[F, Change], Objection | None]
"""Judges a form that was handed in."""


class Desk(Generic[F]):
    """Carries out the calls of one conversation."""

    def __init__(
        self,
        job: Job,
        form: tuple[str, str, type[F]],
        accept: Accept[F],
        *,
        phase: Phase,
        closed: tuple[str, ...] = (),
    ) -> None:
        """Take the tools of a phase, and the form that ends the conversation.

        Args:
            form: Its name as a tool, what it is for, and what it holds.
            accept: Judges a form; it may take as long as a run of tests.
            closed: Paths that may not be written.
        """
        self._job, self._phase, self._closed = job, phase, closed
        self.form_name, description, self._kind = form
        self._form = forms.form(self.form_name, description, self._kind)
        self._accept = accept
        self._at = ""
        self._toolbox: Toolbox | None = None
        self._until = math.inf

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools that the model is told of; the same throughout."""
        # None is used here, so none needs the files.
        folder = self._job.svc.head_folder(self._job.prepared.run)
        return (*self._tools(WorkTree(folder, ())).specs(), self._form)

    def carry_out(self, reply: Reply, before: Change, turn: Turn) -> Called:
        """Carry the calls of a reply out in order; whatever a model wrote, it gets an answer.

        Args:
            before: The change so far.
        """
        self._until = time.monotonic() + self._job.step.seconds_left
        for call in reply.calls:
            self._show(f"{forms.plain(call.name)} {_shown(call.arguments)}")
        called = self._called(reply.calls, before)
        for result in called.results:
            self._show(f"{result.name}: {_cut(result.content.partition(chr(10))[0], _MOST_LINE)}")
        results = self._job.svc.redactor.inside(called.results)
        facts = {
            "conversation": turn.conversation,
            "turn": turn.number,
            "results": [result.model_dump(mode="json") for result in results],
            "change_digest": (called.change or before).digest,
        }
        redacted = {"redacted": True} if results != called.results else {}
        self._job.svc.record("model.called", {**facts, **redacted})
        return called

    def _show(self, line: str) -> None:
        """Show whoever watches a line; the words in it are foreign."""
        if self._job.svc.hear is not None:
            self._job.svc.hear(f"\n{line}\n")

    def _called(self, calls: tuple[ToolCall, ...], before: Change) -> Called:
        forms_at = (place for place, call in enumerate(calls) if call.name == self.form_name)
        at = next(forms_at, len(calls))
        results: list[ToolResult] = []
        change = before
        if at:
            toolbox = self._opened(change)
            # What the tree holds is not known again until all of them are carried out.
            self._at = ""
            batch = toolbox.carry_out(calls[:at])
            results += batch.results
            change, self._at = batch.change, batch.change.digest
        changed = change if change.digest != before.digest else None
        if at == len(calls):
            return Called(results=tuple(results), change=changed)
        found = self._judged(calls[at], change)
        # A form is judged once a reply, and nothing is done after it: what was judged stays so.
        results += [_answer(calls[at], found), *map(self._left_out, calls[at + 1 :])]
        return Called(
            results=tuple(results),
            change=changed,
            form="" if isinstance(found, Objection) else found,
            objections=(found,) if isinstance(found, Objection) else (),
        )

    def _left_out(self, call: ToolCall) -> ToolResult:
        words = f"not carried out: `{self.form_name}` has to be the last call of a reply"
        return ToolResult(
            call_id=call.call_id, name=forms.plain(call.name), content=words, failed=True
        )

    def _judged(self, call: ToolCall, change: Change) -> str | Objection:
        """Return the form that is accepted, or what is wrong with it."""
        read = forms.read(call, self._kind)
        if isinstance(read, str):
            return Objection(text=read)
        return self._accept(read, change) or read.model_dump_json()

    def _opened(self, change: Change) -> Toolbox:
        """Have the tools on a tree that holds the change."""
        if self._toolbox is None or self._at != change.digest:
            job = self._job
            folder = job.svc.head_folder(job.prepared.run)
            tree = worktree.lay_out(job.prepared.checkout, folder, job.svc.stopped)
            tree.replay(change)
            self._toolbox, self._at = self._tools(tree), change.digest
        return self._toolbox

    def _tools(self, tree: WorkTree) -> Toolbox:
        job = self._job
        return Toolbox(
            tree,
            job.prepared,
            job.svc,
            phase=self._phase,
            closed=self._closed,
            seconds_left=lambda: self._until - time.monotonic(),
        )


def _shown(arguments: str) -> str:
    """Tell the arguments of a call in a line: what is long by its length."""
    try:
        given = json.loads(arguments)
        if not isinstance(given, dict):
            return _cut(_value(given), _MOST_LINE)
        told = [f"{forms.plain(name)}: {_value(value)}" for name, value in given.items()]
    except (ValueError, RecursionError):
        return f"({len(arguments)} characters that are no JSON)"
    return _cut(", ".join(told), _MOST_LINE)


def _value(value: object) -> str:
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(words) > _MOST_VALUE or "\n" in words:
        return f"({len(words):,} characters)"
    return forms.plain(words, _MOST_VALUE)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _answer(call: ToolCall, found: str | Objection) -> ToolResult:
    refused = isinstance(found, Objection)
    content = found.text if isinstance(found, Objection) else "accepted"
    content = cleaning.cut(content, _MOST_OBJECTION, where="mend these first")
    return ToolResult(call_id=call.call_id, name=call.name, content=content, failed=refused)
