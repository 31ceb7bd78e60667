"""Choose which kind of sandbox is opened."""

from typing import Literal

import structlog

from agent.errors import SandboxLost, SandboxMissing
from agent.sandbox import cgroup, docker_address
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.sandbox.running import SandboxMaker
from agent.settings import Settings

_log = structlog.get_logger()

Kind = Literal["docker", "bubblewrap"]
KINDS: tuple[Kind, ...] = ("docker", "bubblewrap")


def make_sandbox(kind: Kind, settings: Settings) -> SandboxMaker:
    if kind == "bubblewrap":
        return BubblewrapSandbox(settings)
    # The client of the engine takes its time to load; who has no engine does without.
    from agent.sandbox.docker_sandbox import DockerSandbox

    return DockerSandbox(settings)


def choose_kind(settings: Settings) -> Kind:
    """Say which kind of sandbox the settings mean.

    `auto` means docker where an engine has an image for sandboxes: it was built to be used, and its
    root file system is never this machine's. Otherwise it means bubblewrap.
    """
    if settings.sandbox != "auto":
        return settings.sandbox
    if not docker_address.is_there(settings):
        return "bubblewrap"
    from agent.sandbox import docker_engine

    try:
        with docker_engine.open_client(settings) as client:
            docker_engine.require_rootful(client)
            docker_engine.choose_image(client, settings)
    except (SandboxMissing, SandboxLost) as problem:
        _log.info("using bubblewrap sandboxes", because=problem.message)
        return "bubblewrap"
    return "docker"


def make_chosen_sandbox(settings: Settings) -> SandboxMaker:
    """Make the sandboxes that the settings ask for.

    They stay of that kind: an engine that goes away later makes for an error, never for sandboxes
    of a weaker kind.
    """
    return make_sandbox(choose_kind(settings), settings)


def remove_strays(settings: Settings) -> int:
    """Remove what killed processes left of sandboxes of every kind; return how much."""
    gone = cgroup.remove_orphans(settings.home)
    if settings.sandbox == "bubblewrap" or not docker_address.is_there(settings):
        return gone
    from agent.sandbox import docker_engine, docker_sandbox

    try:
        with docker_engine.open_client(settings) as client:
            return gone + docker_sandbox.remove_strays(client, settings.home)
    except SandboxMissing:
        return gone  # nobody there who could have any
