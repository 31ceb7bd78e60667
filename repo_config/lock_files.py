"""Lock files by their names, and which versions they fix. Pure."""

from __future__ import annotations

import posixpath
import re

from packaging.utils import canonicalize_name

PYTHON = {
    "uv": "uv.lock",
    "poetry": "poetry.lock",
    "pdm": "pdm.lock",
    "pylock": "pylock.toml",
    "pipenv": "Pipfile.lock",
}
"""By who writes it, in the order in which they count: a tool's own knows more than one for all."""
_LOCK = re.compile(
    r"(?:uv|poetry|pdm|Pipfile|pixi|yarn|bun|Cargo)\.lock|pylock.*\.toml|pnpm-lock\.yaml|go\.sum"
    r"|(?:package-lock|npm-shrinkwrap)\.json",
    re.IGNORECASE,
)
#: Tools write a package's name and version in lines of their own, one after the other.
_TOML_PINS = re.compile(r'^name = "([\w.-]+)"\r?\nversion = "([\w.+!-]+)"', re.MULTILINE)
_JSON_PINS = re.compile(r'"([\w.-]+)": \{[^{}]*"version": "==([\w.+!-]+)"')


def is_lock(path: str) -> bool:
    """Whether a file is a lock, of whatever tool."""
    return _LOCK.fullmatch(posixpath.basename(path)) is not None


def read_versions(path: str, text: str) -> set[tuple[str, str]]:
    """Return the normalised names and the versions that a lock of Python packages fixes."""
    if posixpath.basename(path) not in PYTHON.values():
        return set()
    pins = _JSON_PINS if path.endswith(PYTHON["pipenv"]) else _TOML_PINS
    return {(str(canonicalize_name(name)), version) for name, version in pins.findall(text)}
