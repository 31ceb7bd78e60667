"""Lines of a review held against the files that a recipe wrote, and suggestions put in; pure."""

from __future__ import annotations

import ast
import difflib

from repo_config import foreign_python

_IMPORTS = (ast.Import, ast.ImportFrom)
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def are_new(before: str, after: str, code: str) -> bool:
    """Whether all of some lines are among those that an edit wrote."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    written = {
        line.strip()
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag in ("insert", "replace")
        for line in new[start:end]
    }
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    return bool(lines) and all(line in written for line in lines)


def place(text: str, code: str, first_line: int | None) -> int | None:
    """The 0-based line at which some lines stand in a file; None where that is not certain.

    Args:
        code: The lines, as they are where a thread stands on them.
        first_line: The first of them there, 1-based; it may have moved.
    """
    lines, old = text.splitlines(), code.splitlines()
    if not old:
        return None
    lines, old = ([line.rstrip() for line in every] for every in (lines, old))
    places = [
        start
        for start in range(len(lines) - len(old) + 1)
        if lines[start] == old[0] and lines[start : start + len(old)] == old
    ]
    if len(places) > 1 and first_line is not None and first_line - 1 in places:
        places = [first_line - 1]
    return places[0] if len(places) == 1 else None


def applied(text: str, code: str, suggestion: str, first_line: int | None) -> str | None:
    """A file with some of its lines in new words; None where it is not certain which lines."""
    start = place(text, code, first_line)
    if start is None:
        return None
    lines = text.splitlines()
    lines[start : start + len(code.splitlines())] = suggestion.splitlines()
    return "\n".join([*lines, ""])


def same_code(one: str, other: str) -> bool:
    """Whether two files are the same Python, however they are laid out; imports aside."""
    first, second = _code(one), _code(other)
    return first is not None and first == second


def only_laid_out(one: str, other: str) -> bool:
    """Whether two files are the same Python, imports aside, and yet not the same lines."""
    return one.splitlines() != other.splitlines() and same_code(one, other)


def _code(text: str) -> list[str] | None:
    try:
        return [ast.dump(one) for one in _statements(text)]
    except _UNREADABLE:
        return None


def _statements(text: str) -> list[ast.stmt]:
    body = foreign_python.parse(text.encode()).body
    return [one for one in body if not isinstance(one, _IMPORTS)]


def statements_of(text: str, class_name: str) -> list[str]:
    """The statements of a class at the top of a file, as Python writes them."""
    try:
        for one in _statements(text):
            if isinstance(one, ast.ClassDef) and one.name == class_name:
                return [ast.unparse(statement) for statement in one.body]
    except _UNREADABLE:
        pass
    return []


def replaced(before: str, after: str, class_name: str) -> tuple[str, str] | None:
    """The one statement of a class in which two files differ, imports aside, as it was and is.

    None where they differ in more, or elsewhere.
    """
    try:
        return _replaced(_statements(before), _statements(after), class_name)
    except _UNREADABLE:
        return None


def _replaced(
    before: list[ast.stmt], after: list[ast.stmt], class_name: str
) -> tuple[str, str] | None:
    first, second = _only_difference(before, after) or (None, None)
    if not (isinstance(first, ast.ClassDef) and isinstance(second, ast.ClassDef)):
        return None
    inner = _only_difference(first.body, second.body)
    first.body, second.body = [], []
    if first.name != class_name or inner is None or ast.dump(first) != ast.dump(second):
        return None
    return ast.unparse(inner[0]), ast.unparse(inner[1])


def _only_difference(old: list[ast.stmt], new: list[ast.stmt]) -> tuple[ast.stmt, ast.stmt] | None:
    pairs = zip(old, new, strict=False)
    found = [one for one in pairs if ast.dump(one[0]) != ast.dump(one[1])]
    return found[0] if len(old) == len(new) and len(found) == 1 else None
