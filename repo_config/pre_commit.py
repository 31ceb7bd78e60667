"""Read from `.pre-commit-config.yaml` which tools are run before commits, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from repo_config.documents import as_list, as_map, texts
from repo_config.project_files import Files

NAME = ".pre-commit-config.yaml"
#: By the name of a hook: the check that its tool is run for.
TOOLS = {
    **{name: name for name in ("flake8", "black", "isort", "mypy", "pyright", "basedpyright")},
    "black-jupyter": "black",
    "ruff": "ruff check",
    "ruff-check": "ruff check",
    "ruff-format": "ruff format",
}
#: A tag, beside the commit that it stood for when somebody froze it.
_FROZEN = re.compile(r"\brev: *['\"]?(\w+)['\"]? +# frozen: *(\S+)")
#: By these a hook looks at some files only, which a check of the whole tree could not follow.
_LIMITING = frozenset({"files", "exclude", "types", "types_or", "exclude_types", "stages"})
#: Types of files that every hook for Python names.
_PYTHON = frozenset({"python", "pyi", "jupyter", "file", "text"})


class Hook(NamedTuple):
    """One hook."""

    name: str
    arguments: tuple[str, ...] | None
    """What it hands to its tool; None where its owner says nothing about that."""
    entry: str
    """The command, of a hook that the repository makes itself."""
    limited: bool
    """Whether it looks at some files only, or not before commits."""
    revision: str = ""
    """The tag of its repository."""
    additional: tuple[str, ...] = ()
    """What is installed beside its tool, as requirements."""


def hooks(files: Files) -> Iterator[Hook]:
    """Yield the hooks in their order; none where the file cannot be read."""
    frozen = dict(_FROZEN.findall(files.text(NAME)))
    whole = files.yaml(NAME)
    limited = bool(whole.keys() & {"files", "exclude"})
    for repository in map(as_map, as_list(whole.get("repos"))):
        revision = repository.get("rev")
        for one in map(as_map, as_list(repository.get("hooks"))):
            if isinstance(one.get("id"), str):
                entry = one.get("entry")
                yield Hook(
                    one["id"],
                    tuple(texts(one["args"])) if isinstance(one.get("args"), list) else None,
                    entry if isinstance(entry, str) else "",
                    limited or any(_limits(key, one[key]) for key in one.keys() & _LIMITING),
                    frozen.get(revision, revision) if isinstance(revision, str) else "",
                    tuple(texts(one.get("additional_dependencies"))),
                )


def _limits(key: str, value: Any) -> bool:
    if key in ("types", "types_or") and isinstance(value, list):
        return not _PYTHON.issuperset(texts(value))
    return True
