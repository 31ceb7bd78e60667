"""Lock files by their names: what each is made from, and which versions it fixes. Pure."""

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
_MADE_FROM = (
    (
        r"(?:uv|poetry|pdm)\.lock|pylock.*\.toml",
        r"pyproject\.toml|setup\.(?:py|cfg)|.*requirements.*\.(?:txt|in)",
    ),
    (r"Pipfile\.lock", "Pipfile"),
    (r"pixi\.lock", r"p(?:ixi|yproject)\.toml"),
    (
        r"(?:package-lock|npm-shrinkwrap)\.json|(?:yarn|bun)\.lock|pnpm-lock\.yaml",
        r"package\.json|pnpm-workspace\.yaml",
    ),
    (r"Cargo\.lock", r"Cargo\.toml"),
    (r"go\.sum", r"go\.(?:mod|work)"),
)
#: Tools write a package's name and version in lines of their own, one after the other.
_TOML_PINS = re.compile(r'^name = "([\w.-]+)"\r?\nversion = "([\w.+!-]+)"', re.MULTILINE)
_JSON_PINS = re.compile(r'"([\w.-]+)": \{[^{}]*"version": "==([\w.+!-]+)"')


def find_sources(path: str) -> str:
    """Return the pattern of the names of what a lock is made from; empty where it is no lock."""
    name = posixpath.basename(path)
    return next((made for lock, made in _MADE_FROM if re.fullmatch(lock, name, re.IGNORECASE)), "")


def read_versions(path: str, text: str) -> set[tuple[str, str]]:
    """Return the normalised names and the versions that a lock of Python packages fixes."""
    if posixpath.basename(path) not in PYTHON.values():
        return set()
    pins = _JSON_PINS if path.endswith(PYTHON["pipenv"]) else _TOML_PINS
    return {(str(canonicalize_name(name)), version) for name, version in pins.findall(text)}
