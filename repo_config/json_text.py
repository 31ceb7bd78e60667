"""Read JSON with comments and trailing commas, as tools take it in their settings. Pure."""

from __future__ import annotations

import json
import re

#: Strings first, so that nothing in them is taken for a comment. What is opened and never closed
#: is taken to the end at once, not tried again from each of its characters.
_STRING = r"(?P<text>\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z))"
_PARTS = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_COMMAS = re.compile(rf"{_STRING}|,(?=\s*[}}\]])", re.DOTALL)


class JsonError(ValueError):
    """A text is not JSON; the message has the line."""


def parse_json(text: str) -> object:
    """Read a document.

    Raises:
        JsonError: It is not JSON, not even with comments, or nested far too deep.
    """
    plain = _COMMAS.sub(_keep_string, _PARTS.sub(_keep_string, text.removeprefix("\ufeff")))
    try:
        return json.loads(plain)
    except json.JSONDecodeError as problem:
        raise JsonError(f"line {problem.lineno}: {problem.msg}") from problem
    except (RecursionError, ValueError) as problem:
        raise JsonError("nested too deep, or a number too long") from problem


def _keep_string(found: re.Match[str]) -> str:
    """A string as it is; of anything else its line ends, so that places stay."""
    return found["text"] or re.sub(r"[^\n]", " ", found[0])
