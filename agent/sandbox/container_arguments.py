"""Compose the arguments with which the engine creates a container. Starts nothing.

A container can only mount files that have a path, so the runner and `/etc` are written to files.
These are the same for all sandboxes, contain no secret, and are written once.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docker.types import LogConfig, Mount

from agent.git import folders
from agent.models.sandbox import SandboxRequest
from agent.sandbox import cgroup, layout, seccomp, slots
from agent.sandbox.docker_engine import Image

#: Labels that mark a container as a sandbox of a data folder.
HOME_LABEL, SLOT_LABEL = "mergewright.home", "mergewright.slot"


def build_host_config(order: SandboxRequest, uid: int, shown: Mapping[str, str]) -> dict[str, Any]:
    limits = order.limits
    mounts = [Mount(place, path, "bind", read_only=True) for place, path in shown.items()]
    for source, target, writable in layout.list_binds(order):
        mounts.append(Mount(target, source, "bind", read_only=not writable))
    return {
        "network_mode": "none",
        "ipc_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "read_only": True,
        "init": False,  # our runner is process 1
        "tmpfs": {
            place: (
                f"rw,nosuid,nodev,exec,size={limits.disk_bytes}"
                f",nr_inodes={layout.count_entries(limits.disk_bytes)}"
                f",mode={layout.choose_mode(place)},uid={uid},gid={_group(uid)}"
            )
            for place in layout.WRITABLE
        },
        "pids_limit": limits.processes + layout.count_own_tasks(order),
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        # The engine stores no output of a sandbox: it could fill the disk.
        "log_config": LogConfig(type="none"),
        "userns_mode": "host",
        "mounts": mounts,
    }


def build_container(slot: slots.Slot, image: Image, home: Path) -> dict[str, Any]:
    """Compose the arguments for the first program of the container, and its user."""
    return {
        "image": image.digest,
        "name": slot.name,
        "hostname": layout.HOSTNAME,
        "user": f"{slot.uid}:{_group(slot.uid)}",
        # The image's Python, never a mounted one, which foreign code may have replaced earlier.
        "entrypoint": ["python3", "-I", "-S", layout.RUNNER, "1"],
        "command": [],
        "environment": {"PATH": layout.PATH},
        "working_dir": "/",
        "stdin_open": True,
        "network_disabled": True,
        "healthcheck": {"test": ["NONE"]},
        "labels": {HOME_LABEL: slots.make_prefix(home), SLOT_LABEL: str(slot.number)},
    }


def _group(uid: int) -> int:
    return uid if os.geteuid() == 0 else os.getegid()


def build_runner_exec(order: SandboxRequest) -> dict[str, Any]:
    """Compose the part of the order that only a runner in a container carries out."""
    program = seccomp.build_filter(lasting=order.checkout is not None)
    return {
        # Paths as a container sees them, of version 2 and 1 of control groups.
        "counters": [
            {"limit": limit, "path": str(cgroup.CGROUP_ROOT / folder / file), "word": word}
            for limit, controller, file, word in cgroup.COUNTS
            for folder in ("", controller)
        ],
        "filter": program.hex() if program is not None else None,
    }


def write_files(home: Path, uid: int, hosts: Sequence[str] = ()) -> dict[str, str]:
    """Write the files; return the path on the host for each path in the sandbox."""
    ours = dict(layout.read_runner())
    # Empty files to mount others over: no file can be added to a read-only folder.
    ours |= {Path(place).name: b"" for place in (layout.PROXY, layout.CERTIFICATES)}
    etc = {name: text.encode() for name, text in layout.make_etc(uid, hosts).items()}
    place = slots.open_home(home) / "sandboxes"
    shown = folders.provide_folder(place / "etc", etc)
    return {layout.SANDBOX: str(folders.provide_folder(place / "runner", ours))} | {
        f"/etc/{name}": str(shown / name) for name in etc
    }
