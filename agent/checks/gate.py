"""Know which changed files decide about the checks themselves. Pure.

Used to run the checks on a change twice: under the base commit's rules, without the changes to
such files, and as a whole. Telling the reviewer about such files is left to `agent.policy`.
"""

from __future__ import annotations

import configparser
import posixpath
import re

from agent.domain import Change, ChangedFile
from repo_config import rule_files as known
from repo_config import toml_text
from repo_config.detect import Project

# Tables that say what is installed or built; all others may be read by a check.
_PACKAGING_TABLES = frozenset(
    {"poetry", "pdm", "hatch", "setuptools", "setuptools_scm", "uv", "flit"}
)
_PACKAGING_SECTIONS = re.compile(r"metadata|options(?:\..*)?|bdist_.*|sdist|build.*|egg_info")


def rule_files(change: Change, project: Project) -> frozenset[str]:
    """Return the changed paths that the checks are configured by, or started with."""
    return frozenset(file.path for file in change.files if _is_rule(file, project))


def test_rules(change: Change, project: Project) -> frozenset[str]:
    """Return those of the rule files that are no settings of the product."""
    return frozenset(
        path for path in rule_files(change, project) if not known.is_setting(path, project)
    )


def without(change: Change, paths: frozenset[str]) -> Change:
    """Return the change without some of its files."""
    kept = tuple(file for file in change.files if file.path not in paths)
    return change.model_copy(update={"files": kept})


def _is_rule(file: ChangedFile, project: Project) -> bool:
    name = posixpath.basename(file.path).lower()
    if name == "pyproject.toml":
        return _tool_tables(file.before) != _tool_tables(file.after)
    if name == "setup.cfg":
        return _tool_sections(file.before) != _tool_sections(file.after)
    return known.reason(file.path, project) is not None


def _tool_tables(content: bytes | None) -> object:
    """The tables that checks read; the bare content where it does not parse."""
    try:
        tables = toml_text.parse((content or b"").decode())
    except (UnicodeDecodeError, toml_text.TomlError):
        return content
    tools = tables.get("tool", {})
    if not isinstance(tools, dict):
        return content
    return {name: table for name, table in tools.items() if name not in _PACKAGING_TABLES}


def _tool_sections(content: bytes | None) -> object:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string((content or b"").decode())
    except (UnicodeDecodeError, configparser.Error):
        return content
    return {
        name: dict(section)
        for name, section in parser.items()
        if _PACKAGING_SECTIONS.fullmatch(name) is None
    }
