"""Hold what an order asks for against what the operator allows."""

from __future__ import annotations

from agent.ports import RoomOrder
from agent.settings import Settings


def hold(order: RoomOrder, given: Settings) -> RoomOrder:
    """Return the order with limits that are no wider than the settings."""
    limits = order.limits.model_copy(
        update={
            "memory_bytes": min(order.limits.memory_bytes, given.room_memory_mb * 1024**2),
            "processes": min(order.limits.processes, given.room_processes),
            "disk_bytes": min(order.limits.disk_bytes, given.room_disk_mb * 1024**2),
        }
    )
    return order.model_copy(update={"limits": limits})
