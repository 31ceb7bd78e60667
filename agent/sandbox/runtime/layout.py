"""Where everything is in a sandbox, and what of this machine is shown in each of them.

The same for every kind of sandbox, so that what runs in one cannot tell by a path which it is in.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from agent.environments import bytecode
from agent.models.sandbox import SANDBOX_OUT, SANDBOX_TREE

SOURCE = "/src"
"""The work tree as it was handed in, read-only."""
LAYERS = "/layers"
"""What the set-up of the repository has added, a numbered folder each."""
SANDBOX = "/sandbox"
RUNNER = f"{SANDBOX}/start.py"
PROXY = f"{SANDBOX}/proxy.sock"
CERTIFICATES = f"{SANDBOX}/certificates.pem"
TEMPORARY = "/tmp"  # noqa: S108 - the sandbox's own, not the host's
SHARED_MEMORY = "/dev/shm"  # noqa: S108
HOME = f"{TEMPORARY}/home"
WRITABLE = (TEMPORARY, SANDBOX_TREE, SANDBOX_OUT, SHARED_MEMORY)
HOSTNAME = "sandbox"

_START = "start.py"
#: Beside the modules of the folder.
_SHARED = "by_descriptor.py"
_MODULES = ("runner.py", "collection.py", "relay.py", "session.py", "differing.py", "watching.py")


def etc(uid: int, hosts: Sequence[str] = ()) -> dict[str, str]:
    """Make up the files of `/etc` that tell of users and hosts."""
    return {
        "passwd": f"root:x:0:0:root:/root:/bin/sh\nsandbox:x:{uid}:{uid}:sandbox:{HOME}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/:/bin/false\n",
        "group": f"root:x:0:\nsandbox:x:{uid}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 {' '.join(('localhost', HOSTNAME, *hosts))}\n"
        "::1 localhost ip6-localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }


def mode_of(place: str) -> str:
    """The mode of a writable place."""
    return "1777" if place in (TEMPORARY, SHARED_MEMORY) else "0755"


@cache
def runner() -> Mapping[str, bytes]:
    """Read the program that runs first in every sandbox, its modules with their bytecode."""
    inside = resources.files("agent.sandbox").joinpath("sandbox_scripts")
    files = {_START: inside.joinpath(_START).read_bytes()}
    sources = {name: inside.joinpath(name).read_bytes() for name in _MODULES}
    shared = resources.files("agent.git").joinpath(_SHARED)
    for name, source in {**sources, _SHARED: shared.read_bytes()}.items():
        compiled, content = bytecode.compile_module(name, source)
        files |= {name: source, compiled: content}
    return files


def certificates() -> bytes | None:
    """Read the CA bundle that this machine trusts."""
    found = ssl.get_default_verify_paths()
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    for path in (os.environ.get("SSL_CERT_FILE"), found.cafile, *usual, "/etc/ssl/cert.pem"):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None
