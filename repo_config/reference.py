"""What can be configured, as the models of `schema` have it: sections, keys, types."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from repo_config.located import Path
from repo_config.schema import RepoConfig


def is_section(annotation: object) -> bool:
    """Whether a key takes a mapping with keys of its own, and nothing else."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def sections(
    path: tuple[str, ...] = (), section: type[BaseModel] = RepoConfig
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield all sections with their paths, the file itself first."""
    yield path, section
    for name, field in section.model_fields.items():
        inner: Any = field.annotation
        if is_section(inner):
            yield from sections((*path, name), inner)


def list_keys(path: Path, root: type[BaseModel] = RepoConfig) -> tuple[str, ...]:
    """List the keys of the mapping at a path; none where no key is known there."""
    found: Any = root
    is_name = False
    for step in path:
        if isinstance(step, str) and not is_name:
            field = found.model_fields.get(step) if found else None
            found = _find_model(field.annotation) if field else None
            # The keys of such a mapping are names, the next step is one of them.
            is_name = field is not None and typing.get_origin(field.annotation) is dict
        else:
            is_name = False
    return tuple(found.model_fields) if found and not is_name else ()


def _find_model(annotation: Any) -> Any:
    """Find the mapping with known keys that a key, or each entry of its list, can be."""
    if is_section(annotation):
        return annotation
    return next(filter(None, map(_find_model, typing.get_args(annotation))), None)
