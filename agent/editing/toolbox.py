"""The tools of one conversation, and the carrying out of what a model calls.

Whatever a model wrote, each call gets an answer of bounded length, and the calls of a reply run in
their order. What goes wrong for other reasons (a full disk, a room that is lost, a run that is
stopped) is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent import cleaning
from agent.chat import ToolCall, ToolResult, ToolSpec
from agent.domain import Change, Prepared, Record
from agent.editing import by_recipe, files, forms, migrating, outline, trials
from agent.editing.gate import PathGate, Phase, Refused
from agent.editing.minutes import SecondsLeft, unbounded
from agent.editing.outline import Outline
from agent.editing.trials import Trials
from agent.repository.tree import WorkTree
from agent.services import Services

__all__ = ["Batch", "Phase", "Toolbox"]

MOST_CALLS = 40
MOST_OF_A_BATCH = 48_000
_MOST_RESULT = files.MOST_SHOWN + 1_000
_MOST_REFUSAL = 2_500


class Batch(Record):
    """What the calls of one reply are answered with, and what they made."""

    results: tuple[ToolResult, ...]
    """One for each call, in their order."""
    change: Change
    """The whole change against base after the calls."""


@dataclass(frozen=True)
class _Tool:
    name: str
    description: str
    kind: type[Record]
    work: Callable[[Toolbox, Any], str]
    phases: frozenset[Phase]
    of_django: bool = False
    """Told to nobody but those who work on a Django project."""


class Toolbox:
    """The tools of one phase on one work tree."""

    def __init__(
        self,
        tree: WorkTree,
        prepared: Prepared,
        svc: Services,
        *,
        phase: Phase,
        closed: tuple[str, ...] = (),
        seconds_left: SecondsLeft = unbounded,
    ) -> None:
        """Take a tree, with the change so far in it.

        Args:
            closed: Paths that may not be written.
            seconds_left: Tells what is left of the run's minutes, for whatever is run.
        """
        self._tree = tree
        self._prepared = prepared
        self._svc = svc
        self._seconds_left = seconds_left
        django = prepared.contract.project.django is not None
        self._tools = {
            tool.name: tool
            for tool in _TOOLS
            if phase in tool.phases and (django or not tool.of_django)
        }
        self.gate: PathGate = PathGate(tree, prepared.contract, phase=phase, closed=closed)
        self._kept = svc.settings.home / outline.FOLDER
        self._outline: tuple[str, Outline] | None = None
        self.trials: Trials = Trials(self.gate, tree, prepared, svc, seconds_left)

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return the tools as a model is told of them; the same throughout a run."""
        return tuple(
            forms.form(tool.name, tool.description, tool.kind) for tool in self._tools.values()
        )

    def carry_out(self, calls: tuple[ToolCall, ...]) -> Batch:
        """Carry out the calls of one reply; what is wrong with one is its answer.

        Raises:
            StorageFull: The disk is full.
            SandboxLost: A room ended without a word, or the run was stopped.
            SandboxMissing: No room is to be had.
        """
        results: list[ToolResult] = []
        left = MOST_OF_A_BATCH
        seen: set[str] = set()
        for number, call in enumerate(calls, 1):
            said, failed = self._answer(call, number, seen)
            seen.add(call.call_id)
            content = _cut(said, min(_MOST_REFUSAL if failed else _MOST_RESULT, max(left, 200)))
            left -= len(content)
            results.append(
                ToolResult(
                    call_id=call.call_id,
                    name=forms.plain(call.name),
                    content=content,
                    failed=failed,
                )
            )
        return Batch(results=tuple(results), change=self._change)

    def make_migrations(self, asked: migrating.MakeMigrations) -> str:
        """Have Django make the migrations of an app."""
        return migrating.carry_out(
            asked, self.gate, self._tree, self._prepared, self._svc, self._seconds_left
        )

    def ask_recipe(self, asked: by_recipe.AskRecipe) -> str:
        """Have a recipe carry out a request."""
        return by_recipe.carry_out(
            asked, self.gate, self._tree, self._prepared, self._svc, self._seconds_left
        )

    @property
    def outline(self) -> Outline:
        """The outline of the tree as it is now."""
        digest = self._change.digest
        if self._outline is None or self._outline[0] != digest:
            made = outline.of(self._tree, self._prepared.checkout, self._kept)
            self._outline = digest, made
        return self._outline[1]

    @property
    def _change(self) -> Change:
        return Change(base_commit=self._prepared.checkout.commit, files=self._tree.changes())

    def _answer(self, call: ToolCall, number: int, seen: set[str]) -> tuple[str, bool]:
        """Return what a call is answered with, and whether it failed."""
        if number > MOST_CALLS:
            return f"not carried out: a reply may have {MOST_CALLS} calls", True
        if call.call_id in seen:
            return "not carried out: an earlier call of this reply has the same id", True
        tool = self._tools.get(call.name)
        if tool is None:
            return f"there is no such tool now; there are {', '.join(self._tools)}", True
        read = forms.read(call, tool.kind)
        if isinstance(read, str):
            return f"not carried out: {read}", True
        try:
            return tool.work(self, read), False
        except Refused as problem:
            return f"not carried out: {problem}", True


def _cut(words: str, most: int) -> str:
    return cleaning.cut(words, most, where="ask for less at a time")


_ANY: frozenset[Phase] = frozenset(("look", "tests", "source", "answer"))
_WRITING: frozenset[Phase] = frozenset(("tests", "source", "answer"))


def _of_files(work: Callable[[PathGate, Any], str]) -> Callable[[Toolbox, Any], str]:
    return lambda toolbox, asked: work(toolbox.gate, asked)


_TOOLS = (
    _Tool("look", "List a folder.", files.Look, _of_files(files.look), _ANY),
    _Tool(
        "outline",
        "Signatures, and who imports a file.",
        files.Outlined,
        lambda toolbox, asked: files.outlined(toolbox.gate, toolbox.outline, asked),
        _ANY,
    ),
    _Tool("search", "Find lines.", files.Search, _of_files(files.search), _ANY),
    _Tool("read", "Read lines of a file.", files.Read, _of_files(files.read), _ANY),
    _Tool(
        "edit",
        "Replace old, which occurs exactly once.",
        files.Edit,
        _of_files(files.edit),
        _WRITING,
    ),
    _Tool("create", "Write a new file.", files.Create, _of_files(files.create), _WRITING),
    _Tool("move", "Move a file.", files.Move, _of_files(files.move), _WRITING),
    _Tool("delete", "Delete a file.", files.Delete, _of_files(files.delete), _WRITING),
    _Tool(
        "run_test",
        "Run tests by id (path::Case::name) or file.",
        trials.RunTest,
        lambda toolbox, asked: toolbox.trials.tests(asked),
        _WRITING,
    ),
    _Tool(
        "run_check",
        "Run one check besides the tests.",
        trials.RunCheck,
        lambda toolbox, asked: toolbox.trials.check(asked),
        _WRITING,
    ),
    _Tool(
        "recipe",
        "Have a codemod do it: a Django field with migration, prints to logging.",
        by_recipe.AskRecipe,
        lambda toolbox, asked: toolbox.ask_recipe(asked),
        frozenset(("source",)),
    ),
    _Tool(
        "makemigrations",
        "Make the migrations of an app folder.",
        migrating.MakeMigrations,
        lambda toolbox, asked: toolbox.make_migrations(asked),
        frozenset(("source", "answer")),
        of_django=True,
    ),
)
