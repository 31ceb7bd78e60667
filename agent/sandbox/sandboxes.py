"""Choose what makes the sandboxes. What a sandbox of each kind is like is theirs."""

from __future__ import annotations

from threading import Lock
from typing import Literal

import structlog

from agent.errors import SandboxLost, SandboxMissing
from agent.models.sandbox import Flag, Hear, Root, Sandbox, SandboxRequest, SandboxResult
from agent.sandbox.bubblewrap import orphans
from agent.sandbox.bubblewrap.sandbox import BubblewrapSandbox
from agent.settings import Settings

_log = structlog.get_logger()

Kind = Literal["docker", "bubblewrap"]
KINDS: tuple[Kind, ...] = ("docker", "bubblewrap")


def make_sandbox(kind: Kind, settings: Settings) -> Sandbox:
    """Make the sandbox of a kind, whatever the settings say of it."""
    if kind == "bubblewrap":
        return BubblewrapSandbox(settings)
    # The client of the engine takes its time to load; who has no engine does without.
    from agent.sandbox.docker.sandbox import DockerSandbox

    return DockerSandbox(settings)


def choose_kind(settings: Settings) -> Kind:
    """Say which kind of sandbox the settings mean.

    Left to us it is docker where an engine has an image for sandboxes: whoever has built one wants
    it used, and its root file system is never this machine's. Otherwise it is bubblewrap.
    """
    if settings.sandbox != "auto":
        return settings.sandbox
    from agent.sandbox.docker import address

    if not address.is_there(settings):
        return "bubblewrap"
    from agent.sandbox.docker import engine

    try:
        with engine.connect_to_engine(settings).client() as client:
            engine.choose_image(client, settings)
    except (SandboxMissing, SandboxLost) as problem:
        _log.info("sandboxes are made by bubblewrap", because=problem.message)
        return "bubblewrap"
    return "docker"


class ChosenSandbox:
    """The sandboxes that the settings ask for; which kind that is, is found out when one is needed.

    It stays that kind from then on: an engine that goes away later makes for an error, never for
    sandboxes of a weaker kind.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: Sandbox | None = None
        self._choosing = Lock()

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a fresh sandbox; see `Sandbox.run`."""
        return self._get_sandbox().run(order, cancelled, hear)

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that sandboxes can have, the usual one first."""
        return self._get_sandbox().roots()

    def _get_sandbox(self) -> Sandbox:
        with self._choosing:
            if self._found is None:
                self._found = make_sandbox(choose_kind(self._settings), self._settings)
            return self._found


def remove_strays(settings: Settings) -> int:
    """Remove what killed processes left of sandboxes of every kind; return how much."""
    gone = orphans.remove_orphans(settings.home)
    from agent.sandbox.docker import address

    if settings.sandbox == "bubblewrap" or not address.is_there(settings):
        return gone
    from agent.sandbox.docker import engine
    from agent.sandbox.docker import sandbox as docker_sandbox

    try:
        with engine.connect_to_engine(settings).client() as client:
            return gone + docker_sandbox.remove_strays(client, settings.home)
    except SandboxMissing:
        return gone  # nobody there who could have any
