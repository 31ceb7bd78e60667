"""What a run found to set base's tests up best, kept until the next, for who proposes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from agent.contract.facts import Fact
from agent.environments import storage
from repo_config.schema import RepoConfig

_FACTS = TypeAdapter(tuple[Fact, ...])


def write(home: Path, repository: str, values: Mapping[str, object], why: str) -> None:
    """Keep values of a configuration, by key, in place of those of an earlier run."""
    found = tuple(Fact(key=key, value=one, why=why) for key, one in _flatten(values, RepoConfig))
    place = _find_place(home, repository)
    place.parent.mkdir(parents=True, exist_ok=True)
    storage.write_whole(place, json.dumps(_FACTS.dump_python(found, mode="json")).encode())


def _flatten(
    values: Mapping[str, object], section: type[BaseModel]
) -> Iterator[tuple[str, object]]:
    """Yield each value by its dotted key; a mapping without keys of its own is one value."""
    for key, one in values.items():
        inner = section.model_fields[key].annotation
        if isinstance(one, dict) and isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from ((f"{key}.{name}", value) for name, value in _flatten(one, inner))
        else:
            yield key, one


def read(home: Path, repository: str) -> tuple[Fact, ...]:
    """Return what was kept of a repository, by its path or address."""
    try:
        return _FACTS.validate_json(_find_place(home, repository).read_bytes())
    except (OSError, ValidationError):
        return ()


def _find_place(home: Path, repository: str) -> Path:
    return home / "set-up" / f"{hashlib.sha256(repository.encode()).hexdigest()[:32]}.json"
