"""How rules walk through files, and look for names in them before they are parsed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agent.policy import source
from agent.policy.modules import _may_bind

MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


@pytest.mark.parametrize("path", [source.__file__])
def test_a_walk_meets_every_node_that_has_a_place(path):
    module = ast.parse(Path(path).read_text("utf-8"))
    expected = [node for node in ast.walk(module) if not isinstance(node, MARKS)]
    assert source.walk(module) == expected
    for node in expected:
        below = [one for one in ast.iter_child_nodes(node) if not isinstance(one, MARKS)]
        assert source.children(node) == below


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("async def get(): ...\nget()\n", False),
        ("def get(): ...\ntarget = get\n", False),
        ("from a import *\n", True),
        ("def get(): ...\nget = wraps(get)\n", True),
        ("def get(): ...\nfrom a import (\n    b,\n    get\n)\n", True),
    ],
)
def test_a_look_at_the_text_rules_out_only_what_is_defined_there_alone(text, may):
    assert _may_bind(text.encode(), b"get") is may
