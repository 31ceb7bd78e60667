"""Packages are fetched by the proxy of this host, where its environment names one."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from agent.environments import build, egress, upstreams
from agent.environments.build import EnvironmentRequest
from agent.environments.package_index import SimpleIndex
from agent.environments.upstreams import HostProxy, Target
from agent.settings import Settings
from tests.deep import deep
from tests.integration.environment_building import lay, with_our_tools
from tests.integration.recording_proxy import recording
from tests.integration.test_egress import ask, connect
from tests.integration.test_private_indexes import Recorder, certificate
from tests.unit.environments import local_index

pytestmark = pytest.mark.index

SECRET = "hunter2-of-the-proxy"
SHAPES = (SECRET, base64.b64encode(f"clerk:{SECRET}".encode()).decode())


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with with_our_tools() as made:
        yield made


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def leaked(settings: Settings, *texts: str) -> list[str]:
    """Where the proxy's password stands, or its form in a header."""
    found = [text for text in texts if any(shape in text for shape in SHAPES)]
    files = (path for path in settings.home.rglob("*") if path.is_file() and not path.is_symlink())
    return found + [
        str(path)
        for path in files
        if any(shape.encode() in path.read_bytes() for shape in SHAPES)
    ]  # fmt: skip


@pytest.mark.deep
@pytest.mark.parametrize(("tls", "login"), [(False, "me:word"), deep(True, None)])
def test_a_whole_build_goes_by_the_proxy_and_no_sandbox_knows_who_asks(
    settings, home, tmp_path, monkeypatch, tls, login
):
    context, public = certificate(tmp_path) if tls else (None, None)
    with local_index.serving(tls=context) as served, recording(f"clerk:{SECRET}") as proxy:
        served.login = login
        served.add(
            local_index.wheel("direct", "1.0", ("onlysource",)),
            local_index.sdist("onlysource", "1.0"),
        )
        # A variable of another kind must not lead there.
        monkeypatch.setenv("HTTPS_PROXY" if tls else "HTTP_PROXY", proxy.url())
        address = served.url.replace("://", f"://{login}@") if login else served.url
        environ = {"HOME": str(tmp_path), "PIP_INDEX_URL": address}
        environ |= {"PIP_CERT": str(public)} if public else {}
        folder = home / "tree"
        folder.mkdir()
        lay(folder, {"requirements.txt": f"direct\n# {tls} {login}\n"})
        sandbox, said = Recorder(settings), []
        index = SimpleIndex(settings, environ)
        request = EnvironmentRequest(tree=str(folder))
        made = build.ensure_environment(request, sandbox, index, settings, said.append)
        assert made.packages == ("direct==1.0", "onlysource==1.0")
        host = served.url.split("/")[2]
        if tls:
            assert set(proxy.asked) == {("CONNECT", host)}
        else:
            asked = [address for _, address in proxy.asked]
            # Of the host itself and of the sandbox.
            assert asked.count(f"{served.url}direct/") >= 1
            assert f"http://{host}/files/direct-1.0-py3-none-any.whl" in asked
            assert len(proxy.asked) == len(served.asked)
    orders = [repr(order.model_dump()) for order in sandbox.orders]
    assert len(orders) >= 2
    assert leaked(settings, *orders, *said, made.model_dump_json()) == []


def test_what_leads_inside_is_refused_with_a_proxy_too(tmp_path):
    with recording() as proxy:
        wanted = [Target("169.254.169.254", 80), Target("localhost")]
        by = {"all": proxy.url()}
        made = egress.EgressProxy(tmp_path / "a.sock", wanted, proxies=by)
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
        made = egress.EgressProxy(tmp_path / "a.sock", [here], inside=[here], proxies=by)
        try:
            forged = "Proxy-Authorization: Basic Zm9yZ2Vk\r\nHost: elsewhere.example.org\r\n"
            answer = ask(made, f"GET http://u:p@{served.url[7:]}pip/ HTTP/1.1\r\n{forged}\r\n")
        finally:
            made.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert SHAPES[1].encode() not in answer
        assert proxy.asked == [("GET", f"{served.url}pip/")]
        assert proxy.heads[0]["Proxy-Authorization"] == f"Basic {SHAPES[1]}"
        assert proxy.heads[0]["Host"] == served.url.split("/")[2]


def test_a_proxy_that_refuses_is_named_without_its_password(settings, tmp_path):
    with recording("other:word") as proxy:
        written = proxy.url().replace("other:word", f"clerk:{SECRET}")
        by = {"https": written}
        made = egress.EgressProxy(tmp_path / "a.sock", [Target("index.corp.invalid")], proxies=by)
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
