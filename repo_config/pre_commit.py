"""Read from `.pre-commit-config.yaml` with which arguments a tool is run before commits."""

from __future__ import annotations

from collections.abc import Iterator

from repo_config import yaml_text
from repo_config.project_files import Files, texts

NAME = ".pre-commit-config.yaml"
#: By these a hook looks at some files only, which a check of the whole tree could not follow.
_LIMITING = frozenset({"files", "exclude", "types", "types_or", "exclude_types", "stages"})


def arguments(files: Files, hook: str) -> tuple[str, ...] | None:
    """What a hook hands to its tool; None where there is none, or one of some files only."""
    root = yaml_text.read(files.text(NAME), NAME).root
    whole = root.plain() if root else None
    if not isinstance(whole, dict) or whole.keys() & {"files", "exclude"}:
        return None
    for one in _hooks(whole):
        if one.get("id") == hook and not one.keys() & _LIMITING:
            return tuple(texts(list(_items(one.get("args")))))
    return None


def _hooks(whole: dict[str, object]) -> Iterator[dict[str, object]]:
    for repository in _items(whole.get("repos")):
        hooks = repository.get("hooks") if isinstance(repository, dict) else None
        yield from (one for one in _items(hooks) if isinstance(one, dict))


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()
