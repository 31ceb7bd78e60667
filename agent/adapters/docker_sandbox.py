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
from agent.adapters.rooms import bounds, lending, reach, sheet, slots
from agent.ports import Flag, Hear, RoomOrder, RoomResult, Root, RootPython
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
            image = engine.choose(client, self._settings, order.root)
            with (
                lending.handed_over(order.mounts, uid),
                opened.OpenedRoom(order, client, hear) as room,
            ):
                container = walls.container(uid, slot, image, home)
                told = sheet.write(order, bounded=True, more=walls.asked_of_runner())
                room.open(container, self._host_config(order, uid), told)
                return room.attend(cancelled)

    def roots(self) -> tuple[Root, ...]:
        """List the images that rooms can be opened from, by minor version of Python.

        Raises:
            SandboxMissing: There is no engine, or no image.
            SandboxLost: The engine does not answer.
        """
        with self._connected().client() as client:
            usual = engine.choose(client, self._settings)
            others = engine.images(client, self._settings)
        del others[usual.version]
        return tuple(_root(image) for image in (usual, *others.values()))

    def _host_config(self, order: RoomOrder, uid: int) -> dict[str, Any]:
        shown = furniture.lay_out(self._settings.home, uid, order.hosts)
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


def _root(image: engine.Image) -> Root:
    python, prefix = (image.labels.get(n) for n in (engine.PYTHON_LABEL, engine.PREFIX_LABEL))
    path = f"{prefix}/bin/python{image.version}"
    known = (RootPython(version=python, prefix=prefix, path=path),) if python and prefix else ()
    return Root(
        name=image.version,
        mark=image.digest,
        pythons=known,
        more=f"mergewright images build {image.version}",
        option="--package ",
    )
