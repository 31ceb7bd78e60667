"""What people suggest for lines is put in their place exactly, or left."""

from __future__ import annotations

import pytest

from agent.editing import by_suggestion
from agent.models.pulls import Thread, ThreadComment
from agent.models.review_items import Suggestion

PATH = "till/count.py"
TEXT = b"def total(coins):\n    found = sum(coins)\n    return found\n"


def block(text: str) -> str:
    return f"```suggestion\n{text}```"


SHORT = block("x\n")


def read(
    *bodies: str,
    content: bytes = TEXT,
    line: int | None = 2,
    first_line: int | None = None,
    **more: object,
) -> Suggestion | None:
    comments = tuple(
        ThreadComment(
            comment_id=at, author="ann", author_id=1, body=body, at="2026-01-01T00:00:00Z"
        )
        for at, body in enumerate(bodies, 1)
    )
    thread = Thread(
        thread_id="T", place="inline", path=PATH, line=line, first_line=first_line, comments=comments
    ).model_copy(update=more)  # fmt: skip
    return by_suggestion.read_suggestion(thread, content)


def test_a_suggestion_alone_is_read_with_its_lines():
    assert read(block("    found = sum(coins, 0)\n")) == Suggestion(
        path=PATH,
        first_line=2,
        code=("    found = sum(coins)",),
        new=("    found = sum(coins, 0)",),
    )


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("", ()),
        ("a\n\n", ("a", "")),
    ],
)
def test_every_line_of_it_counts(text, new):
    found = read(block(text))
    assert found is not None
    assert found.new == new


@pytest.mark.parametrize("words", ["Nit: typo", "Also rename the argument.", block("y\n")])
def test_words_beside_it_leave_it(words):
    assert read(f"{words}\n{SHORT}") is None
    assert read(SHORT, words) is None


@pytest.mark.parametrize("given", [{"outdated": True}, {"content": b"x\n"}], ids=str)
def test_it_is_left_where_its_lines_are_not_certain(given):
    assert read(SHORT, **given) is None


def suggest(first_line: int, code: str, new: str) -> Suggestion:
    lines = tuple(new.split("\n")) if new else ()
    return Suggestion(path=PATH, first_line=first_line, code=tuple(code.split("|")), new=lines)


@pytest.mark.parametrize(
    ("content", "suggestions", "after"),
    [
        (b"a\nb\nc\n", [(2, "b", "x")], b"a\nx\nc\n"),
        (b"a\nb\nc\n", [(1, "a|b", "x")], b"x\nc\n"),
        (b"a\nb\nc\n", [(2, "b", "")], b"a\nc\n"),
        (b"a\r\nb\r\n", [(2, "b", "x\ny")], b"a\r\nx\r\ny\r\n"),
        (b"a\x0cb\nc\n", [(2, "c", "x")], b"a\x0cb\nx\n"),
        (b"a\nb\nc\n", [(1, "a", "x\nx"), (3, "c", "y")], b"x\nx\nb\ny\n"),
    ],
)
def test_lines_come_in_the_place_of_lines(content, suggestions, after):
    given = tuple(suggest(*one) for one in suggestions)
    made, put = by_suggestion.apply_suggestions(content, given)
    assert (made, put) == (after, given)
    assert all(by_suggestion.is_applied(made, one) for one in given)


@pytest.mark.parametrize(
    ("content", "suggestions", "taken"),
    [
        (b"a\nb\nc\n", [(1, "a|b", "x"), (2, "b|c", "y"), (3, "c", "z")], []),
        (b"a\nb\nc\n", [(1, "a", "x"), (1, "a", "x"), (3, "c", "z")], [2]),
        (b"\xff\nb\n", [(2, "b", "x")], []),
    ],
)
def test_what_overlaps_stays_out(content, suggestions, taken):
    given = tuple(suggest(*one) for one in suggestions)
    made, put = by_suggestion.apply_suggestions(content, given)
    assert put == tuple(given[at] for at in taken)
    assert taken or made == content
