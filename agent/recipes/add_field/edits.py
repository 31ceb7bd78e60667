"""Make the edits that settled parameters ask for, each file once; pure.

Positions come from the syntax tree; the text around them is never written anew.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from agent.errors import EditFailed, RequestRefused
from agent.recipes import code_style, modules
from agent.recipes.add_field import new_test
from agent.recipes.add_field.file_names import FileNames
from agent.recipes.add_field.models_index import is_field_call
from agent.recipes.add_field.parameters import LISTED_IN, Listing, Parameters, Place
from agent.recipes.recipe import Edits
from agent.recipes.source import SourceFile
from repo_config.detect import Tree


def make_edits(tree: Tree, parameters: Parameters) -> Edits:
    """Add the field, and put it where else it was asked for.

    Raises:
        EditFailed: A place is not as it was when the ticket was settled.
        RequestRefused: A file cannot be read as text or as Python.
    """
    files: dict[str, FileNames] = {}

    def opened(path: str) -> FileNames:
        if path not in files:
            files[path] = FileNames(SourceFile(path, tree.read(path)))
        return files[path]

    place = parameters.place
    model = opened(place.path)
    _add_field(model, parameters)
    label = f"{parameters.app_label}.{parameters.model}"
    notes = [f"Added `{format_field(parameters)}` to `{label}` in `{place.path}`."]
    if parameters.listing:
        notes.append(_list_field(parameters.listing, parameters, opened))
    made: dict[str, bytes] = {}
    if test := parameters.test:
        made[test.path] = new_test.render_test(parameters, test, model.source)
        notes.append(f"Added a test in `{test.path}`.")
    for path, file in files.items():
        code_style.add_imports(file.source, file.needed, parameters.width)
        result = file.source.result()
        if result != tree.read(path):
            made[path] = result
    for path, content in made.items():
        try:
            _ = SourceFile(path, content).tree
        except RequestRefused as problem:
            raise EditFailed(f"{path} would not be Python any more: {problem}") from problem
    return Edits(
        files=dict(sorted(made.items())),
        notes=(*notes, *parameters.remarks),
        not_done=parameters.not_done,
    )


def format_field(parameters: Parameters) -> str:
    options = ", ".join(
        one.value.format() if one.name == "to" else f"{one.name}={one.value.format()}"
        for one in parameters.field.options
    )
    code = f"{parameters.field.name} = {parameters.field.type_name}({options})"
    try:
        return ast.unparse(ast.parse(code))
    except SyntaxError:
        return code


def _find_class(source: SourceFile, place: Place) -> ast.ClassDef:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and (node.name, node.lineno) == (
            place.class_name,
            place.line,
        ):
            return node
    raise EditFailed(f"{place.format()} is not where it was when the ticket was read.")


# --- the field --------------------------------------------------------------------------------


def _add_field(file: FileNames, parameters: Parameters) -> None:
    """Put the field after the last one of its class; without one, first in its body."""
    source = file.source
    node = _find_class(source, parameters.place)
    if node.body[0].lineno == node.lineno:
        raise RequestRefused(
            f"{source.path}: the body of class {node.name} stands on the line of its name. "
            "Put it on lines of its own, then ask again."
        )
    field = parameters.field
    lines = code_style.wrap_call(
        f"{field.name} = {file.refer_to_type(field)}",
        [file.write_option(one) for one in field.options],
        source.indent_at(source.span(node.body[0])[0]),
        parameters.width,
    )
    fields = [one for one in node.body if _is_field(one)]
    if not fields:
        _put_first(source, node.body, lines)
        return
    ends = [source.next_line(source.span(one)[1]) for one in fields]
    gaps = [not source.line_at(end).strip() for end in ends[:-1]]
    is_spaced = sum(gaps) * 2 > len(gaps)
    source.insert_lines(ends[-1], ["", *lines] if is_spaced else lines)


def _is_field(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return value is not None and is_field_call(value)


def _put_first(source: SourceFile, body: list[ast.stmt], lines: list[str]) -> None:
    has_docstring = code_style.is_docstring(body[0])
    rest = body[1:] if has_docstring else body
    if len(rest) == 1 and _is_filler(rest[0]):
        start, end = source.span(rest[0])
        source.replace(source.line_start(start), source.line_end(end), "\n".join(lines))
    elif has_docstring:
        after = source.next_line(source.span(body[0])[1])
        is_followed = rest and source.line_at(after).strip()
        source.insert_lines(after, ["", *lines, *([""] if is_followed else [])])
    else:
        decorators = getattr(body[0], "decorator_list", None) or [body[0]]
        # The comments above a statement belong to it: the block starts where the header ends.
        first = source.start_above(source.span(decorators[0])[0], blank_too=True)
        is_spaced = not source.line_at(first).strip()
        source.insert_lines(first, lines if is_spaced else [*lines, ""])


def _is_filler(node: ast.stmt) -> bool:
    is_ellipsis = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or (is_ellipsis and node.value.value is Ellipsis)  # type: ignore[attr-defined]


# --- the admin list ---------------------------------------------------------------------------


def _list_field(
    listing: Listing, parameters: Parameters, opened: Callable[[str], FileNames]
) -> str:
    name, place = parameters.field.name, listing.place
    if listing.has_field:
        return f"{place.class_name} ({place.path}) needs no change: it lists {name} already."
    source = opened(place.path).source
    values = modules.find_values(_find_class(source, place), LISTED_IN)
    if not values or not isinstance(values[0], ast.List | ast.Tuple):
        raise EditFailed(f"{place.format()}: {LISTED_IN} is no literal any more.")
    item = code_style.quote_text(name, source)
    code_style.append_item(source, values[0], item, parameters.width)
    return f"Added `{name}` to `{LISTED_IN}` of `{place.class_name}` in `{place.path}`."
