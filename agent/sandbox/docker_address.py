"""Where the container engine is. Loads nothing of its client, so that asking is quick."""

import os
import stat
from pathlib import Path

from agent.errors import SandboxMissing
from agent.settings import Settings

SCHEME = "unix://"
USUAL = f"{SCHEME}/var/run/docker.sock"


def find_address(settings: Settings) -> str:
    """Say where the engine is; only one on this machine will do."""
    address = settings.docker_host or os.environ.get("DOCKER_HOST") or USUAL
    if address.startswith("/"):
        address = f"{SCHEME}{address}"
    if not address.startswith(f"{SCHEME}/"):
        raise SandboxMissing(
            f"The container engine at {address} cannot be used: sandboxes mount local folders,"
            " so the engine must be local. Set MERGEWRIGHT_DOCKER_HOST to its socket, as in"
            f" {USUAL}, or MERGEWRIGHT_SANDBOX=bubblewrap."
        )
    return address


def is_there(settings: Settings) -> bool:
    """Say whether there is a socket at that place; nobody is asked anything."""
    try:
        mode = Path(find_address(settings).removeprefix(SCHEME)).stat().st_mode
    except (OSError, SandboxMissing):
        return False
    return stat.S_ISSOCK(mode)
