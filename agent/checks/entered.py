"""Which blocks of a change no test enters: each leaves a mark in the tree when it is entered.

A block is a run of statements that are all reached once the first one is: the body of a function,
a branch, a handler, what follows a branch. What happens within one expression is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.checks import hunks, units
from agent.models.change import Change
from agent.models.review import SourcePart
from agent.models.sandbox import SANDBOX_TREE

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Their bodies are another's block, and decorators stand before them.
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_UNMARKED = (ast.Pass, ast.Global, ast.Nonlocal, *_DEFINITIONS)
_NAME = ".mergewright-entered-"
_MARK = "__import__('os').close(__import__('os').open('%s/%s%d', 65))\n"


@dataclass(frozen=True)
class MarkedChange:
    change: Change
    """With a mark in each block."""
    parts: Mapping[str, SourcePart]
    """The blocks, by the file that each leaves at the top of the tree."""

    def list_unentered(self, left_behind: Sequence[str]) -> tuple[SourcePart, ...]:
        return tuple(part for name, part in self.parts.items() if name not in left_behind)


def mark_blocks(change: Change, passed_over: frozenset[str]) -> MarkedChange:
    """Put a mark into each block of functions that begins in a line that the change wrote.

    Args:
        change: What is tried.
        passed_over: Files that are left as they are, such as tests.
    """
    parts: dict[str, SourcePart] = {}
    files = []
    for file in change.files:
        marked = file
        lines = (file.after or b"").splitlines(keepends=True)
        if file.path.endswith(".py") and file.path not in passed_over:
            written = _find_written((file.before or b"").splitlines(keepends=True), lines)
            found: dict[str, SourcePart] = {}
            for node in reversed(_list_starts(file.after or b"")):
                line = lines[node.lineno - 1]
                start, rest = line[: node.col_offset], line[node.col_offset :]
                if node.lineno - 1 in written and not start.strip() and rest[:4] != b"elif":
                    number = len(parts) + len(found)
                    found[f"{_NAME}{number}"] = SourcePart(path=file.path, line=node.lineno)
                    mark = start + (_MARK % (SANDBOX_TREE, _NAME, number)).encode()
                    lines.insert(node.lineno - 1, mark)
            if found and hunks.parse_code(content := b"".join(lines)):
                parts |= found
                marked = file.model_copy(update={"after": content})
        files.append(marked)
    ordered = sorted(parts.items(), key=lambda item: (item[1].path, item[1].line))
    return MarkedChange(change.model_copy(update={"files": tuple(files)}), dict(ordered))


def _find_written(before: Sequence[bytes], after: Sequence[bytes]) -> set[int]:
    """Find the lines that base has not, 0-based."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return {
        line
        for kind, _, _, first, last in matcher.get_opcodes()
        if kind != "equal"
        for line in range(first, last)
    }


def _list_starts(content: bytes) -> list[ast.stmt]:
    """List the first statement of each block within functions, in their order."""
    module = hunks.parse_code(content)
    functions = (
        [node for node in ast.walk(module) if isinstance(node, _FUNCTIONS)] if module else []
    )
    starts = {node.lineno: node for each in functions for node in _split_block(each.body)}
    return [starts[line] for line in sorted(starts)]


def _split_block(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    is_start = True
    for node in body:
        if is_start and not isinstance(node, _UNMARKED):
            yield node
            is_start = False
        blocks = [] if isinstance(node, _DEFINITIONS) else units.list_blocks(node)
        for block in blocks:
            yield from _split_block(block)
        # After the body of a `with` its own block goes on.
        is_start |= bool(blocks) and not isinstance(node, (ast.With, ast.AsyncWith))
