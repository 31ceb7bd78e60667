"""Add imports where isort would put them, or into a statement that is there (LibCST)."""

from __future__ import annotations

import sys

import libcst as cst

from agent.recipes import items, nodes
from agent.recipes.source import SourceFile


def add_imports(source: SourceFile, needed: list[tuple[str, str | None]], width: int) -> None:
    """Add imports: into a statement that imports from the module already, else as a new line."""
    for module, name in needed:
        existing = [
            statement
            for statement in source.module.body
            if isinstance(statement, cst.SimpleStatementLine)
            for small in statement.body
            if name and imports_from(small, module)
        ]
        if existing and name:
            small = existing[0].body[0]
            if isinstance(small, cst.ImportFrom):
                _extend_import(source, small, name, width)
                continue
        _new_import(source, module, name)


def imports_from(small: cst.BaseSmallStatement | cst.BaseCompoundStatement, module: str) -> bool:
    """Whether a statement imports names from a module."""
    return (
        isinstance(small, cst.ImportFrom)
        and small.module is not None
        and not isinstance(small.names, cst.ImportStar)
        and "." * len(small.relative) + nodes.dotted_name(small.module) == module
    )


def _extend_import(source: SourceFile, node: cst.ImportFrom, name: str, width: int) -> None:
    if isinstance(node.names, cst.ImportStar):
        return
    known = [items.item_at(source, alias, alias.comma) for alias in node.names]
    names = [nodes.dotted_name(alias.name) for alias in node.names]
    for key in (str, str.casefold, _isort_key):
        if names == sorted(names, key=key):
            place = sum(key(one) < key(name) for one in names)
            break
    else:
        place = len(names)
    too_long = items.line_length(source, known[-1].end) + len(name) + 2 > width
    if not node.lpar and too_long:
        written = [source.text[one.start : one.end] for one in known]
        written.insert(place, name)
        step = "    "
        inner = "".join(f"\n{step}{one}," for one in written)
        source.replace(known[0].start, known[-1].end, f"({inner}\n)")
        return
    if place == len(known):
        if items.is_on_own_line(source, known[-1]):
            items.append_line(source, known[-1], name)
        else:
            items.append_inline(source, known[-1], name, fits=not too_long, single=False)
        return
    following = known[place]
    if items.is_on_own_line(source, following):
        source.insert(following.start, f"{name},\n{source.indent_at(following.start)}")
    else:
        source.insert(following.start, f"{name}, ")


def _isort_key(name: str) -> str:
    kind = "0" if name.isupper() and len(name) > 1 else "1" if name[:1].isupper() else "2"
    return kind + name


def _new_import(source: SourceFile, module: str, name: str | None) -> None:
    line = f"from {module} import {name}" if name else f"import {module}"
    imports = [
        statement
        for statement in source.module.body
        if isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Import | cst.ImportFrom)
        and not _is_future(statement.body[0])
    ]
    if not imports:
        _first_import(source, line)
        return
    own = _own_package(source.path)
    section = _section(module, own)
    key = (section, name is not None, module.lower())
    before = [one for one in imports if _key(one, own) <= key]
    same = [one for one in imports if _key(one, own)[0] == section]
    if before and same:
        anchor = max(before, key=source.start) if not _is_sorted(imports, own) else before[-1]
        source.insert_lines(source.next_line(source.end(anchor)), [line])
    elif same:
        source.insert_lines(_start_with_comments(source, same[0]), [line])
    elif before:
        source.insert_lines(source.next_line(source.end(before[-1])), ["", line])
    else:
        source.insert_lines(_start_with_comments(source, imports[0]), [line, ""])


def _start_with_comments(source: SourceFile, statement: cst.SimpleStatementLine) -> int:
    start = source.line_start(source.start(statement))
    for leading in reversed(statement.leading_lines):
        if leading.comment is None:
            break
        start = source.line_start(start - 1)
    return start


def _is_sorted(imports: list[cst.SimpleStatementLine], own: str) -> bool:
    keys = [_key(one, own) for one in imports]
    return keys == sorted(keys)


def _key(statement: cst.SimpleStatementLine, own: str) -> tuple[int, bool, str]:
    small = statement.body[0]
    if isinstance(small, cst.Import):
        name = nodes.dotted_name(small.names[0].name)
        return _section(name, own), False, name.lower()
    if isinstance(small, cst.ImportFrom):
        name = nodes.dotted_name(small.module) if small.module else ""
        if small.relative:
            return 9, True, name.lower()
        return _section(name, own), True, name.lower()
    return 9, True, ""


def _section(module: str, own: str) -> int:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return 0
    return 2 if top == own else 1


def _own_package(path: str) -> str:
    """The top package that a file belongs to."""
    return path.removeprefix("src/").partition("/")[0]


def _is_future(small: cst.BaseSmallStatement) -> bool:
    return isinstance(small, cst.ImportFrom) and imports_from(small, "__future__")


def _first_import(source: SourceFile, line: str) -> None:
    body = list(source.module.body)
    skipped = [
        one
        for one in body
        if nodes.is_docstring(one)
        or (isinstance(one, cst.SimpleStatementLine) and _is_future(one.body[0]))
    ]
    if skipped:
        source.insert_lines(source.next_line(source.end(skipped[-1])), ["", line])
    elif body:
        source.insert_lines(source.line_start(source.start(body[0])), [line, "", ""])
    else:
        source.insert_lines(len(source.text), [line])
