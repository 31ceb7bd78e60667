"""Make the edits that settled parameters ask for; pure. Untouched lines stay, to the byte."""

from __future__ import annotations

import ast
import re

import libcst as cst

from agent.errors import EditFailed
from agent.recipes import imports
from agent.recipes.print_to_logging import (
    calls,
    levels,
    notes,
    printed,
    scoping,
    unused,
    wording,
)
from agent.recipes.print_to_logging.calls import Call
from agent.recipes.print_to_logging.parameters import (
    Conversion,
    FileWork,
    Level,
    NewLogger,
    Parameters,
)
from agent.recipes.print_to_logging.pieces import Piece, Taker, Text, Value
from agent.recipes.recipe import Edits
from agent.recipes.source import SourceFile
from repo_config.tree import Tree


def make(tree: Tree, parameters: Parameters) -> Edits:
    """Edit every file that was settled on.

    Raises:
        EditFailed: A call is not where it was when the ticket was settled.
    """
    files: dict[str, bytes] = {}
    for work in parameters.files:
        files[work.path] = _File(work, tree.read(work.path), parameters).result()
    written = notes.written(parameters)
    return Edits(files=dict(sorted(files.items())), notes=written, not_done=parameters.not_done)


class _File:
    """One file while it is edited."""

    def __init__(self, work: FileWork, content: bytes, parameters: Parameters) -> None:
        self._work = work
        self._parameters = parameters
        self._source = SourceFile(work.path, content)
        self._tree = ast.parse(content)
        self._own = scoping.bound(self._tree)
        self._taker = Taker(self._source, self._tree, self._own)
        self._calls = {self._place(call): call for call in calls.find(self._source).calls}

    def _place(self, call: Call) -> tuple[int, int]:
        start = self._source.start(call.node)
        return self._source.line(call.node), start - self._source.line_start(start)

    def result(self) -> bytes:
        """The file with all edits made."""
        emptied = self._emptied()
        if self._work.new_logger:
            # Before the calls: of edits at one place the first one noted comes first.
            self._add_logger(self._work.new_logger)
        for conversion in self._work.conversions:
            call = self._calls.get((conversion.line, conversion.column))
            if call is None:
                raise EditFailed(
                    f"{self._work.path}:{conversion.line}: there is no call to edit any more."
                )
            if conversion.action == "remove":
                self._remove(call, emptied)
            else:
                self._log(call, conversion)
        made = unused.dropped(self._work.path, self._tree, self._source.result())
        try:
            ast.parse(made)
        except SyntaxError as problem:
            raise EditFailed(
                f"{self._work.path}:{problem.lineno} would not be Python any more: {problem.msg}"
            ) from problem
        return made

    # --- calls --------------------------------------------------------------------------------

    def _log(self, call: Call, conversion: Conversion) -> None:
        node, source = call.node, self._source
        head = f"{conversion.logger}.{conversion.level}"
        start, end = source.start(node), source.end(node)
        found = printed.read(call, self._taker, self._own)
        said, whole = found.pieces, found.whole
        bare = _without_level(said, conversion.level)
        if bare != said:
            said, whole = bare, None
        if whole is not None and len(node.args) == 1:
            if self._fits(call, head):
                source.replace(start, source.end(node.func), head)
                return
        message, rest = wording.arguments(said, conversion.library, source)
        indent = source.indent_at(start)
        if source.text[source.line_start(start) : start].strip():
            indent += "    "
        code = wording.wrapped(
            head,
            message,
            rest,
            indent=indent,
            width=self._width(start, end),
            one_per_line=self._parameters.one_per_line,
        )
        source.replace(start, end, code)

    def _fits(self, call: Call, head: str) -> bool:
        """Whether the first line is not too long with another name before the bracket."""
        source, node = self._source, call.node
        start = source.start(node)
        longer = len(head) - len("print")
        first = source.line_start(start), source.line_end(start)
        length = len(source.text[slice(*first)])
        return length + longer <= self._width(start, source.end(node))

    def _width(self, start: int, end: int) -> int:
        """How long a line may be; lines that were too long before may stay so."""
        source = self._source
        text = source.text[source.line_start(start) : source.line_end(end)]
        longest = max((len(line) for line in text.splitlines()), default=0)
        width = self._parameters.width
        return width if longest <= width else 10_000

    def _remove(self, call: Call, emptied: set[int]) -> None:
        """Take a statement out; where a block would be empty without it, `pass` stands in."""
        source = self._source
        start, end = source.start(call.node), source.end(call.node)
        line_start, line_end = source.line_start(start), source.line_end(end)
        before, after = source.text[line_start:start], source.text[end:line_end]
        # A comment on the line is about what is taken out.
        alone = not before.strip() and (not after.strip() or after.lstrip().startswith("#"))
        if not alone or id(call.block) in emptied:
            source.replace(start, end, "pass")
        else:
            source.replace(line_start, source.next_line(end), "")

    def _emptied(self) -> set[int]:
        """Blocks of which nothing would be left, by identity."""
        removed: dict[int, int] = {}
        sizes: dict[int, int] = {}
        for conversion in self._work.conversions:
            call = self._calls.get((conversion.line, conversion.column))
            if call is not None and conversion.action == "remove":
                removed[id(call.block)] = removed.get(id(call.block), 0) + 1
                sizes[id(call.block)] = len(call.block)
        return {block for block, count in removed.items() if count >= sizes[block]}

    # --- logger and imports -------------------------------------------------------------------

    def _add_logger(self, new: NewLogger) -> None:
        source, end = self._source, scoping.import_end(self._tree)
        library = new.library
        bound = _imported_as(self._tree, library)
        name = bound or library
        if not bound and library in self._own:
            name = f"_{library}"
        making = "getLogger" if library == "logging" else "get_logger"
        line = f"{new.name} = {name}.{making}(__name__)"
        if end == 0:
            self._first_lines([] if bound else [_import_line(library, name)], line)
            return
        if not bound:
            if name == library:
                imports.add_imports(source, [(library, None)], self._parameters.width)
            else:
                at = self._line_offset(end)
                source.insert_lines(at, [_import_line(library, name)])
        at = self._line_offset(end)
        source.insert_lines(at, ["", line, *self._blank_after(at)])

    def _line_offset(self, line: int) -> int:
        """Where the line after a line begins."""
        offset = 0
        for _ in range(line):
            offset = self._source.next_line(offset)
        return offset

    def _blank_after(self, offset: int) -> list[str]:
        """Blank lines to be put in so that what follows stands apart."""
        text = self._source.text[offset:]
        first = text.split("\n", 1)[0].strip()
        if not text.strip() or not first:
            return []
        return ["", ""] if re.match(r"(?:async\s+def|def|class|@)\b|@", first) else [""]

    def _first_lines(self, imported: list[str], line: str) -> None:
        """Import and logger in a file that imports nothing at its head."""
        source = self._source
        body = list(source.module.body)
        first = body[0] if body else None
        docstring = (
            isinstance(first, cst.SimpleStatementLine)
            and isinstance(first.body[0], cst.Expr)
            and isinstance(first.body[0].value, cst.SimpleString | cst.ConcatenatedString)
        )
        lines = [*imported, *([""] if imported else []), line]
        if docstring and first is not None:
            at = source.next_line(source.end(first))
            source.insert_lines(at, ["", *lines, *self._blank_after(at)])
        elif first is not None:
            start = source.start(first)
            for leading in reversed(getattr(first, "leading_lines", ())):
                if leading.comment is None:
                    break
                start = source.line_start(source.line_start(start) - 1)
            at = source.line_start(start)
            source.insert_lines(at, [*lines, *self._blank_after(at)])


def _without_level(said: tuple[Piece, ...], level: Level) -> tuple[Piece, ...]:
    """Without `ERROR: ` at its beginning, where the level says the same and more is said."""
    first = said[0] if said else None
    if not isinstance(first, Text) or not (cut := levels.prefix(first.value, level)):
        return said
    if first.value.isalpha() and not (len(said) > 1 and _is_blank(said[1])):
        return said  # f"DEBUG{suffix}" is one word
    kept = [Text(first.value[cut:]), *said[1:]]
    while kept and _is_blank(kept[0]):
        del kept[0]
    if kept and isinstance(kept[0], Value) and level in kept[0].code.lower():
        return said  # `print("DEBUG", settings.DEBUG)` tells a setting, and no level
    return tuple(kept) or said


def _is_blank(piece: Piece) -> bool:
    return isinstance(piece, Text) and not piece.value.strip()


def _imported_as(module: ast.Module, library: str) -> str | None:
    """The name under which a module is imported at the head of a file."""
    for node in module.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == library or (
                    alias.name.startswith(f"{library}.") and not alias.asname
                ):
                    return alias.asname or library
    return None


def _import_line(library: str, name: str) -> str:
    return f"import {library}" if name == library else f"import {library} as {name}"
