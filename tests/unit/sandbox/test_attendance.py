"""What a sandbox's answers come to, in the order in which they reach the host."""

from __future__ import annotations

import json
import struct

import pytest

from agent.errors import SandboxLost
from agent.models.sandbox import SandboxLimits, SandboxRequest
from agent.sandbox.runtime.channel import Kind
from agent.sandbox.runtime.supervision import Supervisor

NONCE = bytes(16)


def frame(kind: Kind, told: dict[str, object]) -> bytes:
    body = json.dumps(told).encode()
    return struct.pack("!16sBQ", NONCE, kind, len(body)) + body


def ended(code: int | None, limit: str | None) -> bytes:
    told = {"exit_code": code, "limit": limit, "files": [], "refused": [], "gone": []}
    return frame(Kind.ENDED, told)


@pytest.fixture
def late() -> Supervisor:
    """A sandbox whose time the host has seen pass, without a word of its end."""
    order = SandboxRequest(argv=("true",), limits=SandboxLimits(seconds=-60))
    sandbox = Supervisor(order, NONCE)
    sandbox.take_frames(frame(Kind.STARTED, {}))
    assert sandbox.is_over(None)
    return sandbox


@pytest.mark.parametrize(
    ("code", "limit"), [(None, "processes"), (None, "time"), (3, None)], ids=str
)
def test_word_of_the_end_that_comes_late_still_counts(
    late: Supervisor, code: int | None, limit: str | None
) -> None:
    late.take_frames(ended(code, limit))
    result = late.judge(None, 1.0)
    assert (result.exit_code, result.limit) == (code, limit)


def test_without_any_the_time_is_what_ended_it(late: Supervisor) -> None:
    result = late.judge(None, 1.0)
    assert (result.exit_code, result.limit) == (None, "time")


def test_what_the_kernel_has_counted_comes_first(late: Supervisor) -> None:
    late.take_frames(ended(0, None))
    result = late.judge("memory", 1.0)
    assert (result.exit_code, result.limit) == (None, "memory")


def test_a_sandbox_that_says_nothing_has_proved_nothing() -> None:
    sandbox = Supervisor(SandboxRequest(argv=("true",)), NONCE)
    with pytest.raises(SandboxLost, match="did not open"):
        sandbox.judge(None, 1.0)
