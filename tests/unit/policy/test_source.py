"""How names are looked for in a file before it is parsed."""

from __future__ import annotations

import pytest

from agent.policy.modules import _may_bind


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
