"""Say to the engine what a sandbox shows and what it lacks. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.types import LogConfig, Mount

from agent.models.sandbox import SandboxRequest
from agent.sandbox.docker.engine import Image
from agent.sandbox.runtime import layout, request_format, seccomp, shared_folders, slots
from agent.settings import Settings

#: By these labels a container is known as a sandbox of a data folder.
HOME_LABEL, SLOT_LABEL = "mergewright.home", "mergewright.slot"
#: The kernel's own counts, as a container is shown them: by version 2 and 1 of control groups.
_COUNTERS = (
    ("memory", "/sys/fs/cgroup/memory.events", "oom_kill"),
    ("memory", "/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
    ("processes", "/sys/fs/cgroup/pids.events", "max"),
    ("processes", "/sys/fs/cgroup/pids/pids.events", "max"),
)


def host_config(
    order: SandboxRequest, uid: int, shown: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """Say how the sandbox is sealed, how large it is, and what it sees of this machine."""
    limits = order.limits
    mounts = [Mount(place, path, "bind", read_only=True) for place, path in shown.items()]
    if order.tree is not None:
        mounts.append(Mount(layout.SOURCE, order.tree, "bind", read_only=True))
    for number, layer in enumerate(order.layers):
        place = f"{layout.LAYERS}/{number}"
        mounts.append(Mount(place, layer.folder, "bind", read_only=True))
    for mount in order.mounts:
        mounts.append(Mount(mount.target, mount.source, "bind", read_only=not mount.writable))
    if order.proxy_socket is not None:
        mounts.append(Mount(layout.PROXY, order.proxy_socket, "bind", read_only=True))
    config: dict[str, Any] = {
        "network_mode": "none",
        "ipc_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "read_only": True,
        "init": False,  # our runner is process 1
        "tmpfs": {
            place: (
                f"rw,nosuid,nodev,exec,size={limits.disk_bytes}"
                f",nr_inodes={shared_folders.entries_for(limits.disk_bytes)}"
                f",mode={layout.mode_of(place)},uid={uid},gid={_group(uid)}"
            )
            for place in layout.WRITABLE
        },
        "pids_limit": limits.processes + request_format.own_tasks(order),
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        # Nothing of what a sandbox prints is kept by the engine: it could fill the disk.
        "log_config": LogConfig(type="none"),
        "userns_mode": "host",
        "mounts": mounts,
    }
    if settings.sandbox_cpus is not None:
        config["nano_cpus"] = int(settings.sandbox_cpus * 1e9)
    return config


def build_container(
    uid: int, slot: slots.Slot, image: Image, home: Path, *, lasting: bool = False
) -> dict[str, Any]:
    """Say what runs first in the sandbox, and as whom."""
    return {
        "image": image.digest,
        "name": slot.name,
        "hostname": layout.HOSTNAME,
        "user": f"{uid}:{_group(uid)}",
        # Never one of a mount: foreign code of an earlier sandbox may have replaced it.
        "entrypoint": ["python3", "-I", "-S", layout.RUNNER, "2", "0"],
        "command": ["session"] if lasting else [],
        "environment": {"PATH": request_format.PATH},
        "working_dir": "/",
        "stdin_open": True,
        "network_disabled": True,
        "healthcheck": {"test": ["NONE"]},
        "labels": {HOME_LABEL: slots.prefix(home), SLOT_LABEL: str(slot.number)},
    }


def _group(uid: int) -> int:
    """The host group of everything in a sandbox."""
    return uid if os.geteuid() == 0 else os.getegid()


def asked_of_runner(*, lasting: bool = False) -> dict[str, Any]:
    """Say what the runner in such a sandbox has to see to by itself."""
    program = seccomp.program(lasting=lasting)
    return {
        "counters": [
            {"limit": limit, "path": path, "word": word} for limit, path, word in _COUNTERS
        ],
        "filter": program.hex() if program is not None else None,
        "lifeline": True,
    }
