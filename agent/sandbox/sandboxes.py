"""Choose the kind of sandbox that the operator has set, and remove left-over sandboxes."""

from agent.errors import SandboxMissing
from agent.sandbox import cgroup
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.sandbox.running import SandboxMaker
from agent.settings import Settings


def make_sandbox(settings: Settings) -> SandboxMaker:
    if settings.sandbox == "bubblewrap":
        return BubblewrapSandbox(settings)
    # The client of the engine loads slowly, so it is loaded only where it is used.
    from agent.sandbox.docker_sandbox import DockerSandbox

    return DockerSandbox(settings)


def remove_strays(settings: Settings) -> int:
    """Remove the sandboxes of killed processes; return how many."""
    gone = cgroup.remove_orphans(settings.home)
    if settings.sandbox == "bubblewrap":
        return gone
    from agent.sandbox import docker_engine, docker_sandbox

    try:
        with docker_engine.open_client(settings) as client:
            return gone + docker_sandbox.remove_strays(client, settings.home)
    except SandboxMissing:
        return gone  # without an engine there are no containers
