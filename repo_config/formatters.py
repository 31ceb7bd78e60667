"""Say which formatter a repository has, from its configuration alone."""

from __future__ import annotations

from collections.abc import Callable

from repo_config import toml_text
from repo_config.project_files import table

_PLACES = (
    ("pyproject.toml", ("tool", "ruff")),
    ("ruff.toml", ()),
    (".ruff.toml", ()),
)


def ruff_formats(text: Callable[[str], str]) -> bool:
    """Whether the repository says that ruff formats it, and does not only lint.

    Args:
        text: Gives what a file says by its path; empty where there is none.
    """
    return "id: ruff-format" in text(".pre-commit-config.yaml") or any(
        "format" in table(_parsed(text(path)), *keys) for path, keys in _PLACES
    )


def _parsed(content: str) -> dict[str, object]:
    try:
        return toml_text.parse(content)
    except toml_text.TomlError:
        return {}
