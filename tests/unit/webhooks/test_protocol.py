"""What the listener sends, and in how many pieces."""

import h11
import pytest

from agent.service.web_server import _JoiningConnection

REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def asked():
    connection = _JoiningConnection(h11.SERVER)
    connection.receive_data(REQUEST)
    assert isinstance(connection.next_event(), h11.Request)
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    return connection


def response(status=202, length=2):
    headers = [("Content-Length", str(length))]
    return h11.Response(status_code=status, headers=headers, reason="Said")


def test_the_head_of_an_answer_leaves_with_its_body(asked):
    assert asked.send(response()) == b""
    assert asked.send(h11.Data(data=b"ok")) == (b"HTTP/1.1 202 Said\r\nContent-Length: 2\r\n\r\nok")
    assert asked.send(h11.EndOfMessage()) == b""
