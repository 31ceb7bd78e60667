"""Make sandboxes of the kind that the operator chose, and remove what is left of them."""

from agent.errors import SandboxMissing
from agent.sandbox import cgroup
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.sandbox.running import SandboxMaker
from agent.settings import Settings


def make_sandbox(settings: Settings) -> SandboxMaker:
    if settings.sandbox == "bubblewrap":
        return BubblewrapSandbox(settings)
    # The client of the engine takes its time to load; who has no engine does without.
    from agent.sandbox.docker_sandbox import DockerSandbox

    return DockerSandbox(settings)


def remove_strays(settings: Settings) -> int:
    """Remove what killed processes left of sandboxes; return how much."""
    gone = cgroup.remove_orphans(settings.home)
    if settings.sandbox == "bubblewrap":
        return gone
    from agent.sandbox import docker_engine, docker_sandbox

    try:
        with docker_engine.open_client(settings) as client:
            return gone + docker_sandbox.remove_strays(client, settings.home)
    except SandboxMissing:
        return gone  # nobody there who could have any
