"""Decide for every print of a file: which level, which logger, or why it stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libcst as cst

from agent.recipes.modules import Module, Modules
from agent.recipes.print_to_logging import (
    calls,
    captures,
    handled,
    levels,
    loggers,
    printed,
    programs,
    purposes,
    scoping,
)
from agent.recipes.print_to_logging.calls import Call, Context
from agent.recipes.print_to_logging.loggers import Logger
from agent.recipes.print_to_logging.parameters import (
    Conversion,
    FileWork,
    Left,
    Level,
    NewLogger,
)
from agent.recipes.print_to_logging.pieces import Taker, Text
from agent.recipes.print_to_logging.printed import Printed
from agent.recipes.source import SourceFile


@dataclass(frozen=True)
class Wish:
    """How the messages are to be logged, as far as ticket and configuration say."""

    library: str = "any"
    level: Level | None = None


class Decisions:
    """The decisions for one file."""

    def __init__(
        self,
        source: SourceFile,
        found: calls.Found,
        module: Module,
        known: Modules,
        entries: frozenset[tuple[str, str]],
        readers: captures.Captures,
        wish: Wish,
        outside: Callable[[str], str | None],
    ) -> None:
        self._source = source
        self._found = found
        self._module = module
        self._readers = readers
        self._wish = wish
        self._own = scoping.bound(module.node)
        self._taker = Taker(source, module.node, self._own)
        names = {module.dotted, module.dotted.removeprefix("src.")}
        own_entries = frozenset(function for one, function in entries if one in names)
        self._programs = programs.Programs(found, own_entries, outside)
        self._available = loggers.of_module(module, known)
        self._of_classes = [] if self._available else loggers.of_classes(module)
        self._flask = None if self._available else loggers.of_flask(module)
        self._known = known
        self._new: NewLogger | None = None
        self._left: list[Left] = []
        self._conversions: dict[cst.Call, Conversion] = {}

    def made(self) -> tuple[FileWork | None, list[Left]]:
        """Decide for every call."""
        for call in self._found.calls:
            reason = self._decide(call)
            if reason:
                self._leave(call.node, reason)
        self._keep_lines_between_output()
        ordered = sorted(self._conversions.values(), key=lambda one: (one.line, one.column))
        left = sorted(self._left, key=lambda one: one.line)
        if not ordered:
            return None, left
        work = FileWork(
            path=self._source.path,
            conversions=tuple(ordered),
            new_logger=self._new if self._needs_new(ordered) else None,
        )
        return work, left

    def _keep_lines_between_output(self) -> None:
        """A blank line goes only with a message of its function; else it sets output apart."""
        around = {call.node: call.context.function for call in self._found.calls}
        logged = {around[node] for node, one in self._conversions.items() if one.action == "log"}
        for node, one in list(self._conversions.items()):
            if one.action == "remove" and around[node] not in logged:
                del self._conversions[node]
                self._leave(node, "it sets output apart that stays")

    def _needs_new(self, ordered: list[Conversion]) -> bool:
        name = self._new.name if self._new else ""
        return any(one.logger == name for one in ordered if one.action == "log")

    def _leave(self, node: cst.CSTNode, reason: str) -> None:
        line = self._source.line(node)
        self._left.append(Left(path=self._source.path, line=line, reason=reason))

    # --- one call -----------------------------------------------------------------------------

    def _decide(self, call: Call) -> str | None:
        """Take a call up; or say why not."""
        if self._found.shadow is not None:
            return (
                f"`print` is another function here (line {self._source.line(self._found.shadow)})"
            )
        if reason := purposes.of_call(call, self._found, self._programs):
            return reason
        try:
            said = printed.read(call, self._taker, self._own)
        except printed.Unfit as unfit:
            return str(unfit)
        if reason := self._read_by_tests(call, said):
            return reason
        if said.empty:
            self._add(call, Conversion(line=0, column=0, action="remove"))
            return None
        logger = self._logger(call)
        if isinstance(logger, str):
            return logger
        level = self._level(call, said)
        self._add(
            call,
            Conversion(
                line=0,
                column=0,
                action="log",
                level=level,
                logger=logger.expression,
                library=logger.library,
            ),
        )
        return None

    def _level(self, call: Call, said: Printed) -> Level:
        if self._wish.level:
            return self._wish.level
        return levels.choose(
            said.text,
            call.context,
            to_stderr=said.to_stderr,
            of_exception=handled.level(call, said.pieces),
        )

    def _add(self, call: Call, conversion: Conversion) -> None:
        start = self._source.start(call.node)
        place = {
            "line": self._source.line(call.node),
            "column": start - self._source.line_start(start),
        }
        self._conversions[call.node] = conversion.model_copy(update=place)

    def _read_by_tests(self, call: Call, said: Printed) -> str | None:
        function = call.context.function
        names: tuple[str, ...] = ()
        if function is not None:
            names = tuple(one.name.value for one in call.context.functions)
            if names[0].startswith("__") and call.context.classes:
                names = (call.context.classes[-1].name.value,)
        texts = tuple(text for text in (*_long_parts(said), said.text) if text.strip())
        reader = self._readers.of(self._module.dotted, names, texts)
        return f"a test reads it: {reader.shown()}" if reader else None

    # --- the logger ---------------------------------------------------------------------------

    def _logger(self, call: Call) -> Logger | str:
        """The logger for a call; or why there is none."""
        line = self._source.line(call.node)
        local = scoping.of_functions(call.context, self._module.node)
        for one in self._usable(call):
            head = one.expression.partition(".")[0]
            if head in local and head != "self":
                return f"`{head}` is something else in this function"
            if not call.context.functions and line <= one.line:
                return f"it runs before `{one.expression}` is there"
            return one
        if self._new is None:
            used = frozenset(scoping.in_text(self._source.text))
            self._new = loggers.new(self._module, self._known, self._wish.library, used)
        if not call.context.functions and line <= scoping.import_end(self._module.node):
            return "it runs before the imports are through"
        return Logger(self._new.name, self._new.library, 0)

    def _usable(self, call: Call) -> list[Logger]:
        context = call.context
        found = list(self._available)
        if not found and self._flask:
            app = self._flask.expression == "app.logger"
            if app or _uses(context, self._source, "current_app.logger"):
                found.append(self._flask)
        if not found and context.classes and context.functions:
            first = context.functions[0].params.params[:1]
            if first and first[0].name.value == "self":
                found = [
                    one
                    for one in self._of_classes
                    if one.of_class == context.classes[0].name.value
                    and (
                        context.functions[0].name.value != "__init__"
                        or "." not in one.expression
                        or self._source.line(call.node) > one.line
                    )
                ]
        return found


def _long_parts(said: Printed) -> list[str]:
    return [one.value for one in said.pieces if isinstance(one, Text)]


def _uses(context: Context, source: SourceFile, expression: str) -> bool:
    return any(
        expression in source.module.code_for_node(function) for function in context.functions
    )
