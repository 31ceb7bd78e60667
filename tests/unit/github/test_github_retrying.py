"""Ask again, boundedly; never do twice."""

import threading
import time

import pytest

from agent.errors import CodeHostUnavailable
from agent.github.api_errors import RateLimited, RefusedRequest
from agent.github.connection import Pacing, RetryingRequest

QUICK = Pacing(first_wait=0.001, longest_limit=0.2)


def asking(pacing: Pacing = QUICK, stopping: threading.Event | None = None) -> RetryingRequest:
    return RetryingRequest(pacing, stopping)


class Server:
    """Says what the script says, then that it is done."""

    def __init__(self, *script: BaseException) -> None:
        self.script = list(script)
        self.asked = 0

    def work(self) -> str:
        self.asked += 1
        if self.script:
            raise self.script.pop(0)
        return "done"


def test_a_refusal_is_not_repeated_and_knows_what_it_was_about():
    server = Server(RefusedRequest(403, {"message": "no"}, {}))
    with pytest.raises(RefusedRequest) as caught:
        asking().ask(server.work, doing="label it")
    assert server.asked == 1
    assert caught.value.doing == "label it"


def test_a_short_limit_is_waited_for():
    server = Server(RateLimited("slow down", 0.1))
    begun = time.monotonic()
    assert asking().ask(server.work, doing="read it") == "done"
    assert time.monotonic() - begun >= 0.1


def test_a_wait_ends_when_the_service_stops():
    stopping = threading.Event()
    server = Server(*[RateLimited("slow down", 15)] * 3)
    threading.Timer(0.05, stopping.set).start()
    begun = time.monotonic()
    with pytest.raises(CodeHostUnavailable, match="service stopped"):
        asking(Pacing(), stopping).ask(server.work, doing="read it")
    assert time.monotonic() - begun < 2
