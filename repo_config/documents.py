"""Parse untrusted TOML, YAML and INI within bounds. No object is constructed, no code runs.

Our own configuration is parsed by `located`, which accepts less of YAML and keeps line numbers.
"""

import configparser
import re
import tomllib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node

#: Larger files are not read; no project needs them.
MOST_CHARACTERS = 256 * 1024
#: The memory of `tomllib` grows with the square of the parts of a dotted key.
_MOST_DOTS = 250
#: Lines in which keys may also follow the first `=`, or be quoted.
_MORE_KEYS = re.compile(r"[{}]|\"\"\"|'''|\A[^=]*[\"']")

Parsed = TypeVar("Parsed")


class DocumentError(ValueError):
    """A text is not valid in its format, or too large."""

    def __init__(self, message: str, line: int = 1, fix: str = "Fix this place") -> None:
        super().__init__(message, line, fix)
        self.message, self.line, self.fix = message, line, fix

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class WrittenFloat(float):
    """A number that keeps its text: `3.10` is not `3.1`."""

    def __init__(self, written: str) -> None:
        self.written = written


def require_size(size: int) -> None:
    """Raise DocumentError if a text is too large."""
    if size > MOST_CHARACTERS:
        message = f"the file is larger than {MOST_CHARACTERS // 1024} KiB"
        raise DocumentError(message, fix="Shorten it")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises DocumentError, with the line if the parser knows it."""
    require_size(len(text))
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.count(".") > _MOST_DOTS:
            keys = line if _MORE_KEYS.search(line) else line.partition("=")[0]
            if keys.count(".") > _MOST_DOTS:
                raise DocumentError(f"more than {_MOST_DOTS} dots in one line", number)
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=WrittenFloat)
    except tomllib.TOMLDecodeError as error:
        words, _, place = str(error).removesuffix(")").rpartition(" (at ")
        at = re.match(r"line (\d+)", place)
        raise DocumentError(words, int(at[1]) if at else len(lines)) from error
    except (RecursionError, ValueError) as error:
        raise DocumentError("nested too deep, or a number too long") from error


def parse_ini(text: str) -> dict[str, dict[str, str]]:
    """Parse INI by section; keys keep their case. Raises configparser.Error."""
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, default_section="\0none"
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {
        section: {key: value or "" for key, value in parser.items(section)}
        for section in parser.sections()
    }


@lru_cache(maxsize=256)  # Parsing is slow, and several modules read each file.
def parse_yaml(text: str) -> Any:
    """Parse YAML to mappings, lists and texts; numbers and booleans stay texts.

    The result is cached, so it may not be changed. Raises DocumentError: invalid YAML, or nested
    too deeply.
    """
    return _read_yaml(YAML(typ="base", pure=True).load, text)


def compose_yaml(text: str) -> Node | None:
    """Parse YAML to its nodes; None: it is empty. Raises DocumentError as `parse_yaml` does."""
    root: Node | None = _read_yaml(YAML(typ="safe", pure=True).compose, text)
    return root


def _read_yaml(read: Callable[[str], Parsed], text: str) -> Parsed:
    require_size(len(text))
    try:
        return read(text)
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        facts = vars(error)
        mark = facts.get("problem_mark") or facts.get("context_mark")
        at = mark.index if mark else facts.get("position", 0)
        words = (facts.get(name) for name in ("problem", "context", "reason"))
        what = " ".join(filter(None, words)) or "nested too deep"
        fix = "Write it as an escape in quotes" if "position" in facts else "Fix this place"
        line = text.count("\n", 0, at) + 1
        raise DocumentError(f"not valid YAML: {what}", line, fix) from error


def as_map(value: Any) -> dict[str, Any]:
    """Return a mapping; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list; an empty one for any other value."""
    return value if isinstance(value, list) else []


def table(data: object, *keys: str) -> dict[str, Any]:
    """Return the table at these keys; an empty one if there is none."""
    for key in keys:
        data = as_map(data).get(key)
    return as_map(data)


def texts(value: object) -> list[str]:
    """List the texts of a value, which should be a text or a list of texts."""
    values = [value] if isinstance(value, str) else as_list(value)
    return [text for text in values if isinstance(text, str)]
