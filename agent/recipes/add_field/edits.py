"""Make the edits that the parameters describe; all other bytes stay. Pure.

LibCST's parser crashes the process if code is nested too deeply. So it only parses the class and
the new field, after `require_bounded` has checked their depth and length.
"""

import ast
import codecs
import re
from typing import TYPE_CHECKING, Any

from agent.errors import EditFailed, RequestRefused
from agent.recipes.add_field import layout, new_test
from agent.recipes.add_field.definition import MOST_PARTS, require_bounded
from agent.recipes.add_field.parameters import Edits, Parameters
from repo_config import foreign_python
from repo_config.detect import Tree

if TYPE_CHECKING:
    import libcst

_FIELD = re.compile(
    r"\s*\w+\s*(?::[^=]+)?=\s*(?!forms\.|serializers\.)[\w.]*"
    r"(?:\wField|ForeignKey|ParentalKey|ForeignObject|GenericRelation)\("
)


def make_edits(tree: Tree, parameters: Parameters) -> Edits:
    """Add the field, and its test if the ticket asks for one.

    Raises:
        RequestRefused: The model's file cannot be edited.
        EditFailed: An edited file would be invalid Python.
    """
    path, content = parameters.path, tree.read(parameters.path)
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    content = content.removeprefix(mark)
    module = _read_module(path, content)
    style = layout.find_style(module, content)
    content = _edit_class(module, content, parameters, style)
    package = path.removeprefix("src/").partition("/")[0]
    for statement in parameters.definition.imports:
        content = layout.add_import(content, statement, package, style)
    made = {path: mark + content}
    notes = [f"Added `{parameters.assignment}` to `{parameters.label}` in `{path}`."]
    if test := parameters.test:
        made[test.path] = style.write(new_test.list_lines(parameters, test)).encode()
        notes.append(f"Added a test in `{test.path}`.")
    for name, new in made.items():
        try:
            _read_module(name, new)
        except RequestRefused as problem:
            raise EditFailed(f"{name} would no longer be valid Python: {problem}") from problem
    return Edits(files=made, notes=tuple(notes), not_done=parameters.not_done)


def _read_module(path: str, content: bytes) -> ast.Module:
    try:
        content.decode()
        return foreign_python.parse_module(content)
    except UnicodeDecodeError as problem:
        why = f"is not UTF-8 ({problem}). Convert it"
    except SyntaxError as problem:
        why = f"cannot be read as Python: {problem.msg} (line {problem.lineno or 1}). Fix it"
    except (ValueError, RecursionError, MemoryError) as problem:
        why = f"cannot be read as Python: {problem or 'it is nested too deeply'}. Fix it"
    raise RequestRefused(f"{path} {why}, then try again.")


def _edit_class(
    module: ast.Module, content: bytes, parameters: Parameters, style: layout.Style
) -> bytes:
    """Add the field to its class; LibCST parses only the lines of the class."""
    import libcst  # slow to import

    classes = (node for node in ast.walk(module) if isinstance(node, ast.ClassDef))
    node = next(node for node in classes if node.lineno == parameters.line)
    lines = content.splitlines(keepends=True)
    start = min([node.lineno, *(line.lineno for line in node.decorator_list)]) - 1
    block = b"".join(lines[start : node.end_lineno]).decode()
    call = foreign_python.parse_expression(parameters.definition.code)
    try:
        require_bounded(node)
        # An indented class is valid only within a block.
        wrapper = f"if 1:{style.newline}" if block[0] in " \t" else ""
        wrapped = libcst.parse_module(wrapper + block)
        width = layout.WIDTH - node.body[0].col_offset
        rows = layout.lay_out(call, width, wrapped.default_indent, f"{parameters.name} = ")
        field = libcst.parse_statement(style.write(rows), config=wrapped.config_for_parsing)
        edited = _add_field(wrapped, field).code.removeprefix(wrapper)
    except (libcst.ParserSyntaxError, RecursionError):
        raise RequestRefused(
            f"{parameters.path} cannot be edited: class {node.name} is nested too deeply or has an"
            f" expression of more than {MOST_PARTS:,} parts. Add the field by hand."
        ) from None
    return b"".join((*lines[:start], edited.encode(), *lines[node.end_lineno :]))


def _add_field(module: "libcst.Module", field: Any) -> "libcst.Module":
    """Insert the field after the last one of the class; without fields, first in its body."""
    import libcst

    node: Any = module.body[0]
    node = node.body.body[0] if isinstance(node, libcst.If) else node
    if not isinstance(node.body, libcst.IndentedBlock):
        raise RequestRefused(
            f"The body of class {node.name.value} is on the same line as its name."
            " Move it to separate lines, then try again."
        )
    body: list[Any] = [*node.body.body]
    codes = [module.code_for_node(line.with_changes(leading_lines=())) for line in body]
    fields = [number for number, code in enumerate(codes) if _FIELD.match(code)]
    first, empty = int(node.get_docstring(clean=False) is not None), libcst.EmptyLine(indent=False)
    if fields:
        gaps = [any(not row.comment for row in body[number].leading_lines) for number in fields[1:]]
        above = [empty] * (sum(gaps) * 2 > len(gaps))
        body.insert(fields[-1] + 1, field.with_changes(leading_lines=above))
    elif len(body) == first + 1 and codes[first].split()[0] in ("pass", "..."):
        body[first] = field.with_changes(leading_lines=body[first].leading_lines)
    else:
        for line in body[first : first + 1]:
            rows = line.leading_lines
            is_apart = rows and not rows[0].comment
            body[first] = line.with_changes(leading_lines=rows if is_apart else (empty, *rows))
        body.insert(first, field.with_changes(leading_lines=[empty] * first))
    return module.deep_replace(node, node.with_changes(body=node.body.with_changes(body=body)))
