"""Lock files by their names. Pure."""

from __future__ import annotations

import posixpath
import re

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


def is_lock(path: str) -> bool:
    """Whether a file is a lock, of whatever tool."""
    return _LOCK.fullmatch(posixpath.basename(path)) is not None
