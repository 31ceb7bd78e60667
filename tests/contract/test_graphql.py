"""The simulator's GraphQL schema says nothing that GitHub's own does not say."""

from __future__ import annotations

import gzip
from typing import Any

from graphql import parse, print_ast
from graphql.language import ast

from tests.contract import make_slice

# An interface at GitHub, for signatures of several kinds; a client sees the same fields.
PLAINER_HERE = frozenset({"GitSignature"})


def definitions(text: str) -> dict[str, Any]:
    found: tuple[Any, ...] = tuple(parse(text, no_location=True).definitions)
    return {each.name.value: each for each in found if getattr(each, "name", None)}


OURS = definitions(make_slice.SIMULATED.read_text("utf-8"))
THEIRS = definitions(gzip.decompress(make_slice.GRAPHQL.read_bytes()).decode())


def foreign_words(ours, theirs) -> list[str]:
    """Name what a type of ours has and GitHub's has not, or has otherwise."""
    found = []
    for kind in ("values", "types"):
        known = {each.name.value for each in getattr(theirs, kind, None) or ()}
        found += [
            e.name.value for e in getattr(ours, kind, None) or () if e.name.value not in known
        ]
    fields = {each.name.value: each for each in getattr(theirs, "fields", None) or ()}
    for field in getattr(ours, "fields", None) or ():
        known_field = fields.get(field.name.value)
        if known_field is None or print_ast(known_field.type) != print_ast(field.type):
            found.append(f"{field.name.value}: {print_ast(field.type)}")
            continue
        taken = {each.name.value: print_ast(each.type) for each in arguments(known_field)}
        for each in arguments(field):
            if taken.get(each.name.value) != print_ast(each.type):
                found.append(f"{field.name.value}({each.name.value}: {print_ast(each.type)})")
    return found


def arguments(field):
    return getattr(field, "arguments", None) or ()


def test_every_type_of_ours_is_part_of_githubs():
    assert OURS.keys() == THEIRS.keys()
    for name, ours in OURS.items():
        if name not in PLAINER_HERE:
            assert type(ours) is type(THEIRS[name])
        assert foreign_words(ours, THEIRS[name]) == [], name
        if isinstance(ours, ast.InputObjectTypeDefinitionNode):
            demanded = {
                each.name.value
                for each in THEIRS[name].fields
                if isinstance(each.type, ast.NonNullTypeNode) and each.default_value is None
            }
            assert demanded <= {each.name.value for each in ours.fields}, name


def test_the_comparison_bites():
    theirs = definitions("type T { a(x: Int!): Int! b: String } enum E { A }")
    ours = definitions("type T { a(x: Int): Int! b: String! c: Int } enum E { A B }")
    assert foreign_words(ours["T"], theirs["T"]) == ["a(x: Int)", "b: String!", "c: Int"]
    assert foreign_words(ours["E"], theirs["E"]) == ["B"]
