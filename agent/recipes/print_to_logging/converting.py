"""Convert the prints of a tree's files, one file at a time; untouched lines stay, to the byte."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from agent.errors import EditFailed, RequestRefused
from agent.recipes import code_style
from agent.recipes.modules import Module, Modules
from agent.recipes.print_to_logging import calls, loggers, message, programs
from agent.recipes.print_to_logging.calls import Call, Function
from agent.recipes.print_to_logging.loggers import Logger
from agent.recipes.print_to_logging.message import Printed, Reader
from agent.recipes.print_to_logging.parameters import FileWork, Level, RemainingPrint, StyleChoice
from agent.recipes.print_to_logging.programs import Captures
from agent.recipes.source import SourceFile
from repo_config.tree import Below, Tree


@dataclass
class Converted:
    left: list[RemainingPrint] = field(default_factory=list)
    work: FileWork | None = None
    """None: nothing is edited."""
    content: bytes = b""


class Converter:
    def __init__(self, tree: Tree, wish: StyleChoice) -> None:
        self.wish = wish
        self._known = Modules(tree, wish.python_path)
        self._entries = programs.find_entry_points(Below(tree, wish.root))
        self._captures = Captures(self._known)

    def convert(self, path: str, *, is_named: bool) -> Converted:
        """Convert the prints of a file; what stays is named with the reason.

        Raises:
            RequestRefused: It cannot be read, and the ticket names it.
        """
        content = self._known.read_text(path)
        if b"print" not in content:
            return Converted()
        try:
            module = self._known.read_module(path)
            if module:
                return self._convert(module, content, is_named=is_named)
            said = f"is not Python that can be read: {self._known.unreadable.get(path)}"
        except RequestRefused as problem:
            said = problem.message.removeprefix(f"{path} ").rstrip(".")
        except RecursionError:
            said = "is nested too deeply to be edited"
        if is_named:
            raise RequestRefused(f"{path} {said}.")
        return Converted([RemainingPrint(path=path, line=0, reason=f"the file {said}")])

    def _convert(self, module: Module, content: bytes, *, is_named: bool) -> Converted:
        found = calls.find_prints(module.node)
        names = {module.dotted, module.dotted.removeprefix("src.")}
        entries = frozenset(function for one, function in self._entries if one in names)
        program = programs.Programs(module.node, entries)
        bound = calls.list_bound(module.node)
        reason = "`print` is another function here" if "print" in bound else ""
        if not is_named:
            whole = f"it is a program: {program.reason}" if program.reason else ""
            reason = reason or programs.explain_path(module.path) or whole
        if reason:
            left = [
                RemainingPrint(path=module.path, line=one.node.lineno, reason=reason)
                for one in found
            ]
            return Converted(left)
        return _File(self, module, content, bound, program, is_named=is_named).convert(found)

    def find_capture(self, module: Module, call: Call) -> str:
        """Find the test that reads what a call prints."""
        context = call.context
        names = [one.name for one in (*context.functions[:1], *context.classes[:1])]
        return next(filter(None, (self._captures.find(module.dotted, one) for one in names)), "")

    def choose_logger(self, module: Module, source: SourceFile) -> Logger:
        if found := loggers.find_logger(module, self._known):
            return found
        library = self.wish.library or loggers.choose_library(module, self._known)
        return Logger(loggers.choose_name(set(re.findall(r"\w+", source.text))), library, 0)


class _File:
    def __init__(
        self,
        around: Converter,
        module: Module,
        content: bytes,
        bound: set[str],
        program: programs.Programs,
        *,
        is_named: bool,
    ) -> None:
        self._around, self._module, self._wish = around, module, around.wish
        self._program, self._is_named = program, is_named
        self._source = SourceFile(module.path, content)
        self._reader = Reader(self._source, bound)
        self._logger = around.choose_logger(module, self._source)
        library = self._logger.library
        clash = not self._logger.line and library in bound and not module.imports(library)
        self._clash = f"`{library}` is another name here" if clash else ""
        self._begins = self._logger.line or _find_end_of_imports(module.node)
        self._left: list[RemainingPrint] = []
        self._logged: list[Level] = []

    def convert(self, found: list[Call]) -> Converted:
        """Convert the calls, then add what they need and drop what nothing needs any more."""
        said = [(call, self._read_print(call)) for call in found]
        messages = [(call, one) for call, one in said if one and not one.is_blank]
        blank = [call for call, one in said if one and one.is_blank]
        for call, one in messages:
            self._log(call, one)
        around = {call.context.functions[-1:] for call, _ in messages}
        removed = [call for call in blank if call.context.functions[-1:] in around]
        for call in blank:
            if call not in removed:
                self._leave(call, "this blank line separates prints that are kept")
        for call in removed:
            self._remove(call, removed)
        self._left.sort(key=lambda one: one.line)
        if not messages:
            return Converted(self._left)
        work = FileWork(
            path=self._module.path,
            is_named=self._is_named,
            logged=tuple(self._logged),
            removed=len(removed),
            logger=self._logger.name,
            is_new=not self._logger.line,
        )
        return Converted(self._left, work, self._finish())

    def _leave(self, call: Call, reason: str) -> None:
        self._left.append(
            RemainingPrint(path=self._module.path, line=call.node.lineno, reason=reason)
        )

    def _read_print(self, call: Call) -> Printed | None:
        capture = self._around.find_capture(self._module, call)
        reason = (
            self._program.explain(call)
            or (f"a test reads output of this function: {capture}" if capture else "")
            or self._miss_logger(call)
        )
        try:
            said = self._reader.read(call.node)
        except message.UnfitError as unfit:
            reason = reason or str(unfit)
        if reason:
            self._leave(call, reason)
            return None
        return said

    def _miss_logger(self, call: Call) -> str:
        """Say why there is no logger for a call; empty: there is one."""
        name = self._logger.name
        if not call.context.functions and call.node.lineno <= self._begins:
            return f"it runs before `{name}` is there"
        for function in call.context.functions:
            declared = {
                one
                for node in ast.walk(function)
                if isinstance(node, ast.Global)
                for one in node.names
            }
            if name in calls.list_bound(function) - declared:
                return f"`{name}` is something else in this function"
        return self._clash

    # --- edits --------------------------------------------------------------------------------

    def _log(self, call: Call, said: Printed) -> None:
        source, wish = self._source, self._wish
        prefixed, rest = loggers.split_prefix(said.pieces)
        level = wish.level or prefixed or loggers.choose_level(call, said)
        self._logged.append(level)
        drops = level == prefixed and rest
        head = f"{self._logger.name}.{level}"
        start, end = source.span(call.node)
        line_start, line_end = source.line_start(start), source.line_end(start)
        lines = source.text[line_start : source.line_end(end)].splitlines()
        # Lines that were too long before may stay so.
        width = wish.width if max(map(len, lines)) <= wish.width else 10_000
        if said.is_literal and not drops and line_end - line_start + len(head) - 5 <= width:
            source.replace(start, source.span(call.node.func)[1], head)
            return
        is_first = not source.text[line_start:start].strip()
        code = message.write_call(
            head,
            rest if drops else said.pieces,
            self._logger.library,
            source,
            indent=source.indent_at(start) + "    " * (not is_first),
            width=width,
        )
        source.replace(start, end, code)

    def _remove(self, call: Call, removed: list[Call]) -> None:
        """Take a statement out; where a block would be empty without it, `pass` stands in."""
        source = self._source
        start, end = source.span(call.node)
        line_start, line_end = source.line_start(start), source.line_end(end)
        before, after = source.text[line_start:start], source.text[end:line_end].strip()
        gone = sum(one.block is call.block for one in removed)
        # A comment on the line is about what is taken out.
        if before.strip() or after[:1] not in ("", "#") or gone == len(call.block or ()):
            source.replace(start, end, "pass")
        else:
            source.replace(line_start, source.next_line(end), "")

    # --- logger and imports -------------------------------------------------------------------

    def _finish(self) -> bytes:
        path, made, library = self._module.path, self._source.result(), self._logger.library
        is_new, bound = not self._logger.line, self._module.imports(library)
        if is_new and not bound:
            source = SourceFile(path, made)
            code_style.add_imports(source, [(library, None)], self._wish.width)
            made = source.result()
        made = code_style.drop_imports(path, self._module.node, made)
        if is_new:
            made = self._add_logger(SourceFile(path, made), ast.parse(made))
        try:
            ast.parse(made)
        except SyntaxError as problem:
            raise EditFailed(
                f"{path}:{problem.lineno} would not be Python any more: {problem.msg}"
            ) from problem
        return made

    def _add_logger(self, source: SourceFile, module: ast.Module) -> bytes:
        at = 0
        for _ in range(_find_end_of_imports(module)):
            at = source.next_line(at)
        making = "getLogger" if self._logger.library == "logging" else "get_logger"
        line = f"{self._logger.name} = {self._logger.library}.{making}(__name__)"
        following = source.text[at:].split("\n", 1)[0].strip()
        apart = 2 if re.match(r"(?:async\s+def|def|class)\b|@", following) else 1
        source.insert_lines(at, ["", line, *([""] * apart if following else [])])
        return source.result()


def _find_end_of_imports(module: ast.Module) -> int:
    """Find the last line of the imports at the head of a module; 0: it has none."""
    end = 0
    for statement in module.body:
        if isinstance(statement, Function | ast.ClassDef):
            break
        guarded = isinstance(statement, ast.Try | ast.If) and any(
            isinstance(one, ast.Import | ast.ImportFrom) for one in statement.body
        )
        if guarded or isinstance(statement, ast.Import | ast.ImportFrom):
            end = statement.end_lineno or statement.lineno
    return end
