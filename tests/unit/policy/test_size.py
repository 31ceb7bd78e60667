"""The rule `size`: lines are counted in time, whatever they are."""

import random
import time

from agent.policy.content import size
from tests.unit.policy.cases import Snippet


def test_lines_in_random_order_do_not_hang():
    lines = [f"{number}\n" for number in range(20_000)]
    shuffled = "".join(random.Random(1).sample(lines, len(lines)))
    begun = time.monotonic()
    found = list(
        size.check_change(Snippet({"a": shuffled}, base={"a": "".join(lines)}).change_context())
    )
    assert time.monotonic() - begun < 30
    assert [finding.severity.value for finding in found] == ["block"]
