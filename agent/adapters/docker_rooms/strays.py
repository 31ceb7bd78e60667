"""Remove the containers of rooms whose host process was killed.

The runner in such a room has ended it already, when the engine told it that nobody listens any
more; what is left is the container's entry, and a room whose runner could not end it. It is known
by the labels with its data folder and slot, and is a left-over when nobody has the slot.
"""

from __future__ import annotations

from pathlib import Path

import docker

from agent.adapters.docker_rooms import opened, walls
from agent.adapters.rooms import slots


def remove(client: docker.APIClient, home: Path) -> int:
    """Remove what killed processes left of the rooms of a data folder; return how much."""
    gone = 0
    mark = f"{walls.HOME_LABEL}={slots.prefix(home)}"
    for one in client.containers(all=True, filters={"label": mark}):
        number = one["Labels"].get(walls.SLOT_LABEL, "")
        if not number.isdigit():
            continue
        with slots.if_free(home, int(number)) as free:
            if free:
                opened.remove(client, one["Id"])
                gone += 1
    return gone
