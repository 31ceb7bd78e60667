"""JSON as tools take it in their settings."""

from __future__ import annotations

import time

import pytest

from repo_config import json_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('// head\n{\n  "a": 1, // why\n  /* all\n of it */ "b": [1, 2,], // end\n}', {
            "a": 1, "b": [1, 2],
        }),
        ('{"a": "// no comment, /* neither */ ,}"}', {"a": "// no comment, /* neither */ ,}"}),
        ('{"a": "\\" // text"} // comment', {"a": '" // text'}),
    ],
)  # fmt: skip
def test_comments_and_trailing_commas_are_taken(text, value):
    assert json_text.parse_json(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{\n  // x\n  'a': 1\n}", "line 3: Expecting property name"),
        ('{"a": "open', "line 1: Unterminated string"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text, says):
    with pytest.raises(json_text.JsonError, match=f"^{says}"):
        json_text.parse_json(text)


def test_what_is_opened_again_and_again_is_read_in_time():
    started = time.process_time()
    for text in ('"\\', "/*", '"', "/", ", ", '"a\\"'):
        with pytest.raises(json_text.JsonError):
            json_text.parse_json(text * (200_000 // len(text)))
    assert time.process_time() - started < 10
