"""What a run found to set base's tests up best, kept until the next, for who proposes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.contract.facts import Fact
from agent.environments import storage

_FACTS = TypeAdapter(tuple[Fact, ...])


def write(home: Path, repository: str, values: Mapping[str, object], why: str) -> None:
    """Keep values of a configuration, by key, in place of those of an earlier run."""
    python = values.get("python")
    flat = {f"python.{key}": one for key, one in python.items()} if isinstance(python, dict) else {}
    flat |= {key: one for key, one in values.items() if key != "python"}
    found = tuple(Fact(key=key, value=one, why=why) for key, one in flat.items())
    place = _find_place(home, repository)
    place.parent.mkdir(parents=True, exist_ok=True)
    storage.write_whole(place, json.dumps(_FACTS.dump_python(found, mode="json")).encode())


def read(home: Path, repository: str) -> tuple[Fact, ...]:
    """Return what was kept of a repository, by its path or address."""
    try:
        return _FACTS.validate_json(_find_place(home, repository).read_bytes())
    except (OSError, ValidationError):
        return ()


def _find_place(home: Path, repository: str) -> Path:
    return home / "set-up" / f"{hashlib.sha256(repository.encode()).hexdigest()[:32]}.json"
