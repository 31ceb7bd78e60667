"""Open sealed rooms with a container engine: one container each, through the docker SDK.

Owns the life of a room from its slot to its removal. What a room shows and lacks is in
`docker_rooms.walls`, how it is listened to in `docker_rooms.opened`, what happens inside in
`inside/room.py`: the same runner as in every room.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import docker

from agent.adapters.docker_rooms import engine, furniture, opened, strays, walls
from agent.adapters.rooms import bounds, lending, reach, slots
from agent.ports import Flag, Hear, Measure, RoomOrder, RoomResult
from agent.settings import Settings


class DockerSandbox:
    """Sealed rooms in containers, each gone when `run` returns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: engine.Engine | None = None
        self._connecting = Lock()

    def run(
        self, order: RoomOrder, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> RoomResult:
        """Run one command in a fresh room and take the room down, whatever happens.

        Raises:
            SandboxMissing: No room can be opened here; the message says what to do.
            SandboxLost: The room ended without proof that the command started, or was cancelled.
        """
        home = self._settings.home
        order = bounds.hold(order, self._settings)
        with self._connected().client() as client, slots.claim(home) as slot:
            uid = slots.user(slot, order)
            reach.check(order, None, uid)
            image = engine.choose(client, self._settings)
            with (
                lending.handed_over(order.mounts, uid),
                opened.OpenedRoom(order, client, hear) as room,
            ):
                container = walls.container(uid, slot, image, home)
                room.open(container, self._host_config(order, uid))
                return room.attend(cancelled)

    def measure(self) -> tuple[Measure, ...]:
        """Try every limit by an attempt to break it."""
        from agent.adapters.rooms import attempts

        return attempts.measure(self, self._settings)

    def _host_config(self, order: RoomOrder, uid: int) -> dict[str, Any]:
        shown = furniture.lay_out(self._settings.home, uid)
        return walls.host_config(order, uid, shown, self._settings)

    def _connected(self) -> engine.Engine:
        """Connect once per process, and remove what killed ones left behind."""
        with self._connecting:
            if self._engine is None:
                found = engine.connect(self._settings)
                with found.client() as client:
                    self._remove_strays(client)
                self._engine = found
            return self._engine

    def _remove_strays(self, client: docker.APIClient) -> None:
        strays.remove(client, self._settings.home)
