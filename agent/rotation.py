"""Secrets that change while a process runs: their files are read again, without a restart.

If a file cannot be used, the previous secret stays in use.
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
    """An object made of a secret: once, or again when its file has changed."""

    def __init__(self, loaded: Settings, field: str, make: Callable[[], T]) -> None:
        """Make it; raises SettingsInvalid as `make` does."""
        secret = getattr(loaded, field)
        self._path = secret if isinstance(secret, Path) else None
        self._make, self._name = make, settings.variable(f"{field}_file")
        self._seen = self._identify_file()
        self._made = make()

    def __call__(self) -> T:
        """Return the present object; costs a look at the file."""
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
    """Set the keys of providers that are in files in the environment; return whether any is new."""
    try:
        changed = {
            name: key for name, key in settings.model_keys().items() if os.environ.get(name) != key
        }
    except SettingsInvalid as problem:
        _log.error("the keys before stay in use", problem=problem.message)
        return False
    os.environ.update(changed)
    return bool(changed)
