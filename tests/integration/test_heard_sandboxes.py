"""What a sandbox prints is heard while its command runs."""

from __future__ import annotations

import threading

import pytest

from agent.errors import SandboxLost
from agent.models.sandbox import Sandbox, SandboxLimits, SandboxRequest
from agent.sandbox.sandboxes import Stoppable


def test_output_is_heard_before_the_command_ends(sandbox: Sandbox) -> None:
    heard, enough = bytearray(), threading.Event()

    def hear(piece: bytes) -> None:
        heard.extend(piece)
        if b"begun" in heard:
            enough.set()

    stoppable = Stoppable(sandbox, threading.Event())
    # Nothing but hearing it ends this sandbox within five minutes.
    with pytest.raises(SandboxLost, match="taken down before"):
        stoppable.run(SandboxRequest(argv=("/bin/sh", "-c", "echo begun; sleep 300")), enough, hear)
    assert heard == b"begun\n"


def test_what_the_result_leaves_out_is_heard_as_well(sandbox: Sandbox) -> None:
    heard: list[bytes] = []
    argv = ("/bin/sh", "-c", "yes 0123456789 | head -n 50000; echo the end")
    order = SandboxRequest(argv=argv, limits=SandboxLimits(output_bytes=4096))
    result = sandbox.run(order, hear=heard.append)
    assert b"".join(heard) == b"0123456789\n" * 50_000 + b"the end\n"
    assert result.output_bytes == len(b"".join(heard))
    assert "bytes left out" in result.output
