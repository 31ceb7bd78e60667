"""What the variables of this host say about its proxy."""

from __future__ import annotations

import pytest

from agent.environments import host_proxy
from agent.environments.host_proxy import HostProxies
from agent.errors import SettingsInvalid

HOST = "index.example.org"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def leads(*, tls: bool = True, host: str = HOST, port: int = 443) -> str:
    found = host_proxy.read_proxies().find_proxy(host, port, tls=tls)
    return f"{found.address} {found.variable}" if found else ""


def test_nothing_is_named_and_all_is_reached_directly():
    assert leads() == leads(tls=False) == ""


def test_each_kind_of_request_has_its_variable(environment):
    environment.setenv("HTTPS_PROXY", "http://tls.example:3128/")
    assert leads() == "http://tls.example:3128 HTTPS_PROXY"
    assert leads(tls=False) == ""
    environment.setenv("all_proxy", "any.example:8080")
    assert leads(tls=False) == "http://any.example:8080 ALL_PROXY"
    assert leads() == "http://tls.example:3128 HTTPS_PROXY"
    environment.setenv("http_proxy", "http://[::1]")
    assert leads(tls=False) == "http://[::1]:80 HTTP_PROXY"
    # The small letters win, as with curl.
    environment.setenv("https_proxy", "http://small.example:1")
    assert leads() == "http://small.example:1 HTTPS_PROXY"


@pytest.mark.parametrize(
    ("exceptions", "direct"),
    [(HOST, True), (".example.org", True), (f"{HOST}:8443", False), ("ample.org", False)],
)
def test_exceptions_from_it(environment, exceptions, direct):
    environment.setenv("HTTPS_PROXY", "http://p.example:1")
    environment.setenv("NO_PROXY", exceptions)
    assert (leads() == "") is direct


def test_credentials_are_decoded_and_not_shown():
    found = HostProxies({"https": "http://me%40x:p%3Aw@p.example:1"}).find_proxy(
        HOST, 443, tls=True
    )
    assert found is not None
    assert found.login == "me@x:p:w"
    assert found.headers == {"Proxy-Authorization": "Basic bWVAeDpwOnc="}
    assert "p:w" not in f"{found!r} {found} {found.address}"


@pytest.mark.parametrize("written", ["socks5://u:hunter2@p:1", "http://u:hunter2@"])
def test_one_of_another_kind_is_named_and_its_password_is_not(written):
    with pytest.raises(SettingsInvalid, match="HTTPS_PROXY names no proxy") as caught:
        HostProxies({"https": written})
    assert "hunter2" not in caught.value.message
