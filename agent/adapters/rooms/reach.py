"""Say which folder keeps a room's user from what it is to be shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent.errors import SandboxMissing
from agent.ports import ROOM_TREE, Mount, RoomOrder


def check(order: RoomOrder, root: Path | None, uid: int) -> None:
    """Refuse what the room's user could not open, and say which folder closes it off.

    Raises:
        SandboxMissing: Something that is to be shown is absent or out of reach.
    """
    if root is not None:
        _check(root, uid, 0o4, "MERGEWRIGHT_ROOM_ROOT")
    shown = []
    if order.tree is not None:
        shown.append(Mount(source=order.tree, target=ROOM_TREE))
    for mount in (*shown, *order.mounts):
        # What may be written to is lent to the room's user where that is not ourselves.
        lent = mount.writable and uid != os.geteuid()
        _check(Path(mount.source), uid, 0 if lent else 0o6 if mount.writable else 0o4)
    if order.proxy_socket is not None:
        _check(Path(order.proxy_socket), uid, 0o2)


def _check(path: Path, uid: int, need: int, setting: str = "MERGEWRIGHT_HOME") -> None:
    if not path.exists():
        raise SandboxMissing(f"{path} is to be shown in a room, but it does not exist.")
    real = path.resolve()
    for folder in reversed(real.parents):
        if not _allowed(folder.stat(), uid, 0o1):
            raise SandboxMissing(
                f"The room's user cannot reach {path}: {folder} is closed to other users "
                f"(mode {stat.S_IMODE(folder.stat().st_mode):04o}). Keep Mergewright's data where "
                f"others may enter: set {setting} to a folder outside {folder}."
            )
    state = real.stat()
    if need and stat.S_ISDIR(state.st_mode):
        need |= 0o1
    if not _allowed(state, uid, need):
        word, mode = ("write to", "w") if need & 0o2 else ("read", "rX")
        raise SandboxMissing(
            f"The room's user cannot {word} {path} "
            f"(mode {stat.S_IMODE(state.st_mode):04o}): chmod o+{mode} {path}"
        )


def _allowed(state: os.stat_result, uid: int, need: int) -> bool:
    if state.st_uid == uid:
        return (state.st_mode >> 6) & need == need
    own_groups = {os.getegid(), *os.getgroups()} if uid == os.geteuid() else {uid}
    if state.st_gid in own_groups:
        return (state.st_mode >> 3) & need == need
    return state.st_mode & need == need
