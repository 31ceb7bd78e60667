"""Make the edits that settled parameters ask for, each file once; pure."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

import libcst as cst

from agent.errors import EditFailed, RequestRefused
from agent.recipes import imports, items, layout
from agent.recipes.add_field import new_test, placement, rendering
from agent.recipes.add_field.parameters import Listing, Parameters
from agent.recipes.recipe import Edits
from agent.recipes.source import SourceFile
from repo_config.detect import Tree


@dataclass
class _Open:
    """A file while it is edited."""

    source: SourceFile
    names: rendering.FileNames = field(init=False)

    def __post_init__(self) -> None:
        self.names = rendering.FileNames(self.source)


def make_edits(tree: Tree, parameters: Parameters) -> Edits:
    """Add the field, and put it where else it was asked for.

    Raises:
        EditFailed: A place is not as it was when the ticket was settled.
        RequestRefused: A file cannot be read as text or as Python.
    """
    files: dict[str, _Open] = {}
    notes: list[str] = []

    def opened(path: str) -> _Open:
        if path not in files:
            files[path] = _Open(SourceFile(path, tree.read(path)))
        return files[path]

    model = opened(parameters.place.path)
    like = model.source
    _add_field(model, parameters)
    notes.append(
        f"Added `{format_field(parameters)}` to "
        f"`{parameters.app_label}.{parameters.model}` in `{parameters.place.path}`."
    )
    for listing in parameters.listings:
        notes.append(_list_field(listing, parameters, opened))
    made: dict[str, bytes] = {}
    if test := parameters.test:
        made[test.path] = new_test.render_test(parameters, test, like)
        notes.append(f"Added a test in `{test.path}`.")
    for path, file in files.items():
        imports.add_imports(file.source, file.names.needed, parameters.width)
        result = file.source.result()
        if result != tree.read(path):
            made[path] = result
    for path, content in made.items():
        _require_parsable(path, content)
    return Edits(
        files=dict(sorted(made.items())),
        notes=(*notes, *parameters.remarks),
        not_done=parameters.not_done,
    )


def _require_parsable(path: str, content: bytes) -> None:
    try:
        _ = SourceFile(path, content).module
    except RequestRefused as problem:
        raise EditFailed(f"{path} would not be Python any more: {problem}") from problem


def _add_field(file: _Open, parameters: Parameters) -> None:
    node = placement.class_at(file.source, parameters.place)
    indent = placement.body_indent(file.source, node)
    head, arguments = rendering.declaration(parameters.field, file.names, file.source)
    lines = layout.wrap_call(
        head, arguments, indent, parameters.width, one_per_line=parameters.one_per_line
    )
    placement.add_field(file.source, node, lines)


def _list_field(listing: Listing, parameters: Parameters, opened: Callable[[str], _Open]) -> str:
    name, place = parameters.field.name, listing.place
    if listing.action == "nothing":
        return f"{place.class_name} ({place.path}) needs no change: {listing.why}."
    source = opened(place.path).source
    node = placement.class_at(source, place)
    if listing.kind in ("form", "serializer"):
        inner = placement.inner_class(node, "Meta")
        if inner is None:
            raise EditFailed(f"{place.format()} has no Meta any more.")
        node = inner
    value = placement.assignment(node, listing.attribute)
    if not isinstance(value, cst.List | cst.Tuple):
        raise EditFailed(f"{place.format()}: {listing.attribute} is no literal any more.")
    items.append_item(source, value, layout.text(name, source), parameters.width)
    return f"Added `{name}` to `{listing.attribute}` of `{place.class_name}` in `{place.path}`."


def format_field(parameters: Parameters) -> str:
    """The field's declaration in plain Python, for people."""
    options = ", ".join(
        one.value.format() if one.name == "to" else f"{one.name}={one.value.format()}"
        for one in parameters.field.options
    )
    code = f"{parameters.field.name} = {parameters.field.type_name}({options})"
    try:
        return ast.unparse(ast.parse(code))
    except SyntaxError:
        return code
