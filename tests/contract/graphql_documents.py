"""Hold a GraphQL document against the vendored part of GitHub's schema."""

import functools
import gzip
from typing import Any

from graphql import parse
from graphql.language import ast

from tests.contract.make_slice import GRAPHQL


@functools.cache
def types() -> dict[str, Any]:
    """Give GitHub's types by name."""
    text = gzip.decompress(GRAPHQL.read_bytes()).decode()
    return {
        definition.name.value: definition
        for definition in parse(text, no_location=True).definitions
    }


def faults(document: str) -> list[str]:
    """Name what a document asks for and GitHub has not."""
    (operation,) = parse(document).definitions
    root = "Mutation" if operation.operation is ast.OperationType.MUTATION else "Query"
    return list(_faults(root, operation.selection_set))


def _faults(of: str, selected: ast.SelectionSetNode | None):
    # A union has no fields of its own.
    has = getattr(types()[of], "fields", ()) if selected else ()
    fields = {one.name.value: one for one in has}
    for selection in selected.selections if selected else ():
        if isinstance(selection, ast.InlineFragmentNode):
            yield from _faults(selection.type_condition.name.value, selection.selection_set)
            continue
        name = selection.name.value
        if name == "__typename":
            continue
        if name not in fields:
            yield f"{of}.{name}"
            continue
        taken = {each.name.value for each in fields[name].arguments or ()}
        yield from (
            f"{of}.{name}({each.name.value})"
            for each in selection.arguments or ()
            if each.name.value not in taken
        )
        type_ = fields[name].type
        while not isinstance(type_, ast.NamedTypeNode):
            type_ = type_.type
        yield from _faults(type_.name.value, selection.selection_set)
