"""Define the paths inside sandboxes, and encode the order that their runner reads.

Paths are the same in every kind of sandbox, so that code cannot tell the kind by a path.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from agent.git import one_commit
from agent.models.sandbox import SANDBOX_HOME, SANDBOX_OUT, SANDBOX_TREE, SandboxRequest
from agent.text.bytecode import compile_module

SOURCE = "/src"
"""The ordered work tree, read-only."""
LAYERS = "/layers"
"""Layers that the repository's set-up has added, a numbered folder each."""
SANDBOX = "/sandbox"
RUNNER = f"{SANDBOX}/start.py"
PROXY = f"{SANDBOX}/proxy.sock"
CERTIFICATES = f"{SANDBOX}/certificates.pem"
TEMPORARY = "/tmp"  # noqa: S108 - the sandbox's own, not the host's
SHARED_MEMORY = "/dev/shm"  # noqa: S108
WRITABLE = (TEMPORARY, SANDBOX_TREE, SANDBOX_HOME, SANDBOX_OUT, SHARED_MEMORY)
HOSTNAME = "sandbox"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Programs below /usr need these; nothing in them is private to the host.
HOST_ETC = (
    "alternatives", "ca-certificates", "fonts", "ld.so.cache", "localtime", "magic", "mime.types",
    "os-release", "pki/ca-trust", "pki/tls/certs", "protocols", "services", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip

_START = "start.py"
#: A module of `agent/git`; the others are in `sandbox_scripts/`.
_SHARED = "by_descriptor.py"
_MODULES = ("runner.py", "commands.py", "relay.py", "differing.py")
_OPEN_FILES = 4096
_SPARE_TASKS = 4096
"""Added to the limit per user if the kernel bounds the whole sandbox: that bound is reached first
and reported. Also, a container's user may run sandboxes of another data folder."""


def make_etc(uid: int, hosts: Sequence[str] = ()) -> dict[str, str]:
    """Return the contents of the files of `/etc` that name users and hosts."""
    return {
        "passwd": "root:x:0:0:root:/root:/bin/sh\n"
        f"sandbox:x:{uid}:{uid}:sandbox:{SANDBOX_HOME}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/:/bin/false\n",
        "group": f"root:x:0:\nsandbox:x:{uid}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 {' '.join(('localhost', HOSTNAME, *hosts))}\n"
        "::1 localhost ip6-localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        # Libraries that ask name servers themselves refuse to start without one. This address
        # has no route, so a request fails at once; on 127.0.0.1 it would wait.
        "resolv.conf": "nameserver 192.0.2.1\n",
    }


def choose_mode(place: str) -> str:
    return "1777" if place in (TEMPORARY, SHARED_MEMORY) else "0755"


@cache
def read_runner() -> Mapping[str, bytes]:
    """Read the program that runs first in every sandbox, and its modules with their bytecode."""
    inside = resources.files("agent.sandbox").joinpath("sandbox_scripts")
    files = {_START: inside.joinpath(_START).read_bytes()}
    sources = {name: inside.joinpath(name).read_bytes() for name in _MODULES}
    shared = resources.files("agent.git").joinpath(_SHARED)
    for name, source in {**sources, _SHARED: shared.read_bytes()}.items():
        compiled, content = compile_module(name, source)
        files |= {name: source, compiled: content}
    return files


def count_entries(most_bytes: int) -> int:
    """Return how many files and folders a size in bytes allows: one for each 4 KiB."""
    return max(1024, most_bytes // 4096)


def list_binds(order: SandboxRequest) -> Iterator[tuple[str, str, bool]]:
    """Yield each mount of the order: path on the host, path inside, whether it is writable."""
    if order.tree is not None:
        yield order.tree, SOURCE, False
    for number, layer in enumerate(order.layers):
        yield layer.folder, f"{LAYERS}/{number}", False
    for mount in order.mounts:
        yield mount.source, mount.target, mount.writable
    if order.outlet is not None:
        yield order.outlet.socket, PROXY, False
        yield order.outlet.certificates, CERTIFICATES, False


# --- the order -------------------------------------------------------------------------------


def count_own_tasks(order: SandboxRequest) -> int:
    return 1 if order.outlet is None else 2


def encode_request(order: SandboxRequest, *, bounded: bool, more: dict[str, Any]) -> bytes:
    """Encode the order for the runner, followed by the contents of its files.

    Args:
        bounded: The kernel bounds the sandbox as a whole; else the runner bounds each process,
            and samples the total.
        more: Keys of one kind of sandbox, which replace defaults.
    """
    limits = order.limits
    rlimits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_FSIZE": limits.disk_bytes,
        "RLIMIT_NPROC": limits.processes
        + count_own_tasks(order)
        + (_SPARE_TASKS if bounded else 0),
    }
    if not bounded:
        rlimits["RLIMIT_AS"] = limits.memory_bytes
    message = {
        "argv": order.argv,
        "lasting": order.checkout is not None,
        "collect": order.collect,
        "lists_new": order.lists_new,
        "returned_bytes": limits.returned_bytes,
        "returned_files": limits.returned_files,
        "environ": _environ(order) | order.environ,
        "directory": order.directory,
        "home": SANDBOX_HOME,
        "source": SOURCE if order.tree is not None else None,
        "base": one_commit.SHOWN,
        "tree": SANDBOX_TREE,
        "bulk": [
            {"from": f"{LAYERS}/{number}/bulk/{index}", "to": f"{SANDBOX_TREE}/{path}"}
            for number, layer in enumerate(order.layers)
            for index, path in enumerate(layer.bulk)
        ],
        "bulk_is_mounted": False,
        "layers": [f"{LAYERS}/{number}" for number in range(len(order.layers))],
        "files": [{"path": file.path, "size": len(file.content)} for file in order.files],
        "rlimits": rlimits,
        "sampled_memory": None if bounded else limits.memory_bytes,
        "sampled_tasks": limits.processes,
        "places": WRITABLE,
        "inodes": count_entries(limits.disk_bytes),
        "proxy": PROXY if order.outlet is not None else None,
        "hosts": ["localhost", *order.hosts],
        "counters": (),
        "filter": None,
        **more,
    }
    return encode_message(message) + b"".join(file.content for file in order.files)


def encode_message(message: dict[str, Any]) -> bytes:
    content = json.dumps(message).encode("ascii")
    return struct.pack("!Q", len(content)) + content


def _environ(order: SandboxRequest) -> dict[str, str]:
    environ = {"PATH": PATH, "HOME": SANDBOX_HOME, "LANG": "C.UTF-8", "TMPDIR": TEMPORARY}
    if order.outlet is not None:
        # Each client has its own variable for the certificates that it trusts.
        names = (
            "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
            "NODE_EXTRA_CA_CERTS", "npm_config_cafile",
        )  # fmt: skip
        environ |= dict.fromkeys(names, CERTIFICATES)
    return environ
