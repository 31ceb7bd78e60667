"""The gateway that is a set-up sandbox's only way out: what passes, what does not, what is kept."""

import base64
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from agent.errors import SettingsInvalid
from agent.models.record import replace
from agent.setup.downloads import Downloads
from agent.setup.gateway import Gateway
from agent.setup.package_index import HostPort, IndexAccess, parse_target
from tests.integration.recording_proxy import recording
from tests.processes import Silent, answering
from tests.unit.setup import local_index
from tests.unit.setup.certificates import make_server

SECRET = "hunter2-of-the-proxy"
CODED = base64.b64encode(f"clerk:{SECRET}".encode()).decode()


@contextmanager
def opened(folder: Path, *allowed: HostPort, **more) -> Iterator[Gateway]:
    place = folder / "gateway"
    place.mkdir(exist_ok=True)
    with closing(Gateway(place, allowed, **more)) as made:
        yield made


def dial(made: Gateway) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(made.outlet.socket)
    return client


def ask(made: Gateway, request: str) -> bytes:
    with dial(made) as client:
        # Who is refused for want of a place may find the door closed before a word was said.
        with suppress(BrokenPipeError):
            client.sendall(request.encode("latin-1"))
        return client.recv(4096)


def connect(made: Gateway, host: str, port: int) -> bytes:
    return ask(made, f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")


@contextmanager
def tunnelled(made: Gateway, target: HostPort) -> Iterator[http.client.HTTPConnection]:
    """Open TLS with a host, as a client that trusts the gateway does."""
    client = dial(made)
    client.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    trusting = ssl.create_default_context(cafile=made.outlet.certificates)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPConnection(str(target))
    connection.sock = trusting.wrap_socket(client, server_hostname=target.host)
    with connection.sock:
        yield connection


@pytest.fixture
def index(tmp_path) -> Iterator[tuple[local_index.LocalIndex, HostPort, IndexAccess]]:
    """An index that speaks TLS, whose authority the operator names."""
    context, public = make_server(tmp_path / "index")
    with local_index.serving(tls=context) as served:
        served.add(local_index.wheel("pip", "1.0"))
        access = IndexAccess(url=served.url, ca_bundle=str(public))
        yield served, parse_target(served.url), access


def test_a_page_and_a_file_are_read_over_tls_on_one_connection(tmp_path, index):
    served, here, access = index
    with opened(tmp_path, here, accesses=[access]) as made, tunnelled(made, here) as client:
        for path in ("/simple/pip/", "/files/pip-1.0-py3-none-any.whl"):
            client.request("GET", path)
            answer = client.getresponse()
            assert answer.status == 200
            content = answer.read()
        client.request("HEAD", path)
        head = client.getresponse()
        assert (head.read(), int(head.headers["Content-Length"])) == (b"", len(content))
    assert content == served.files["pip-1.0-py3-none-any.whl"]
    assert made.refused_attempts == ()


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("POST", {}, b"secret"),
        ("PUT", {}, b"secret"),
        ("DELETE", {}, None),
        ("GET", {}, b"secret"),
        ("GET", {"Transfer-Encoding": "chunked"}, b"6\r\nsecret\r\n0\r\n\r\n"),
        ("GET", {"Host": "elsewhere.example.org"}, None),
    ],
)
def test_what_is_more_than_reading_from_that_host_is_refused(
    tmp_path, index, method, headers, body
):
    served, here, access = index
    with (
        opened(tmp_path, here, accesses=[access]) as made,
        tunnelled(made, here) as client,
        suppress(OSError),  # it closes while a body without a length is on its way
    ):
        client.request(method, "/simple/pip/", body=body, headers=headers)
        assert client.getresponse().status in (400, 405)
    assert served.asked == []
    assert made.refused_attempts[0].startswith(f"{here} (a ")


def test_a_name_is_looked_up_once_and_a_broken_connection_is_tried_again(tmp_path):
    ends = [OSError("try again"), *[socket.getaddrinfo("127.0.0.1", None)] * 3]

    def resolve(*_: object, **named: object) -> object:
        if isinstance(end := ends.pop(0), OSError):
            raise end
        return end

    with local_index.serving() as served:
        served.breaks = True
        here = HostPort("index.example.net", parse_target(served.url).port)
        with opened(tmp_path, here, resolve=resolve) as made:
            for path in ("pip/", "pip/", "nothing/"):
                answer = ask(made, f"GET http://{here}/simple/{path} HTTP/1.1\r\n\r\n")
                assert answer.split()[1] == (b"200" if path == "pip/" else b"404")
            assert made.faults == {}
            assert len(ends) == 2
            served.breaks, served.failures = False, 1
            again = f"GET http://{here}/simple/pip/ HTTP/1.1\r\n\r\n"
            assert ask(made, again).startswith(b"HTTP/1.1 503")
            assert [why for _, why in made.faults.values()] == ["index.example.net: HTTP 503"]
            ask(made, again)
            assert made.faults == {}, "what is answered later is none"


def test_credentials_are_added_for_the_index_alone_and_those_of_a_sandbox_are_not_passed_on(
    tmp_path, index
):
    served, here, access = index
    access = replace(access, login=f"clerk:{SECRET}")
    with local_index.serving() as other:
        plain = parse_target(other.url)
        with opened(tmp_path, here, plain, accesses=[access]) as made:
            with tunnelled(made, here) as client:
                client.request("GET", "/simple/pip/", headers={"Authorization": "Basic Zm9yZ2Vk"})
                assert SECRET not in client.getresponse().read().decode()
            ask(made, f"GET {other.url}pip/ HTTP/1.1\r\nAuthorization: Basic Zm9yZ2Vk\r\n\r\n")
    assert served.credentials == [f"Basic {CODED}"]
    assert other.credentials == [None]


@pytest.mark.parametrize(
    ("control", "asked"),
    [("public, immutable", 1), ("public", 3), ("private, immutable", 3), ("no-store", 3)],
)
def test_what_its_server_calls_unchanging_is_fetched_once(tmp_path, control, asked):
    served: list[str] = []

    class Handler(Silent):
        def do_GET(self) -> None:
            served.append(self.path)
            self.send_response(200)
            self.send_header("Cache-Control", control)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)

    downloads = Downloads(tmp_path / "downloads", most_bytes=50_000)
    with answering(Handler) as port:
        here = HostPort("127.0.0.1", port)
        with opened(tmp_path, here, downloads=downloads) as made:
            for _ in range(3):
                with dial(made) as client:
                    client.sendall(f"GET http://{here}/a.whl HTTP/1.1\r\n\r\n".encode())
                    answer = http.client.HTTPResponse(client)
                    answer.begin()
                    assert answer.read() == b"x" * 100_000
    assert len(served) == asked
    downloads.trim()
    assert sum(place.stat().st_size for place in (tmp_path / "downloads").iterdir()) < 50_000


def test_git_fetches_from_a_host_that_the_operator_names_and_pushes_nothing(tmp_path):
    with (
        local_index.serving() as served,
        opened(tmp_path, git_hosts=[here := parse_target(served.url)]) as made,
    ):
        base = f"http://{here}/a/b.git"
        kind = "Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 4"
        fetch = "info/refs?service=git-upload-pack"
        answers = {
            path: ask(made, f"{path.partition(' ')[0]} {base}/{path.partition(' ')[2]} HTTP/1.1\r\n{kind if 'POST' in path else 'X: y'}\r\n\r\n0000")[9:12]
            for path in (
                f"GET {fetch}", "POST git-upload-pack", "POST git-receive-pack",
                "GET info/refs?service=git-receive-pack", "GET archive.zip", "POST other",
            )
        }  # fmt: skip
    assert [*answers.values()] == [b"404", b"501", b"403", b"403", b"403", b"403"]
    assert served.asked == [f"/a/b.git/{fetch}"]


@pytest.mark.parametrize(
    "request_text",
    [
        "NONSENSE\r\n\r\n",
        "CONNECT x:1\r\nx HTTP/1.1\r\n\r\n",
        "GET http://[x/ HTTP/1.1\r\n\r\n",
        "GET /simple/ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_for_a_gateway_gets_no_answer(tmp_path, request_text):
    with opened(tmp_path, HostPort("index.example.org")) as made, dial(made) as client:
        client.sendall(request_text.encode())
        client.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):  # closed with a part of it unread
            answer = client.recv(4096)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))


def test_connections_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(Gateway, "most_connections", 2)
    with opened(tmp_path, HostPort("index.example.org")) as made:
        waiting = [dial(made) for _ in range(2)]
        for client in waiting:
            client.sendall(b"CONNECT ")
        answer = b""
        for _ in range(50):
            answer = connect(made, "example.org", 443)
            if answer.startswith(b"HTTP/1.1 503"):
                break
        for client in waiting:
            client.close()
        assert answer.startswith(b"HTTP/1.1 503")


def test_the_notes_hold_no_credentials_and_do_not_grow_without_end(tmp_path):
    with opened(tmp_path, HostPort("index.example.org")) as made:
        ask(made, "GET http://user:hunter2@example.org/x HTTP/1.1\r\n\r\n")
        for number in range(70):
            connect(made, f"host{number}.example.org", 443)
        assert len(made.refused_attempts) == 50
        assert not any("hunter2" in note for note in made.refused_attempts)


# --- by the proxy of this host ---------------------------------------------------------------


@pytest.fixture
def set_proxy(monkeypatch) -> Callable[[str, str], None]:
    """Set a variable that names a proxy, on a machine that has no other."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch.setenv


def test_what_a_sandbox_says_to_the_proxy_does_not_reach_it(tmp_path, set_proxy):
    with recording(f"clerk:{SECRET}") as proxy, local_index.serving() as served:
        here = parse_target(served.url)
        set_proxy("HTTP_PROXY", proxy.url())
        with opened(tmp_path, here) as made:
            forged = "Proxy-Authorization: Basic Zm9yZ2Vk\r\nHost: elsewhere.example.org\r\n"
            answer = ask(made, f"GET http://u:p@{served.url[7:]}pip/ HTTP/1.1\r\n{forged}\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert CODED.encode() not in answer
        assert proxy.asked == [("GET", f"{served.url}pip/")]
        heads = {name.lower(): value for name, value in proxy.heads[0].items()}
        assert heads["proxy-authorization"] == f"Basic {CODED}"
        assert heads["host"] == served.url.split("/")[2]


def test_a_proxy_that_refuses_is_told_without_its_password(tmp_path, set_proxy):
    with recording("other:word") as proxy:
        set_proxy("HTTPS_PROXY", proxy.url().replace("other:word", f"clerk:{SECRET}"))
        here = HostPort("index.corp.invalid")
        with opened(tmp_path, here) as made, tunnelled(made, here) as client:
            client.request("GET", "/simple/pip/")
            assert client.getresponse().status == 502
        ((_, fault),) = made.faults.values()
    assert "index.corp.invalid:443" in fault
    assert "407" in fault
    assert SECRET not in fault


def test_a_proxy_of_another_kind_is_refused_without_its_password(tmp_path, set_proxy):
    set_proxy("HTTPS_PROXY", f"socks5://u:{SECRET}@p:1")
    with pytest.raises(SettingsInvalid, match="HTTPS_PROXY") as caught, opened(tmp_path):
        pass
    assert SECRET not in caught.value.message
