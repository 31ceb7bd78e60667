"""Open sandboxes with a container engine: one container each, through the docker SDK.

Order and answers pass through the container's standard streams. The runner reads orders from
standard input, whose end tells it that the host has ended. It alone can write to standard output,
where it sends its frames; standard error has messages of Python or the engine. The arguments of a
container are in `container_arguments`, what comes out of it is read in `running`.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import docker
import requests
import structlog
from docker import errors

from agent.errors import SandboxLost, SandboxMissing
from agent.models.sandbox import (
    Hear,
    Root,
    SandboxRequest,
)
from agent.sandbox import container_arguments, docker_engine, preparing, slots
from agent.sandbox.running import RunningSandbox, SandboxMaker
from agent.settings import Settings

_PIECE_BYTES = 1024**2
_CONFLICT = 409
#: The engine's header of every piece: number of the stream, and length in bytes.
_HEAD = struct.Struct("!B3xI")
_OUTPUT = 1
_log = structlog.get_logger()


class DockerSandbox(SandboxMaker):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_answered = False
        self._connecting = Lock()

    def roots(self) -> tuple[Root, ...]:
        with self._open_client() as client:
            usual = docker_engine.choose_image(client)
            others = docker_engine.list_images(client)
        del others[usual.version]
        build = "mergewright images build"
        return tuple(
            Root(name=image.version, mark=image.digest, more=f"{build} {image.version}")
            for image in (usual, *others.values())
        )

    def start(
        self,
        order: SandboxRequest,
        stack: ExitStack,
        hear: Hear | None = None,
    ) -> Container:
        home = self._settings.home
        client = stack.enter_context(self._open_client())
        order, slot = stack.enter_context(preparing.prepare_request(order, self._settings))
        image = docker_engine.choose_image(client, order.root)
        sandbox = Container(order, stack, client, hear)
        shown = container_arguments.write_files(home, slot.uid, order.hosts)
        sandbox.start(
            container_arguments.build_container(slot, image, home),
            container_arguments.build_host_config(order, slot.uid, shown),
        )
        return sandbox

    @contextmanager
    def _open_client(self) -> Iterator[docker.APIClient]:
        """Connect; the first time also remove containers that killed processes left behind."""
        with ExitStack() as stack:
            try:
                client = stack.enter_context(docker_engine.open_client(self._settings))
            except SandboxMissing as problem:
                if not self._has_answered:
                    raise
                raise SandboxLost(f"It no longer exists. {problem.message}") from problem
            with self._connecting:
                if not self._has_answered:
                    docker_engine.require_rootful(client)
                    remove_strays(client, self._settings.home)
                    self._has_answered = True
            yield client


class Container(RunningSandbox):
    """A sandbox in a container; the container is killed and removed at its end."""

    def __init__(
        self,
        order: SandboxRequest,
        stack: ExitStack,
        client: docker.APIClient,
        hear: Hear | None = None,
    ) -> None:
        super().__init__(order, stack, hear)
        self._client = client
        self._pieces = bytearray()
        self._container = ""
        self._socket: socket.socket | None = None

    def start(self, container: dict[str, Any], host_config: dict[str, Any]) -> None:
        self._container = self._make(container, host_config)
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = self._client.attach_socket(self._container, params=streams)
        self._stack.callback(attached.close)
        # The client's object can only read; the socket below it can also write.
        self._socket = attached._sock  # noqa: SLF001
        self._stack.callback(self._socket.close)
        self._socket.settimeout(0)
        try:
            self._client.start(self._container)
        except errors.APIError as problem:
            words = str(problem.explanation or problem)
            if "executable file not found" in words and "python3" in words:
                raise SandboxMissing(
                    f"The image {container['image']} has no python3, which a sandbox needs."
                    " Build another one: mergewright images build 3.11"
                ) from problem
            raise SandboxLost(f"The sandbox did not start: {words}") from problem
        self.send_order(bounded=True, **container_arguments.build_runner_exec(self._order))

    def transfer(self, seconds: float) -> bool:
        connection = self._socket
        if connection is None:
            return False
        poll = select.poll()
        poll.register(connection, select.POLLIN | (select.POLLOUT if self._to_send else 0))
        for _, event in poll.poll(seconds * 1000):
            try:
                if event & select.POLLOUT:
                    sent = connection.send(self._to_send[:_PIECE_BYTES])
                    self._to_send = self._to_send[sent:]
                content = connection.recv(_PIECE_BYTES) if event & ~select.POLLOUT else None
            except BlockingIOError:
                continue
            except OSError:  # the engine is gone, or the sandbox is, before it has read all
                content = b""
            if content:
                self._read_pieces(content)
            elif content is not None:
                self._socket = None
        return self._socket is not None

    def kill(self) -> str | None:
        with suppress(errors.APIError):  # it has ended
            self._client.kill(self._container)
        state = self._client.inspect_container(self._container)["State"]
        if state["OOMKilled"]:
            return "memory"
        self.record_complaint(f"its first process exited with {state['ExitCode']}. ".encode())
        return None

    def _make(self, container: dict[str, Any], host_config: dict[str, Any]) -> str:
        """Create the container, and replace one that a killed process left in this slot."""
        config = self._client.create_host_config(**host_config)
        try:
            made = self._client.create_container(**container, host_config=config)
        except errors.APIError as problem:
            if problem.status_code != _CONFLICT:
                raise
            remove_container(self._client, container["name"])
            made = self._client.create_container(**container, host_config=config)
        self._stack.callback(remove_container, self._client, made["Id"])
        return str(made["Id"])

    def _read_pieces(self, content: bytes) -> None:
        """Split the engine's stream into its pieces, which are small."""
        self._pieces += content
        while len(self._pieces) >= _HEAD.size:
            stream, length = _HEAD.unpack_from(self._pieces)
            end = _HEAD.size + length
            if len(self._pieces) < end:
                return
            piece = bytes(memoryview(self._pieces)[_HEAD.size : end])
            del self._pieces[:end]
            if stream != _OUTPUT:
                self.record_complaint(piece)
                continue
            try:
                self.frames.feed(piece)
            except SandboxLost:
                # Before the runner starts, Python or the engine may print here.
                if self.frames.started:
                    raise
                self.record_complaint(piece)


def remove_strays(client: docker.APIClient, home: Path) -> int:
    """Remove the containers of a data folder whose host process was killed; return how many.

    Usually the engine has closed the runner's input, and the runner has ended the container; only
    the engine's entry of it is left. A container is a left-over if its slot is not locked.
    """
    gone = 0
    mark = f"{container_arguments.HOME_LABEL}={slots.make_prefix(home)}"
    for listed in client.containers(all=True, filters={"label": mark}):
        number = listed["Labels"].get(container_arguments.SLOT_LABEL, "")
        if number.isdigit():
            with slots.lock_if_free(home, int(number)) as free:
                if free:
                    remove_container(client, listed["Id"])
                    gone += 1
    return gone


def remove_container(client: docker.APIClient, container: str) -> None:
    """Kill and remove a container; if that fails, the next user of its slot removes it."""
    try:
        client.remove_container(container, v=True, force=True)
    except errors.NotFound:
        return
    except (errors.DockerException, requests.RequestException) as problem:
        _log.warning("sandbox not removed", container=container, problem=str(problem))
