"""Indexes that want credentials, and several of them: what a sandbox gets, and what it never sees."""

import base64

import pytest

from agent.git.tree import open_folder
from agent.models.environment import Checkout
from agent.models.record import replace
from agent.models.sandbox import SandboxRequest, SandboxResult
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import build, gateway, upstream
from agent.setup.package_index import PackageIndex, parse_target
from agent.setup.request import EnvironmentRequest
from repo_config.index_hosts import list_index_hosts
from tests.deep import deep
from tests.folders import lay_files
from tests.integration.recording_proxy import recording
from tests.integration.test_gateway import connect
from tests.unit.setup import local_index
from tests.unit.setup.certificates import make_server
from tests.unit.trees import make_project

pytestmark = pytest.mark.index

PASSWORD, SECRET = "hunter2-canary", "hunter2-of-the-proxy"


class Recorder(BubblewrapSandbox):
    """Real sandboxes; every order that one was opened for is kept."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.orders: list[SandboxRequest] = []

    def run(self, order: SandboxRequest, *more, **named) -> SandboxResult:
        self.orders.append(order)
        return super().run(order, *more, **named)


def fill(served: local_index.LocalIndex) -> None:
    served.login = f"me:{PASSWORD}"
    served.add(
        local_index.wheel("direct", "1.0", ("onlysource",)),
        local_index.sdist("onlysource", "1.0"),
        local_index.wheel("pip", "1.0"),
    )


def find_secrets(settings: Settings, *texts: str) -> list[str]:
    """List the texts and files of the data folder that hold a password, or its form in a header."""
    logins = [f"me:{PASSWORD}", f"clerk:{SECRET}"]
    shapes = [PASSWORD, SECRET, *(base64.b64encode(login.encode()).decode() for login in logins)]
    places = settings.home.rglob("*")
    files = [place for place in places if place.is_file() and not place.is_symlink()]
    told = {**{str(file): file.read_bytes() for file in files}, "told": "".join(texts).encode()}
    return [name for name, text in told.items() if any(shape.encode() in text for shape in shapes)]


@pytest.mark.parametrize("proxied", [False, deep(True)])
def test_a_private_index_is_asked_and_no_sandbox_sees_a_password(
    settings, folder, tmp_path, monkeypatch, proxied
):
    """Also by the proxy of this host, which wants a password of its own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    context, public = make_server(tmp_path / "index")
    with local_index.serving(tls=context) as served, recording(f"clerk:{SECRET}") as proxy:
        if proxied:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        fill(served)
        environ = {
            "HOME": str(tmp_path),
            "PIP_INDEX_URL": served.url.replace("://", f"://me:{PASSWORD}@"),
            "PIP_CERT": str(public),
        }
        lay_files(folder, {"requirements.txt": f"direct\n# {proxied}\n"})
        sandbox, said = Recorder(settings), []
        index, request = PackageIndex(environ), EnvironmentRequest(repository="r", tree=str(folder))
        made = build.ensure_environment(request, sandbox, index, settings, said.append)
        assert made.packages == ("direct==1.0", "onlysource==1.0", "pip==1.0")
        assert None not in served.credentials
        asked = ("CONNECT", served.url.split("/")[2])
        assert asked in proxy.asked if proxied else proxy.asked == []
    orders = [repr(order.model_dump()) for order in sandbox.orders]
    assert len(orders) >= 2
    assert find_secrets(settings, *orders, *said, made.model_dump_json()) == []


def test_an_index_that_committed_files_name_is_read_where_it_is_allowed(
    settings, folder, tmp_path, monkeypatch
):
    context, public = make_server(tmp_path / "index")
    with local_index.serving(tls=context) as usual, local_index.serving(tls=context) as named:
        usual.add(local_index.wheel("pip", "1.0"), local_index.wheel("direct", "1.0"))
        named.add(local_index.wheel("inner", "1.0"))
        text = f"--extra-index-url {named.url}\ndirect\ninner\n"
        tree = lay_files(folder, {"requirements.txt": text})
        environ = {"HOME": str(tmp_path), "PIP_INDEX_URL": usual.url, "PIP_CERT": str(public)}
        clients = BubblewrapSandbox(settings), PackageIndex(environ), settings, print
        hosts = list_index_hosts(open_folder(tree))
        request = EnvironmentRequest(
            repository="r", tree=str(tree), project=make_project(index_hosts=hosts)
        )
        here = parse_target(named.url)
        for own, why in ((), "not an allowed host"), (hosts, "a host of an internal network"):
            with gateway.open_gateway(settings, clients[1], named=own) as made:
                assert connect(made, here.host, here.port).startswith(b"HTTP/1.1 403")
            assert made.refused_attempts == (f"{here} ({why})",)
        monkeypatch.setattr(upstream, "is_public", lambda address: address == "127.0.0.1")
        made = build.ensure_environment(request, *clients)
    assert made.packages == ("direct==1.0", "inner==1.0", "pip==1.0")


def test_the_host_of_the_repository_is_there_for_git_unless_the_operator_lists_hosts(settings):
    checkout = Checkout(
        repository="https://git.example/a/b.git", mirror="", commit="c", base_branch=None,
        nearest_tag=None,
    )  # fmt: skip
    index = PackageIndex({})
    for own, wanted in (("repository", {"git.example:443"}), ("listed", set())):
        given = replace(settings, index_hosts=own)
        with gateway.open_gateway(given, index, (), checkout.git_hosts) as made:
            assert set(map(str, made.git_hosts)) == wanted
    assert replace(checkout, repository="/srv/a").git_hosts == ()
