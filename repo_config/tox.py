"""Read what tox does in each run of the tests, whichever of its files says so. Nothing is run."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from repo_config.project_files import Files, parse_ini, table

_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}|\[\]")
_ROOT = re.compile(r"\{(?:toxinidir|tox_root)\}")
_FOLDER = re.compile(r"\{(?:envbindir|env_bin_dir|toxinidir|tox_root)\}/")
FACTORS = re.compile(r"^!?[\w.{},!-]+\s*:\s+")
"""What a line of some of its runs begins with, as in `py311: pytest<8`."""


class Tox(NamedTuple):
    """The environment from which all others inherit."""

    path: str
    """Of the file."""
    origin: str
    """File and table."""
    table: Mapping[str, Any]
    """As it is written: a value is a text of several lines, or a list."""

    def lines(self, *keys: str) -> Iterator[str]:
        """Yield a value line by line, by the first of several keys; what is in braces stays.

        A table of tox.toml stands for what is taken from elsewhere.
        """
        value = next((self.table[key] for key in keys if key in self.table), None)
        if isinstance(value, dict):
            value = [f"{key}={one}" for key, one in value.items()]
        given = value.replace("\\\n", " ").splitlines() if isinstance(value, str) else value
        for line in given if isinstance(given, list) else ():
            words = line if isinstance(line, list) else ()
            written = shlex.join(map(str, words)) if words else line
            text = fill(written).strip() if isinstance(written, str) else "{…}"
            if text and not text.startswith("#"):
                yield text

    def commands(self) -> Iterator[str]:
        """Yield what its runs call, without what says which of them do."""
        for line in (*self.lines("commands_pre"), *self.lines("commands")):
            yield FACTORS.sub("", line).lstrip("- ")


def read(files: Files) -> Tox | None:
    """Read the first place that there is, in tox's own order."""
    tool = table(files.pyproject, "tool", "tox")
    legacy: dict[str, dict[str, str]] = {}
    with suppress(configparser.Error):
        legacy = parse_ini(str(tool.get("legacy_tox_ini", "")))
    places = (
        ("tox.ini", "[testenv]", files.ini("tox.ini").get("testenv")),
        ("setup.cfg", "[testenv]", files.ini("setup.cfg").get("testenv")),
        ("pyproject.toml", "[tool.tox.env_run_base]", table(tool, "env_run_base")),
        ("pyproject.toml", "[tool.tox] legacy_tox_ini", legacy.get("testenv")),
        ("tox.toml", "[env_run_base]", table(files.toml("tox.toml"), "env_run_base")),
    )
    found = (Tox(path, f"{path} {where}", values) for path, where, values in places if values)
    return next(found, None)


def fill(text: str) -> str:
    """Leave out what people hand to tox, and make paths relative to its file."""
    text = _ROOT.sub(".", _FOLDER.sub("", text))
    return _POSARGS.sub(lambda match: match[1] or "", text)
