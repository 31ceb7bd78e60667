"""Ask again, boundedly; never do twice."""

import time

import pytest

from agent.github.api_errors import RateLimited, RefusedRequest
from agent.github.connection import Pacing, retry_request

QUICK = Pacing(first_wait=0.001, longest_limit=0.2)


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
        retry_request(QUICK, server.work, doing="label it")
    assert server.asked == 1
    assert caught.value.doing == "label it"


def test_a_short_limit_is_waited_for():
    server = Server(RateLimited("slow down", 0.1))
    begun = time.monotonic()
    assert retry_request(QUICK, server.work, doing="read it") == "done"
    assert time.monotonic() - begun >= 0.1
