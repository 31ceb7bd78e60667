"""Read which package indexes a pyproject.toml names, for uv and for Poetry. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments.locks import kinds
from agent.models.package_index import IndexWish

_UV = "pyproject.toml [[tool.uv.index]]"
_POETRY = "pyproject.toml [[tool.poetry.source]]"


def read(pyproject: dict[str, Any]) -> tuple[IndexWish, ...]:
    """The indexes that are named, and the projects that are to come from one of them alone.

    Where a lock is there it is read instead: its hashes bind every package.
    """
    return (*_of_uv(pyproject), *_of_poetry(pyproject))


def _of_uv(pyproject: dict[str, Any]) -> Iterator[IndexWish]:
    uv = kinds.table(pyproject, "tool", "uv")
    entries = [entry for entry in _list(uv.get("index")) if isinstance(entry, dict)]
    urls = {str(entry.get("name")): entry.get("url") for entry in entries}
    yield from kinds.indexes(
        (entry.get("url") for entry in entries if entry.get("explicit") is not True), _UV
    )
    more = [uv.get("index-url"), *_list(uv.get("extra-index-url"))]
    yield from kinds.indexes(more, "pyproject.toml [tool.uv]")
    for project, written in kinds.table(uv, "sources").items():
        for source in written if isinstance(written, list) else [written]:
            name = kinds.table({"source": source}, "source").get("index")
            yield from _bound(project, urls.get(str(name)), _UV)


def _of_poetry(pyproject: dict[str, Any]) -> Iterator[IndexWish]:
    poetry = kinds.table(pyproject, "tool", "poetry")
    entries = [entry for entry in _list(poetry.get("source")) if isinstance(entry, dict)]
    urls = {str(entry.get("name")).lower(): entry.get("url") for entry in entries}
    yield from kinds.indexes(
        (entry.get("url") for entry in entries if entry.get("priority") != "explicit"), _POETRY
    )
    tables = [kinds.table(poetry, "dependencies"), kinds.table(poetry, "dev-dependencies")]
    groups = kinds.table(poetry, "group").values()
    tables += [kinds.table({"group": group}, "group", "dependencies") for group in groups]
    for table in tables:
        for project, written in table.items():
            for entry in written if isinstance(written, list) else [written]:
                name = kinds.table({"entry": entry}, "entry").get("source")
                yield from _bound(project, urls.get(str(name).lower()), _POETRY)


def _bound(project: str, url: object, origin: str) -> Iterator[IndexWish]:
    for wish in kinds.indexes([url], origin):
        yield wish.model_copy(update={"only_for": str(canonicalize_name(project))})


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
