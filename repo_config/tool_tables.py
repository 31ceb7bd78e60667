"""Know the tables of pyproject.toml and setup.cfg by whom they are read: tools, or the packaging.

Both files say what is installed and how it is checked. A change may say the one without touching
the other, so its tables are looked at one by one, and can be put back one by one.
"""

from __future__ import annotations

import configparser
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from repo_config import documents

Tables = dict[str, object]

# What is installed or built; all other tables may be read by a check.
_PACKAGING = re.compile(
    r"(?!tool\.).*|tool\.(?:poetry|pdm|hatch|setuptools|setuptools_scm|uv|flit)"
)
_PACKAGING_SECTION = re.compile(r"metadata|options(?:\..*)?|bdist_.*|sdist|build.*|egg_info")
#: Of tables that declare the project and its packages: what a tool or the build reads in them.
_READ_BY_TOOLS: Mapping[str, tuple[str, ...]] = {
    "project": ("entry-points",),
    "dependency-groups": (),
    "tool.poetry": ("build", "plugins", "source"),
}
_TOML_HEADER = re.compile(r"\[\[?[^\[\]]+\]\]?[ \t]*(?:#.*)?")
_INI_HEADER = re.compile(r"\[(?P<name>[^\]]+)\].*")


def has_tables(path: str) -> bool:
    """Whether a file holds tables of several readers."""
    return posixpath.basename(path).lower() in ("pyproject.toml", "setup.cfg")


def list_rules(path: str, before: bytes | None, after: bytes | None) -> tuple[str, ...] | None:
    """Return the tables that differ and that checks are configured by; None: one is unreadable."""
    found = _list_changed(path, before, after)
    return None if found is None else tuple(name for name in found if _is_rule(path, name))


def list_read_by_tools(
    path: str, before: bytes | None, after: bytes | None
) -> tuple[tuple[str, object, object], ...] | None:
    """Return the tables that differ in what tools or the build read; None: one is unreadable."""
    found = _list_changed(path, before, after)
    if found is None:
        return None
    sides = {
        name: (_strip_table(path, name, old), _strip_table(path, name, new))
        for name, (old, new) in found.items()
    }
    return tuple((name, old, new) for name, (old, new) in sides.items() if old != new)


def restore_rules(path: str, before: bytes | None, after: bytes | None) -> bytes | None:
    """Return a file with the rules of base and all else as changed; None: it cannot be done."""
    old, new = _read_tables(path, before), _read_tables(path, after)
    if after is None or old is None or new is None:
        return None
    texts = ((before or b"").decode(), after.decode())
    theirs, ours = (list(_split_tables(path, text)) for text in texts)
    parts = [text for name, text in ours if not _is_rule(path, name)]
    parts += [text for name, text in theirs if _is_rule(path, name)]
    made = "".join(f"{part.removesuffix(chr(10))}\n" for part in parts if part).encode()
    wanted = {name: table for name, table in new.items() if not _is_rule(path, name)}
    wanted |= {name: table for name, table in old.items() if _is_rule(path, name)}
    if wanted == old:
        return before
    return made if _read_tables(path, made) == wanted else None


def _is_rule(path: str, name: str) -> bool:
    packaging = _PACKAGING if path.lower().endswith(".toml") else _PACKAGING_SECTION
    return packaging.fullmatch(name) is None


def _strip_table(path: str, name: str, table: object) -> object:
    if not path.lower().endswith(".toml"):
        return table if _is_rule(path, name) else None
    names = _READ_BY_TOOLS.get(name)
    if names is None or not isinstance(table, dict):
        return table
    return {one: table[one] for one in names if one in table} or None


def _list_changed(
    path: str, before: bytes | None, after: bytes | None
) -> dict[str, tuple[object, object]] | None:
    old, new = _read_tables(path, before), _read_tables(path, after)
    if old is None or new is None:
        return None
    names = sorted(old.keys() | new.keys())
    pairs = {name: (old.get(name), new.get(name)) for name in names}
    return {name: (was, now) for name, (was, now) in pairs.items() if was != now}


def _read_tables(path: str, content: bytes | None) -> Tables | None:
    """Return the tables by name, those of `tool` one by one; None: it does not parse."""
    reader: Callable[[str], Tables] = _read_toml if path.lower().endswith(".toml") else _read_ini
    try:
        return reader((content or b"").decode())
    except (UnicodeDecodeError, documents.DocumentError, configparser.Error):
        return None


def _read_toml(text: str) -> Tables:
    tables: Tables = documents.parse_toml(text)
    tools = tables.pop("tool", {})
    if not isinstance(tools, dict):
        raise documents.DocumentError("tool is no table")
    return {**tables, **{f"tool.{name}": table for name, table in tools.items()}}


def _read_ini(text: str) -> Tables:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(section) for name, section in parser.items() if section}


def _split_tables(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield tables as they are written, by name; what a value seems to begin shows in the whole."""
    is_toml = path.lower().endswith(".toml")
    name = ""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        header = (_TOML_HEADER if is_toml else _INI_HEADER).fullmatch(line.rstrip())
        if header:
            yield name, "".join(lines)
            name, lines = _name_toml(header[0]) if is_toml else header["name"], []
        lines.append(line)
    yield name, "".join(lines)


def _name_toml(header: str) -> str:
    try:
        return next(iter(_read_toml(header)), "")
    except documents.DocumentError:
        return ""
