"""What can be configured, in words: for messages about wrong values and for the reference.

Derived from the models of `schema`, so it cannot drift from what is accepted.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel

from repo_config.located import Path
from repo_config.schema import RepoConfig
from repo_config.values import Words

#: An annotation, which Python has no closed type for.
Form: TypeAlias = Any


def form_at(path: Path) -> Form:
    """The annotation that the value at a path must fit; None where no key is known."""
    form: Form = RepoConfig
    for step in path:
        form = next(
            (inner for one in _members(form) if (inner := _get_inner_form(one, step))), None
        )
    return form


def keys_at(path: Path) -> tuple[str, ...]:
    """The known keys of the section at a path; none where there is no section."""
    return next((tuple(one.model_fields) for one in _members(form_at(path)) if is_section(one)), ())


def sections(
    path: tuple[str, ...] = (), section: type[BaseModel] = RepoConfig
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield all sections with their paths, the file itself first."""
    yield path, section
    for name, field in section.model_fields.items():
        form: Form = field.annotation
        if is_section(form):
            yield from sections((*path, name), form)


def choices(form: Form) -> tuple[str, ...]:
    """The texts that a value may be chosen from, if it is a choice."""
    found: list[str] = []
    for one in _members(form):
        if _origin(one) is Literal:
            found += [str(choice) for choice in typing.get_args(one)]
    return tuple(found)


def words(form: Form) -> str:
    """Say what is expected."""
    return ", or ".join(_words(one) for one in _members(form))


def markdown() -> str:
    """Write the reference of all keys: one table, in the order of the models."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for path, section in sections():
        for name, field in section.model_fields.items():
            if is_section(field.annotation):
                continue
            cells = (
                f"`{'.'.join((*path, name))}`",
                words(form_at((*path, name))),
                _default(field.default),
                field.description or "",
            )
            rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return f"`[{', '.join(chr(34) + str(item) + chr(34) for item in value)}]`"
    return f"`{value}`"


def is_section(form: Form) -> bool:
    """Whether the form is a mapping of the file with keys of its own."""
    return isinstance(form, type) and issubclass(form, BaseModel)


def _members(form: Form) -> tuple[Form, ...]:
    """The alternatives of a union, without None, or the form itself."""
    if _origin(form) is Annotated and _is_union(typing.get_args(form)[0]):
        form = typing.get_args(form)[0]
    if _is_union(form):
        return tuple(one for one in typing.get_args(form) if one is not type(None))
    return () if form is None else (form,)


def _is_union(form: Form) -> bool:
    return _origin(form) in (typing.Union, types.UnionType)


def _get_inner_form(form: Form, step: str | int) -> Form:
    """The form of what stands under a key or at an index."""
    if is_section(form):
        field = form.model_fields.get(step)
        return field.rebuild_annotation() if field else None
    if _origin(form) is Annotated:
        form = typing.get_args(form)[0]
    origin, inner = _origin(form), typing.get_args(form)
    if origin is dict and isinstance(step, str):
        return inner[1]
    if origin is tuple and isinstance(step, int):
        return inner[0]
    return None


def _words(form: Form, *, many: bool = False) -> str:
    origin, inner = _origin(form), typing.get_args(form)
    if origin is Annotated:
        return _annotated_words(inner[0], inner[1:], many=many)
    if _is_union(form):
        return " or ".join(_words(one, many=many) for one in inner)
    if origin is Literal:
        *most, last = [str(choice) for choice in inner]
        return f"{', '.join(most)} or {last}" if most else last
    if origin is tuple:
        return f"a list of {_words(inner[0], many=True)}"
    if origin is dict:
        return f"a mapping of {_words(inner[0], many=True)} to {_words(inner[1])}"
    if is_section(form):
        return f"mappings of {_join_names(tuple(form.model_fields))}" if many else "a mapping"
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return plain.get(form, str(form))


def _join_names(names: tuple[str, ...]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _annotated_words(form: Form, extras: tuple[Form, ...], *, many: bool) -> str:
    for extra in extras:
        if isinstance(extra, Words):
            return extra.many if many else extra.one
        # Within a union, pydantic's `Field` stands as it is written.
        for bound in getattr(extra, "metadata", (extra,)):
            if (least := getattr(bound, "ge", None)) is not None:
                return f"{_words(form)} of at least {least}"
            if (more := getattr(bound, "gt", None)) is not None:
                return f"{_words(form)} above {more}"
    return _words(form, many=many)


def _origin(form: Form) -> Form:
    return typing.get_origin(form)
