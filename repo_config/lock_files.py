"""Lock files by their names. Pure."""

import re

PYTHON = {
    "uv": "uv.lock",
    "poetry": "poetry.lock",
    "pdm": "pdm.lock",
    "pylock": "pylock.toml",
    "pipenv": "Pipfile.lock",
}
"""By who writes it, in the order in which they count: a tool's own knows more than one for all."""
LOCK = re.compile(
    r"(?:uv|poetry|pdm|Pipfile|pixi|yarn|bun|Cargo)\.lock|pylock.*\.toml|pnpm-lock\.yaml|go\.sum"
    r"|(?:package-lock|npm-shrinkwrap)\.json",
    re.IGNORECASE,
)
"""Names of locks, of whatever tool."""
