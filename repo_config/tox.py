"""Read the environments of tox from any of its configuration files. Nothing is run."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from repo_config.documents import parse_ini, table
from repo_config.project_files import ProjectFiles

_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}|\[\]")
_ROOT = re.compile(r"\{(?:toxinidir|tox_root)\}")
_FOLDER = re.compile(r"\{(?:envbindir|env_bin_dir|toxinidir|tox_root)\}/")
_PYTHON = re.compile(r"\{(?:envpython|env_python|base_?python)\}")
_FACTORS = re.compile(r"^!?[\w.{},!-]+\s*:\s+")


class Tox(NamedTuple):
    """One of its environments."""

    path: str
    """Of the file."""
    name: str
    """As it is written."""
    table: Mapping[str, Any]
    """As it is written: a value is a text of several lines, or a list."""

    @property
    def origin(self) -> str:
        """File and table, for people."""
        return f"{self.path} [{self.name}]"

    @property
    def is_base(self) -> bool:
        """Whether all others inherit from it."""
        return self.name in ("testenv", "tool.tox.env_run_base", "env_run_base")

    def text(self, *keys: str) -> str:
        """Return a single value, by the first of several keys; "" where there is none."""
        return fill_text(
            str(next((self.table[key] for key in keys if key in self.table), "")).strip()
        )

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
            text = fill_text(written).strip() if isinstance(written, str) else "{…}"
            if text and not text.startswith("#"):
                yield text

    def commands(self) -> Iterator[str]:
        """Yield the commands of its runs, without the factors before them."""
        for line in (*self.lines("commands_pre"), *self.lines("commands")):
            yield split_factors(line)[1].lstrip("- ")


def read_all(files: ProjectFiles) -> Iterator[Tox]:
    """Yield every environment, those of the first file first, in tox's own order."""
    tool = table(files.pyproject, "tool", "tox")
    legacy: dict[str, dict[str, str]] = {}
    with suppress(configparser.Error):
        legacy = parse_ini(str(tool.get("legacy_tox_ini", "")))
    for path, sections, start in (
        ("tox.ini", files.ini("tox.ini"), ""),
        ("setup.cfg", files.ini("setup.cfg"), ""),
        ("pyproject.toml", _read_tables(tool), "tool.tox."),
        ("pyproject.toml", legacy, ""),
        ("tox.toml", _read_tables(files.toml("tox.toml")), ""),
    ):
        for name, values in sections.items():
            if values and name.partition(":")[0] in ("testenv", "env", "env_run_base"):
                yield Tox(path, start + name, values)


def _read_tables(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    named = {f"env:{name}": table(data, "env", name) for name in table(data, "env")}
    return {"env_run_base": table(data, "env_run_base"), **named}


def read_tox(files: ProjectFiles) -> Tox | None:
    """Read the environment from which all others inherit."""
    return next((one for one in read_all(files) if one.is_base), None)


def list_commands(files: ProjectFiles, name: str) -> Iterator[str]:
    """Yield what an environment runs: its own commands, or those that all have for its factors."""
    named = [one for one in read_all(files) if one.is_base or one.name.rpartition(":")[2] == name]
    named.sort(key=lambda one: one.is_base)
    found = next((one for one in named if "commands" in one.table), None)
    parts = {*name.split("-")}
    for line in found.lines("commands") if found else ():
        factors, plain = split_factors(line)
        rows = (one.split("-") for one in factors.split(","))
        # What is generated may hold for it.
        if "{" in factors or any(all(_holds(one, parts) for one in row if one) for row in rows):
            yield plain.lstrip("- ")


def _holds(factor: str, parts: Collection[str]) -> bool:
    return (factor.lstrip("!") in parts) is not factor.startswith("!")


def split_factors(line: str) -> tuple[str, str]:
    """Split for which runs a line is from the line, as in `py311: pytest<8`; "" for all runs."""
    match = _FACTORS.match(line)
    return (match[0].rstrip(": \t"), line[match.end() :]) if match else ("", line)


def fill_text(text: str) -> str:
    """Leave out what people hand to tox, and make paths relative to its file."""
    text = _PYTHON.sub("python", _ROOT.sub(".", _FOLDER.sub("", text)))
    return _POSARGS.sub(lambda match: match[1] or "", text)
