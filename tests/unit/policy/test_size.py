"""The rule `size`: what a person can review."""

from __future__ import annotations

import random
import time

import pytest

from agent.domain import Finding
from agent.policy.content import size
from agent.policy.proposal import Proposal
from tests.unit.policy import cases


def findings(
    after: dict[str, str | bytes | None],
    base: dict[str, str | bytes] | None = None,
    **scope: object,
) -> list[Finding]:
    made, tree = cases.change(after, base)
    return list(size.check(Proposal(made, cases.config(scope=scope), cases.project(), tree)))


def lines(count: int, text: str = "line") -> str:
    return "".join(f"{text} {number}\n" for number in range(count))


def test_the_number_of_files_is_held():
    many = {f"a{number}.py": "x\n" for number in range(21)}
    (finding,) = cases.blocking(findings(dict(many)))
    assert "21 files" in finding.message
    assert "scope.max_files is 20" in finding.message
    del many["a0.py"]
    assert findings(dict(many)) == []
    assert findings({f"a{number}.py": None for number in range(3)}, dict(many), max_files=2)


def test_the_number_of_lines_is_held_over_all_files():
    assert findings({"a": lines(3), "b": lines(3)}, max_lines=6) == []
    (finding,) = cases.blocking(findings({"a": lines(3), "b": lines(4)}, max_lines=6))
    assert "7 lines" in finding.message
    assert "most in b: 4" in finding.message


def test_deleting_everything_counts():
    base = {f"a{number}.py": lines(100) for number in range(7)}
    found = cases.blocking(findings(dict.fromkeys(base), dict(base)))
    assert "700 lines" in found[0].message


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("a\nb\nc\n", "a\nb\nc\n", 0),
        ("a\nb\nc\n", "a\nX\nc\n", 2),
        ("a\nb\nc\n", "a\nc\n", 1),
        ("a\nc\n", "a\nb\nc\n", 1),
        ("", "a\nb\n", 2),
        ("a\nb\n", "", 2),
        ("a\nb\nc\n", "c\na\nb\n", 2),
        ("a\na\na\n", "a\na\n", 1),
        ("a\nb", "a\nb\n", 2),
        ("a\r\nb\r\n", "a\nb\n", 4),
        ("x\na\nb\nc\ny\n", "X\na\nb\nc\nY\n", 4),
        ("ab\nab\n", "ab\nb\n", 2),
        ("b\n", "a\nb\n", 1),
        ("a\n", "a\n\n", 1),
    ],
)
def test_lines_are_counted_as_a_shortest_diff_has_them(before, after, count):
    assert size.changed_lines(before.encode(), after.encode()) == count


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
    for _ in range(1500):
        old, new = (
            b"".join(
                dice.choice([b"a\n", b"b\n", b"\n", b"aa\n"]) for _ in range(dice.randrange(12))
            )
            for _ in range(2)
        )
        if dice.random() < 0.3:
            old = old[:-1]
        expected = _by_table(old.splitlines(keepends=True), new.splitlines(keepends=True))
        assert size.changed_lines(old, new) == expected, (old, new)


def test_a_small_edit_in_a_long_file_is_small():
    long = lines(20_000)
    edited = long.replace("line 10\n", "line ten\n").replace("line 19990\n", "")
    assert findings({"a.txt": edited}, {"a.txt": long}) == []


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"\x89PNG\x00\x01", True),
        (b"text" * 10_000 + b"\0", True),
        ("größer ☃\n".encode(), False),
        ("größer\n".encode("latin-1"), False),
        (b"", False),
    ],
)
def test_binary_content_is_refused_and_odd_encodings_are_not(content, refused):
    found = cases.blocking(findings({"a.bin": content}))
    assert bool(found) is refused


def test_binary_files_may_be_deleted_and_keep_their_content():
    assert cases.blocking(findings({"a.png": None}, {"a.png": b"\0\1"})) == []
    assert cases.blocking(findings({"a.png": b"\0\1"}, {"a.png": b"\0\1"})) == []


def test_one_huge_file_is_refused():
    (finding,) = cases.blocking(findings({"data.json": "x" * 1_000_001}))
    assert finding.path == "data.json"
    assert "1,000,001 bytes" in finding.message
    assert findings({"data.json": "x" * 1_000_000}) == []


def test_an_edit_of_a_file_that_was_huge_is_for_review():
    old = lines(100_000, "a long line of text")
    found = findings({"data.txt": old + "x\n"}, {"data.txt": old})
    assert cases.blocking(found) == []
    assert len(cases.review(found)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"x" * 50_000_000,
        b"\n" * 50_000_000,
        b"ab\n" * 16_000_000,
    ],
)
def test_fifty_megabytes_do_not_hang(content):
    begun = time.monotonic()
    found = findings({"a.txt": content, "b.txt": None}, {"b.txt": content})
    assert cases.blocking(found)
    findings({"a.txt": b"x\n" + content + b"y"}, {"a.txt": b"z\n" + content + b"w"})
    assert time.monotonic() - begun < 60


def test_lines_in_random_order_do_not_hang():
    order = list(range(60_000))
    random.Random(1).shuffle(order)
    shuffled = "".join(f"{number}\n" for number in order)
    begun = time.monotonic()
    found = findings(
        {f"a{number}": shuffled for number in range(5)},
        {f"a{number}": "".join(f"{n}\n" for n in range(60_000)) for number in range(5)},
    )
    assert time.monotonic() - begun < 60
    assert cases.blocking(found)


CODE = "".join(f"def f{n}(a, b):\n    return call('x{n}', a, b)\n\n\n" for n in range(30))


@pytest.mark.parametrize(
    "after",
    [
        CODE.replace("'", '"'),
        CODE.replace("    ", "\t"),
        CODE.replace("(a, b):", "(\n    a,\n    b,\n):"),
        CODE.replace("\n", "\r\n"),
        CODE.replace("    ", "\t").replace("x7", "y7"),
    ],
)
def test_a_rewrite_of_the_layout_is_named(after):
    (finding,) = cases.review(findings({"a.py": after}, {"a.py": CODE}))
    assert "reformatted" in finding.message


@pytest.mark.parametrize(
    "after",
    [
        CODE + CODE.replace("f", "g"),
        CODE.replace("call", "send"),
        "".join(reversed(CODE.splitlines(keepends=True))).replace("call", "new"),
        CODE.replace("x1'", "y1'"),
    ],
)
def test_real_edits_are_not_called_layout(after):
    assert cases.review(findings({"a.py": after}, {"a.py": CODE})) == []
