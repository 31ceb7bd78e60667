"""Under which key an environment is stored, and that it is built once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.environments import build, interpreters, storage
from agent.environments.assembly import RECORD, Stored
from agent.environments.build import EnvironmentRequest
from agent.environments.package_index import SimpleIndex
from agent.environments.setup_commands import SetUp
from agent.models.environment import Environment
from agent.settings import Settings
from tests.fakes import FakeSandbox

PYTHON = interpreters.Interpreter(version="3.11.2", path="/usr/bin/python3.11", why="")


@pytest.fixture
def clients(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "choose_interpreter", lambda *_: PYTHON)
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    return FakeSandbox(lambda _: pytest.fail("nothing runs")), SimpleIndex(settings, {}), settings


@pytest.fixture
def tree(tmp_path):
    place = tmp_path / "tree"
    place.mkdir()
    return place


def test_code_that_takes_part_in_the_build_has_an_environment_of_its_own(clients, tree):
    def key() -> str:
        request = EnvironmentRequest(tree=str(tree))
        return build.prepare_build(request, *clients, lambda _: None).key

    (tree / "helper.py").write_text("VERSION = '1'\n")
    (tree / "requirements.txt").write_text("six\n")
    plain = key()
    (tree / "helper.py").write_text("VERSION = '2'\n")
    assert key() == plain, "nothing of the tree is built"
    (tree / "setup.py").write_text("import helper\n")
    built = key()
    (tree / "helper.py").write_text("open('planted.py', 'w')\n")
    assert len({plain, built, key()}) == 3
    (tree / "helper.py").write_text("VERSION = '2'\n")
    assert key() == built
    (tree / "helper.py").chmod(0o755)
    seen = {built, key()}
    (tree / "helper.py").rename(tree / "other.py")
    seen.add(key())
    (tree / "link").symlink_to("other.py")
    assert len({*seen, key()}) == 4


def test_lines_of_the_set_up_build_no_packages_anew(clients, tree):
    (tree / "requirements.txt").write_text("six\n")
    keys = {
        build.prepare_build(
            EnvironmentRequest(tree=str(tree), setup=SetUp(commands=lines)),
            *clients,
            lambda _: None,
        ).key
        for lines in ((), ("mkdir data",), ("mkdir data", "touch data/x"))
    }
    assert len(keys) == 1


def test_two_who_want_the_same_environment_build_it_once(clients, tree, monkeypatch):
    both, arrived, built = threading.Event(), [], []
    lock_name = storage.lock_name

    class Assembly:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def run(self, key: str) -> None:
            assert both.wait(30)
            built.append(key)
            place = storage.locate_environment(clients[-1], key)
            place.mkdir(parents=True)
            made = Environment(
                key=key, path="", gate_path="", scripts_path="", python="3.11.2",
                interpreter_mounts=(), interpreter="", sources=(), packages=(),
            )  # fmt: skip
            record = Stored(environment=made, created=0, seconds=0)
            (place / RECORD).write_text(record.model_dump_json())

    def lock(settings: Settings, name: str):
        if name.startswith("build-"):
            arrived.append(name)
            if len(arrived) == 2:
                both.set()
        return lock_name(settings, name)

    monkeypatch.setattr(build, "Assembly", Assembly)
    monkeypatch.setattr(storage, "lock_name", lock)

    def ensure(_: int) -> Environment:
        request = EnvironmentRequest(tree=str(tree))
        return build.ensure_environment(request, *clients, lambda _: None)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(ensure, range(2))
    assert one == other
    assert built == [one.key]
