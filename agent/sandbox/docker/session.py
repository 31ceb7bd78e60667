"""Keep a sandbox of the container engine open."""

from __future__ import annotations

from contextlib import ExitStack

from agent.models.sandbox import Flag, SandboxRequest
from agent.sandbox.docker import container_arguments, engine, running, shared_files
from agent.sandbox.runner_client import RunnerClient
from agent.sandbox.runtime import layout, request_format, request_preparation
from agent.settings import Settings


class DockerRunnerClient(RunnerClient, running.RunningSandbox):
    """A session's container; its standard input carries the order and then the requests."""

    def listen(self, seconds: float) -> bool:
        """Read and write what can be, waiting no longer than this."""
        if self._line is not None:
            self._exchange(seconds)
        return self._line is not None

    def hear_last_words(self) -> None:
        """Take in what the engine and Python said of a container that did not open."""
        self.take_complaint(bytes(self._not_signed))


def open_conversation(
    order: SandboxRequest,
    found: engine.Engine,
    settings: Settings,
    stack: ExitStack,
    stopped: Flag | None,
) -> DockerRunnerClient:
    """Open the container that the order describes; the stack takes it down.

    Raises:
        SandboxMissing: No sandbox can be opened here.
        SandboxLost: It did not open.
    """
    client = stack.enter_context(found.client())
    bounded, slot, uid = stack.enter_context(
        request_preparation.prepare_request(order, None, settings)
    )
    image = engine.choose_image(client, settings, order.root)
    talk = stack.enter_context(DockerRunnerClient(bounded, client))
    shown = shared_files.lay_out(settings.home, uid, order.hosts)
    more = {
        **container_arguments.asked_of_runner(lasting=True),
        "base": layout.SOURCE,
        "guide": None,
    }
    talk.open(
        container_arguments.build_container(uid, slot, image, settings.home, lasting=True),
        container_arguments.host_config(bounded, uid, shown, settings),
        request_format.encode_request(bounded, bounded=True, more=more),
    )
    talk.await_start(stopped)
    return talk
