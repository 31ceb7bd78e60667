"""The rule `size`: what a person can review."""

from __future__ import annotations

import random
import time

from agent.models.change import Finding
from agent.policy.change_context import ChangeContext
from agent.policy.content import size
from tests.unit.policy import cases


def findings(
    after: dict[str, str | bytes | None],
    base: dict[str, str | bytes] | None = None,
    **scope: object,
) -> list[Finding]:
    made, tree = cases.change(after, base)
    return list(
        size.check_change(ChangeContext(made, cases.config(scope=scope), cases.project(), tree))
    )


def lines(count: int, text: str = "line") -> str:
    return "".join(f"{text} {number}\n" for number in range(count))


def test_lines_in_random_order_do_not_hang():
    order = list(range(20_000))
    random.Random(1).shuffle(order)
    shuffled = "".join(f"{number}\n" for number in order)
    begun = time.monotonic()
    found = findings({"a": shuffled}, {"a": lines(20_000, "").replace(" ", "")})
    assert time.monotonic() - begun < 30
    assert cases.blocking(found)
