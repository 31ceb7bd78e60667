"""What a sandbox's answers come to, in the order in which they reach the host."""

from __future__ import annotations

import json
import struct

import pytest

from agent.errors import SandboxLost
from agent.models.sandbox import SandboxLimits, SandboxRequest
from agent.sandbox.frames import Kind
from agent.sandbox.running import RunningSandbox


def take(sandbox: RunningSandbox, kind: Kind, told: dict[str, object]) -> None:
    body = json.dumps(told).encode()
    sandbox.take_frames(struct.pack("!16sBQ", sandbox._nonce, kind, len(body)) + body)


def take_end(sandbox: RunningSandbox, code: int | None, limit: str | None) -> None:
    facts = {"exit_code": code, "limit": limit, "files": [], "refused": [], "gone": []}
    take(sandbox, Kind.ENDED, {"facts": facts, "sizes": []})


@pytest.fixture
def late() -> RunningSandbox:
    """A sandbox whose time the host has seen pass, without a word of its end."""
    order = SandboxRequest(argv=("true",), limits=SandboxLimits(seconds=-60))
    sandbox = RunningSandbox(order)
    take(sandbox, Kind.STARTED, {})
    assert sandbox.is_over(None)
    return sandbox


@pytest.mark.parametrize(
    ("code", "limit"), [(None, "processes"), (None, "time"), (3, None)], ids=str
)
def test_word_of_the_end_that_comes_late_still_counts(
    late: RunningSandbox, code: int | None, limit: str | None
) -> None:
    take_end(late, code, limit)
    result = late.judge(None, 1.0)
    assert (result.exit_code, result.limit) == (code, limit)


def test_without_any_the_time_is_what_ended_it(late: RunningSandbox) -> None:
    result = late.judge(None, 1.0)
    assert (result.exit_code, result.limit) == (None, "time")


def test_what_the_kernel_has_counted_comes_first(late: RunningSandbox) -> None:
    take_end(late, 0, None)
    result = late.judge("memory", 1.0)
    assert (result.exit_code, result.limit) == (None, "memory")


def test_a_sandbox_that_says_nothing_has_proved_nothing() -> None:
    sandbox = RunningSandbox(SandboxRequest(argv=("true",)))
    with pytest.raises(SandboxLost, match="did not open"):
        sandbox.judge(None, 1.0)
