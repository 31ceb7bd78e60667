"""Names of lock files. Pure."""

import re

PYTHON = {
    "uv": "uv.lock",
    "poetry": "poetry.lock",
    "pdm": "pdm.lock",
    "pylock": "pylock.toml",
    "pipenv": "Pipfile.lock",
}
"""Lock files of Python by tool, in order of precedence: those of one tool before the common one."""
LOCK = re.compile(
    r"(?:uv|poetry|pdm|Pipfile|pixi|yarn|bun|Cargo)\.lock|pylock.*\.toml|pnpm-lock\.yaml|go\.sum"
    r"|(?:package-lock|npm-shrinkwrap)\.json",
    re.IGNORECASE,
)
"""Names of the lock files of any tool."""
