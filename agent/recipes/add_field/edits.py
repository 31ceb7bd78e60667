"""Make the edits that the recipe's parameters ask for, each file once; pure.

Positions come from the syntax tree; the text around them is never written anew.
"""

import ast
import re

from agent.errors import EditFailed, RequestRefused
from agent.recipes.add_field import new_test, writing
from agent.recipes.add_field.models_index import read_dotted_name
from agent.recipes.add_field.parameters import Edits, Parameters
from agent.recipes.source import SourceFile
from repo_config import foreign_python
from repo_config.detect import Tree

_FIELD_CALL = re.compile(
    r"(?!forms\.|serializers\.).*(?:\wField|ForeignKey|ParentalKey|ForeignObject|GenericRelation)"
)


def make_edits(tree: Tree, parameters: Parameters) -> Edits:
    """Add the field, and its test if one was asked for.

    Raises:
        EditFailed: A file would be no Python any more.
        RequestRefused: A file is not UTF-8, or no Python.
    """
    path = parameters.path
    model = SourceFile(path, tree.read(path))
    _add_field(model, parameters)
    notes = [f"Added `{parameters.assignment}` to `{parameters.label}` in `{path}`."]
    made = {path: model.result()}
    if test := parameters.test:
        made[test.path] = new_test.render_test(parameters, test, model)
        notes.append(f"Added a test in `{test.path}`.")
    for path, content in made.items():
        try:
            _ = SourceFile(path, content).tree
        except RequestRefused as problem:
            raise EditFailed(f"{path} would no longer be valid Python: {problem}") from problem
    return Edits(files=made, notes=tuple(notes), not_done=parameters.not_done)


def _add_field(source: SourceFile, parameters: Parameters) -> None:
    """Put the field after the last one of its class; without one, first in its body."""
    classes = (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
    node = next(node for node in classes if node.lineno == parameters.line)
    if node.body[0].lineno == node.lineno:
        raise RequestRefused(
            f"{source.path}: the body of class {node.name} is on the same line as its name."
            " Move it to separate lines, then try again."
        )
    for statement in parameters.definition.imports:
        writing.add_import(source, statement)
    call = foreign_python.parse_expression(parameters.definition.code)
    indent = source.get_indent(node.body[0].lineno - 1)
    laid_out = writing.lay_out(call, indent, f"{parameters.name} = ")
    lines = writing.adopt_quotes("\n".join(laid_out), source).split("\n")
    fields = [line for line in node.body if _is_field(line)]
    if not fields:
        _put_first(source, node.body, lines)
        return
    ends = [line.end_lineno or line.lineno for line in fields]
    gaps = [not source.lines[end].strip() for end in ends[:-1]]
    is_spaced = sum(gaps) * 2 > len(gaps)
    source.insert(ends[-1], ["", *lines] if is_spaced else lines)


def _is_field(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    called = read_dotted_name(value.func) if isinstance(value, ast.Call) else None
    return called is not None and _FIELD_CALL.fullmatch(called) is not None


def _put_first(source: SourceFile, body: list[ast.stmt], lines: list[str]) -> None:
    rest = body[writing.is_docstring(body[0]) :]
    if len(rest) == 1 and ast.unparse(rest[0]) in ("pass", "..."):
        source.replace(rest[0].lineno - 1, lines)
        return
    after = body[0].end_lineno or body[0].lineno
    if rest:
        first = (getattr(rest[0], "decorator_list", None) or rest)[0]
        after = source.start_above(first.lineno - 1)
        lines = [*lines, ""]
    follows = len(rest) < len(body) and source.lines[after - 1].strip()
    source.insert(after, ["", *lines] if follows else lines)
