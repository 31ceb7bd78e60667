"""Secrets that change while a process runs: their files are read again, and nothing is restarted.

A file that cannot be used just now, or without such a secret, leaves the one before in use.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from agent import settings
from agent.errors import SettingsInvalid
from agent.settings import Settings

T = TypeVar("T")
_log = structlog.get_logger()


class RotatingSecret(Generic[T]):
    """What is made of a secret: once, or whenever its file has changed."""

    def __init__(self, loaded: Settings, field: str, make: Callable[[], T]) -> None:
        """Make it; raises SettingsInvalid as `make` does."""
        given = getattr(loaded, field)
        self._path = given if isinstance(given, Path) else None
        self._make, self._name = make, settings.variable(f"{field}_file")
        self._seen = self._identify_file()
        self._made = make()

    def __call__(self) -> T:
        """Give the present one; costs a look at the file."""
        if self._path is not None and (there := self._identify_file()) != self._seen:
            self._seen = there
            try:
                self._made = self._make()
            except SettingsInvalid as problem:
                _log.error("the secret before stays in use", problem=problem.message)
            else:
                _log.info("a secret was read again", setting=self._name)
        return self._made

    def _identify_file(self) -> tuple[int, int, int] | None:
        try:
            there = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (there.st_mtime_ns, there.st_size, there.st_ino) if there else None


def refresh_model_keys() -> bool:
    """Put the keys of providers that are in files where their clients look; say if any is new."""
    try:
        changed = {
            name: key for name, key in settings.model_keys().items() if os.environ.get(name) != key
        }
    except SettingsInvalid as problem:
        _log.error("the keys before stay in use", problem=problem.message)
        return False
    os.environ.update(changed)
    return bool(changed)
