"""What a run found to set base's tests up best, kept until the next, for who proposes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.environments import storage
from agent.onboarding.facts import Fact
from repo_config import reference

_FACTS = TypeAdapter(tuple[Fact, ...])


def write(home: Path, repository: str, values: Mapping[str, object], why: str) -> None:
    """Keep values of a configuration, by key, in place of those of an earlier run."""
    found = tuple(Fact(key=key, value=one, why=why) for key, one in flatten(values))
    place = _find_place(home, repository)
    place.parent.mkdir(parents=True, exist_ok=True)
    storage.write_whole(place, json.dumps(_FACTS.dump_python(found, mode="json")).encode())


def flatten(values: Mapping[str, object], *above: str) -> Iterator[tuple[str, object]]:
    """Yield each value of a configuration by its dotted key."""
    for key, one in values.items():
        path = (*above, key)
        if isinstance(one, dict) and reference.is_section(reference.find_annotation(path)):
            yield from flatten(one, *path)
        else:
            yield ".".join(path), one


def read(home: Path, repository: str) -> tuple[Fact, ...]:
    """Return what was kept of a repository, by its path or address."""
    try:
        return _FACTS.validate_json(_find_place(home, repository).read_bytes())
    except (OSError, ValidationError):
        return ()


def _find_place(home: Path, repository: str) -> Path:
    return home / "set-up" / f"{hashlib.sha256(repository.encode()).hexdigest()[:32]}.json"
