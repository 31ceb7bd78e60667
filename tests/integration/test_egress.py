"""The proxy that is a fetch sandbox's only way out: what passes, what does not, what is kept."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.environments import upstreams
from agent.environments.egress import EgressProxy
from agent.environments.upstreams import HostProxy, Target
from tests.integration.recording_proxy import recording
from tests.unit.environments import local_index


@contextmanager
def echoing() -> Iterator[int]:
    """A server that answers every line with the same line."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    while data := client.recv(1024):
                        client.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(folder: Path, *allowed: Target, inside: tuple[Target, ...] = (), **more: int):
    made = EgressProxy(folder / "out.sock", allowed, inside=inside, **more)
    try:
        yield made
    finally:
        made.close()


def ask(made: EgressProxy, request: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(made.socket_path))
        # Who is refused for want of sandbox may find the door closed before a word was said.
        with suppress(BrokenPipeError):
            client.sendall(request.encode("latin-1"))
        return client.recv(4096)


def connect(made: EgressProxy, host: str, port: int) -> bytes:
    return ask(made, f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")


def test_an_allowed_host_is_tunnelled_both_ways(tmp_path):
    with echoing() as port:
        here = Target("127.0.0.1", port)
        with (
            proxy(tmp_path, here, inside=(here,)) as made,
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.settimeout(10)
            client.connect(str(made.socket_path))
            client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nearly ".encode())
            answer = b""
            while b"early" not in answer:
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            client.sendall(b"later")
            assert client.recv(4096) == b"later"
            assert made.refused_attempts == ()


@pytest.mark.parametrize(
    ("host", "port"),
    [("index.example.org", 80), ("evil.index.example.org", 443)],
)
def test_another_host_or_port_is_refused_and_noted(tmp_path, host, port):
    with proxy(tmp_path, Target("index.example.org")) as made:
        assert connect(made, host, port).startswith(b"HTTP/1.1 403")
        assert made.refused_attempts == (f"{host}:{port} (not on the list)",)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "::ffff:127.0.0.1", "100.64.0.1", "fd00::1"],
)
def test_addresses_of_this_machine_and_of_private_networks_are_internal(address):
    assert upstreams.is_internal(address)
    assert not upstreams.is_internal("1.1.1.1")


@pytest.mark.parametrize(
    "request_text",
    [
        "NONSENSE\r\n\r\n",
        "CONNECT x:1\r\nx HTTP/1.1\r\n\r\n",
        "GET http://[x/ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_for_a_proxy_gets_no_tunnel(tmp_path, request_text):
    with (
        proxy(tmp_path, Target("index.example.org")) as made,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(10)
        client.connect(str(made.socket_path))
        client.sendall(request_text.encode())
        client.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):  # closed with a part of it unread
            answer = client.recv(4096)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))


def test_connections_are_bounded(tmp_path):
    with proxy(tmp_path, Target("index.example.org"), most_connections=2) as made:
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for client in waiting:
            client.connect(str(made.socket_path))
            client.sendall(b"CONNECT ")
        answer = b""
        for _ in range(50):
            answer = connect(made, "example.org", 443)
            if answer.startswith(b"HTTP/1.1 503"):
                break
        for client in waiting:
            client.close()
        assert answer.startswith(b"HTTP/1.1 503")


def test_plain_http_is_forwarded_to_an_allowed_index_only(tmp_path):
    with local_index.serving() as served:
        host = served.url.split("/")[2]
        here = upstreams.parse_target(f"http://{host}")
        with proxy(tmp_path, here, inside=(here,)) as made:
            answer = ask(
                made,
                f"GET {served.url}pip/ HTTP/1.1\r\nHost: elsewhere\r\nProxy-Authorization: x\r\n\r\n",
            )
            assert answer.startswith(b"HTTP/1.1 200")
            assert served.asked == ["/simple/pip/"]
            refused = ask(made, "GET http://127.0.0.1:1/x HTTP/1.1\r\n\r\n")
            assert refused.startswith(b"HTTP/1.1 403")


def test_the_notes_hold_no_credentials_and_do_not_grow_without_end(tmp_path):
    with proxy(tmp_path, Target("index.example.org")) as made:
        ask(made, "GET http://user:hunter2@example.org/x HTTP/1.1\r\n\r\n")
        for number in range(70):
            connect(made, f"host{number}.example.org", 443)
        assert len(made.refused_attempts) == 50
        assert not any("hunter2" in note for note in made.refused_attempts)


SECRET = "hunter2-of-the-proxy"
CODED = base64.b64encode(f"clerk:{SECRET}".encode()).decode()


def test_what_leads_inside_is_refused_with_a_proxy_too(tmp_path):
    with recording() as proxy:
        wanted = [Target("169.254.169.254", 80), Target("localhost")]
        by = {"all": proxy.url()}
        made = EgressProxy(tmp_path / "a.sock", wanted, proxies=by)
        try:
            assert connect(made, "localhost", 443).startswith(b"HTTP/1.1 403")
            plain = ask(made, "GET http://169.254.169.254/x HTTP/1.1\r\n\r\n")
            assert plain.startswith(b"HTTP/1.1 403")
        finally:
            made.close()
        assert proxy.asked == []


def test_what_a_sandbox_says_to_the_proxy_does_not_reach_it(tmp_path):
    with recording(f"clerk:{SECRET}") as proxy, local_index.serving() as served:
        here = upstreams.parse_target(served.url)
        by = {"http": proxy.url()}
        made = EgressProxy(tmp_path / "a.sock", [here], inside=[here], proxies=by)
        try:
            forged = "Proxy-Authorization: Basic Zm9yZ2Vk\r\nHost: elsewhere.example.org\r\n"
            answer = ask(made, f"GET http://u:p@{served.url[7:]}pip/ HTTP/1.1\r\n{forged}\r\n")
        finally:
            made.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert CODED.encode() not in answer
        assert proxy.asked == [("GET", f"{served.url}pip/")]
        assert proxy.heads[0]["Proxy-Authorization"] == f"Basic {CODED}"
        assert proxy.heads[0]["Host"] == served.url.split("/")[2]


def test_a_proxy_that_refuses_is_named_without_its_password(tmp_path):
    with recording("other:word") as proxy:
        written = proxy.url().replace("other:word", f"clerk:{SECRET}")
        by = {"https": written}
        made = EgressProxy(tmp_path / "a.sock", [Target("index.corp.invalid")], proxies=by)
        try:
            assert connect(made, "index.corp.invalid", 443).startswith(b"HTTP/1.1 502")
            faults = made.faults
        finally:
            made.close()
    (fault,) = faults
    assert all(
        fact in fault
        for fact in (f"127.0.0.1:{proxy.port}", "HTTPS_PROXY", "index.corp.invalid:443", "407")
    )
    assert SECRET not in repr(HostProxy.read("https", by))
