"""Sections and keys of the configuration, read from the models of `schema`."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from repo_config.located import Path
from repo_config.schema import RepoConfig


def is_section(annotation: object) -> bool:
    """Whether a key accepts only a mapping with known keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def list_sections(
    path: tuple[str, ...] = (), section: type[BaseModel] = RepoConfig
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield all sections with their paths, the file itself first."""
    yield path, section
    for name, field in section.model_fields.items():
        inner: Any = field.annotation
        if is_section(inner):
            yield from list_sections((*path, name), inner)


def list_keys(path: Path, root: type[BaseModel] = RepoConfig) -> tuple[str, ...]:
    """List the known keys of the mapping at a path; empty: there are none."""
    section: Any = root
    is_name = False
    for step in path:
        if isinstance(step, str) and not is_name:
            field = section.model_fields.get(step) if section else None
            section = _find_model(field.annotation) if field else None
            # The keys of a dict are names, and the next step is one of them.
            is_name = field is not None and typing.get_origin(field.annotation) is dict
        else:
            is_name = False
    return tuple(section.model_fields) if section and not is_name else ()


def _find_model(annotation: Any) -> Any:
    """Find the section that a key accepts, by itself or as an entry of a list."""
    if is_section(annotation):
        return annotation
    return next(filter(None, map(_find_model, typing.get_args(annotation))), None)
