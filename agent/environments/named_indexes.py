"""Read which package indexes a pyproject.toml names, for uv and for Poetry. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments.locks import lock as locks
from agent.ports import IndexWish

_UV = "pyproject.toml [[tool.uv.index]]"
_POETRY = "pyproject.toml [[tool.poetry.source]]"


def read(pyproject: dict[str, Any]) -> tuple[IndexWish, ...]:
    """The indexes that are named, and the projects that are to come from one of them alone.

    Where a lock is there it is read instead: its hashes bind every package.
    """
    return (*_of_uv(pyproject), *_of_poetry(pyproject))


def _of_uv(pyproject: dict[str, Any]) -> Iterator[IndexWish]:
    uv = locks.table(pyproject, "tool", "uv")
    entries = [entry for entry in _list(uv.get("index")) if isinstance(entry, dict)]
    urls = {str(entry.get("name")): entry.get("url") for entry in entries}
    yield from locks.indexes(
        (entry.get("url") for entry in entries if entry.get("explicit") is not True), _UV
    )
    more = [uv.get("index-url"), *_list(uv.get("extra-index-url"))]
    yield from locks.indexes(more, "pyproject.toml [tool.uv]")
    for project, written in locks.table(uv, "sources").items():
        for source in written if isinstance(written, list) else [written]:
            name = locks.table({"source": source}, "source").get("index")
            yield from _bound(project, urls.get(str(name)), _UV)


def _of_poetry(pyproject: dict[str, Any]) -> Iterator[IndexWish]:
    poetry = locks.table(pyproject, "tool", "poetry")
    entries = [entry for entry in _list(poetry.get("source")) if isinstance(entry, dict)]
    urls = {str(entry.get("name")).lower(): entry.get("url") for entry in entries}
    yield from locks.indexes(
        (entry.get("url") for entry in entries if entry.get("priority") != "explicit"), _POETRY
    )
    tables = [locks.table(poetry, "dependencies"), locks.table(poetry, "dev-dependencies")]
    groups = locks.table(poetry, "group").values()
    tables += [locks.table({"group": group}, "group", "dependencies") for group in groups]
    for table in tables:
        for project, written in table.items():
            for entry in written if isinstance(written, list) else [written]:
                name = locks.table({"entry": entry}, "entry").get("source")
                yield from _bound(project, urls.get(str(name).lower()), _POETRY)


def _bound(project: str, url: object, origin: str) -> Iterator[IndexWish]:
    for wish in locks.indexes([url], origin):
        yield wish.model_copy(update={"only_for": str(canonicalize_name(project))})


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
