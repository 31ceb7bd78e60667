"""Put the parts together: the only module that knows every adapter."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.local_forge import LocalForge
from agent.adapters.package_index import SimpleIndex
from agent.errors import SettingsInvalid
from agent.services import Services
from agent.settings import Settings


def sandbox(settings: Settings) -> BubblewrapSandbox:
    """Make the room backend that the settings ask for."""
    return BubblewrapSandbox(settings)


def local(settings: Settings, say: Callable[[str], None]) -> Services:
    """Compose the services of a run on this machine, without a server."""
    # Rooms run as another user: what is laid out for them must be readable, whatever the shell's
    # umask was.
    os.umask(0o022)
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {settings.home} cannot be made ({problem.strerror}). Name a folder"
            " that you may write to."
        ) from problem
    return Services(
        settings=settings,
        forge=LocalForge(settings.home / "runs"),
        sandbox=sandbox(settings),
        index=SimpleIndex(settings),
        say=say,
    )
