"""The rule `size`: what a person can review."""

from __future__ import annotations

import random
import time

import pytest

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


def test_the_number_of_lines_is_held_over_all_files():
    assert findings({"a": lines(3), "b": lines(3)}, max_lines=6) == []
    (finding,) = cases.blocking(findings({"a": lines(3), "b": lines(4)}, max_lines=6))
    assert "7 lines" in finding.message


def _by_table(old: list[bytes], new: list[bytes]) -> int:
    """The textbook count, slow and plain."""
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
            )
    return len(old) + len(new) - 2 * table[-1][-1]


def test_the_count_agrees_with_the_textbook_on_many_small_files():
    dice = random.Random(7)
    for _ in range(300):
        old, new = (
            b"".join(
                dice.choice([b"a\n", b"b\n", b"\n", b"aa\n"]) for _ in range(dice.randrange(12))
            )
            for _ in range(2)
        )
        if dice.random() < 0.3:
            old = old[:-1]
        expected = _by_table(old.splitlines(keepends=True), new.splitlines(keepends=True))
        assert size.count_changed(old, new)[0] == expected, (old, new)


def test_a_small_edit_in_a_long_file_is_small():
    long = lines(20_000)
    edited = long.replace("line 10\n", "line ten\n").replace("line 19990\n", "")
    assert findings({"a.txt": edited}, {"a.txt": long}) == []


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"\x89PNG\x00\x01", True),
        ("größer\n".encode("latin-1"), False),
    ],
)
def test_binary_content_is_refused_and_odd_encodings_are_not(content, refused):
    found = cases.blocking(findings({"a.bin": content}))
    assert bool(found) is refused


def test_lines_in_random_order_do_not_hang():
    order = list(range(20_000))
    random.Random(1).shuffle(order)
    shuffled = "".join(f"{number}\n" for number in order)
    begun = time.monotonic()
    found = findings({"a": shuffled}, {"a": lines(20_000, "").replace(" ", "")})
    assert time.monotonic() - begun < 30
    assert cases.blocking(found)
