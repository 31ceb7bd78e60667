"""Keep a sandbox of the container engine open."""

from __future__ import annotations

from contextlib import ExitStack

from agent.models.sandbox import Flag, SandboxRequest
from agent.sandbox.conversation import Conversation
from agent.sandbox.docker import engine, furniture, opened, walls
from agent.sandbox.runtime import layout, reach, sheet
from agent.settings import Settings


class DockerConversation(Conversation, opened.OpenedSandbox):
    """A session's container; its standard input carries the order and then the requests."""

    def listen(self, seconds: float) -> bool:
        """Read and write what can be, waiting no longer than this."""
        if self._line is not None:
            self._exchange(seconds)
        return self._line is not None

    def hear_last_words(self) -> None:
        """Take in what the engine and Python said of a container that did not open."""
        self.complain(bytes(self._not_signed))


def open_conversation(
    order: SandboxRequest,
    found: engine.Engine,
    settings: Settings,
    stack: ExitStack,
    stopped: Flag | None,
) -> DockerConversation:
    """Open the container that the order describes; the stack takes it down.

    Raises:
        SandboxMissing: No sandbox can be opened here.
        SandboxLost: It did not open.
    """
    client = stack.enter_context(found.client())
    bounded, slot, uid = stack.enter_context(reach.prepare(order, None, settings))
    image = engine.choose(client, settings, order.root)
    talk = stack.enter_context(DockerConversation(bounded, client))
    shown = furniture.lay_out(settings.home, uid, order.hosts)
    more = {**walls.asked_of_runner(lasting=True), "base": layout.SOURCE, "guide": None}
    talk.open(
        walls.container(uid, slot, image, settings.home, lasting=True),
        walls.host_config(bounded, uid, shown, settings),
        sheet.write(bounded, bounded=True, more=more),
    )
    talk.await_start(stopped)
    return talk
