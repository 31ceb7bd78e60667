"""What a sandbox's answers come to, in the order in which they reach the host."""

import json
import struct
from contextlib import ExitStack

import pytest

from agent.errors import SandboxLost
from agent.models.sandbox import SandboxLimits, SandboxRequest
from agent.sandbox.frames import FrameKind
from agent.sandbox.running import RunningSandbox

STARTED = (FrameKind.STARTED, {})


def ended(code: int | None, limit: str | None):
    facts = {"exit_code": code, "limit": limit, "files": [], "refused": []}
    return (FrameKind.ENDED, {"facts": facts, "sizes": []})


class Scripted(RunningSandbox):
    """Says one thing until its time has passed for the host, and another when it is killed."""

    def __init__(self, first=(), last=(), counted: str | None = None) -> None:
        # The host's patience is over at once.
        order = SandboxRequest(argv=("true",), limits=SandboxLimits(seconds=-60))
        super().__init__(order, ExitStack())
        self._says, self._last, self._counted = first, last, counted

    def transfer(self, seconds: float) -> bool:
        for kind, told in self._says:
            body = json.dumps(told).encode()
            self.frames.feed(struct.pack("!16sBQ", self._nonce, kind, len(body)) + body)
        says, self._says = bool(self._says), ()
        return says

    def kill(self) -> str | None:
        self._says = self._last
        return self._counted


@pytest.mark.parametrize(
    ("code", "limit"), [(None, "processes"), (None, "time"), (3, None)], ids=str
)
def test_word_of_the_end_that_comes_late_still_counts(code, limit):
    result = Scripted([STARTED], [ended(code, limit)]).run()
    assert (result.exit_code, result.limit) == (code, limit)


def test_without_any_the_time_is_what_ended_it():
    result = Scripted([STARTED]).run()
    assert (result.exit_code, result.limit) == (None, "time")


def test_what_the_kernel_has_counted_comes_first():
    result = Scripted([STARTED], [ended(0, None)], "memory").run()
    assert (result.exit_code, result.limit) == (None, "memory")


def test_a_sandbox_that_says_nothing_has_proved_nothing():
    with pytest.raises(SandboxLost, match="did not start"):
        Scripted().run()
