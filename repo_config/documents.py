"""Read TOML, YAML and INI that strangers wrote, within bounds. Nothing is constructed or run.

Our own configuration is read by `located`, which takes less of YAML and knows the places.
"""

import configparser
import re
import tomllib
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

#: Larger files are not read: no project needs them.
MOST_CHARACTERS = 256 * 1024
#: `tomllib` needs memory in the square of the parts of a dotted key.
_MOST_DOTS = 250
#: Without one of these, and without quotes before it, keys stand before the first `=` of a line.
_MORE_KEYS = re.compile(r"[{}]|\"\"\"|'''|\A[^=]*[\"']")


class DocumentError(ValueError):
    """A text is not of its format, or more than will be read."""

    def __init__(
        self, message: str, line: int = 1, column: int = 1, fix: str = "Fix this place"
    ) -> None:
        super().__init__(message, line, column, fix)
        self.message, self.line, self.column, self.fix = message, line, column, fix

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class WrittenFloat(float):
    """A number that knows how it was written: `3.10` is no `3.1`."""

    def __init__(self, written: str) -> None:
        self.written = written


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; DocumentError has the place where the parser knows it."""
    if len(text) > MOST_CHARACTERS:
        raise DocumentError(f"larger than {MOST_CHARACTERS // 1024} KiB")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.count(".") > _MOST_DOTS:
            keys = line if _MORE_KEYS.search(line) else line.partition("=")[0]
            if keys.count(".") > _MOST_DOTS:
                raise DocumentError(f"more than {_MOST_DOTS} dots in one line", number)
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=WrittenFloat)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        if place := re.search(r" \(at line (\d+), column (\d+)\)$", words):
            raise DocumentError(words[: place.start()], int(place[1]), int(place[2])) from error
        words = words.removesuffix(" (at end of document)")
        raise DocumentError(words, len(lines), len(lines[-1]) + 1) from error
    except (RecursionError, ValueError) as error:
        raise DocumentError("nested too deep, or a number too long") from error


def parse_ini(text: str) -> dict[str, dict[str, str]]:
    """Parse INI by section; keys keep their case. configparser.Error: it is none."""
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, default_section="\0none"
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {
        section: {key: value or "" for key, value in parser.items(section)}
        for section in parser.sections()
    }


@lru_cache(maxsize=256)  # To read one takes long, and several ask for each.
def parse_yaml(text: str) -> Any:
    """Parse YAML to mappings, lists and texts; numbers and truth values stay as written.

    Nobody may change what is returned.

    Raises:
        DocumentError: It is not YAML, or nested far too deep.
    """
    try:
        return YAML(typ="base", pure=True).load(text)
    except (YAMLError, ValueError, TypeError, RecursionError) as problem:
        raise DocumentError(str(problem).partition("\n")[0]) from problem


def as_map(value: Any) -> dict[str, Any]:
    """Return a mapping; an empty one where something else is."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list; an empty one where something else is."""
    return value if isinstance(value, list) else []


def table(data: object, *keys: str) -> dict[str, Any]:
    """Return the table under these keys; an empty one where something else is."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return as_map(data)


def texts(value: object) -> list[str]:
    """List the texts of a value that should be a text or a list of them."""
    if isinstance(value, str):
        return [value]
    return [item for item in as_list(value) if isinstance(item, str)]
