"""Write an order as the runner in a sandbox reads it (`sandbox_scripts/runner.py`)."""

from __future__ import annotations

import json
import struct
from typing import Any

from agent.models.sandbox import SANDBOX_TREE, SandboxRequest
from agent.sandbox.runtime import layout, shared_folders

_OPEN_FILES = 4096
_SPARE_TASKS = 4096
"""Above a bound of the kernel's for the whole sandbox, which is the one that is counted and named;
a user of a container may have others too, of another data folder."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def own_tasks(order: SandboxRequest) -> int:
    """How many tasks in the sandbox are ours: the runner, and its relay to the proxy."""
    return 1 if order.proxy_socket is None else 2


def encode_request(
    order: SandboxRequest,
    *,
    bounded: bool,
    more: dict[str, Any] | None = None,
) -> bytes:
    """Write all that the runner has to know, and the files it is to lay out.

    In a sandbox that the kernel has not bounded as a whole, the runner bounds each process, and
    looks.
    """
    limits = order.limits
    spare = _SPARE_TASKS if bounded else 0
    rlimits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_FSIZE": limits.disk_bytes,
        "RLIMIT_NPROC": limits.processes + own_tasks(order) + spare,
    }
    if not bounded:
        rlimits["RLIMIT_AS"] = limits.memory_bytes
    told = {
        "argv": order.argv,
        "environ": _environ(order) | order.environ,
        "directory": order.directory,
        "home": layout.HOME,
        "source": layout.SOURCE if order.tree is not None else None,
        "tree": SANDBOX_TREE,
        "bulk": [
            {"from": f"{layout.LAYERS}/{number}/bulk/{index}", "to": f"{SANDBOX_TREE}/{path}"}
            for number, layer in enumerate(order.layers)
            for index, path in enumerate(layer.bulk)
        ],
        "bulk_is_laid": False,
        "layers": [f"{layout.LAYERS}/{number}" for number in range(len(order.layers))],
        "files": [{"path": file.path, "size": len(file.content)} for file in order.files],
        "seconds": limits.seconds,
        "rlimits": rlimits,
        # A kernel that knows no message queues does not let them be bounded.
        "wishes": ("RLIMIT_MSGQUEUE",),
        "sampled_memory": None if bounded else limits.memory_bytes,
        "sampled_tasks": limits.processes,
        "places": layout.WRITABLE,
        "inodes": shared_folders.entries_for(limits.disk_bytes),
        "proxy": layout.PROXY if order.proxy_socket is not None else None,
        "collect": order.collect,
        "watched": order.watched,
        "company": [one.model_dump() for one in order.company],
        "returned_bytes": limits.returned_bytes,
        "returned_files": limits.returned_files,
        "counters": (),
        "filter": None,
        "lifeline": False,
        **(more or {}),
    }
    head = json.dumps(told).encode("ascii")
    return struct.pack("!Q", len(head)) + head + b"".join(f.content for f in order.files)


def _environ(order: SandboxRequest) -> dict[str, str]:
    environ = {
        "PATH": PATH,
        "HOME": layout.HOME,
        "LANG": "C.UTF-8",
        "TMPDIR": layout.TEMPORARY,
    }
    if order.proxy_socket is not None and layout.certificates() is not None:
        names = (
            "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        )  # fmt: skip
        environ |= dict.fromkeys(names, layout.CERTIFICATES)
    return environ
