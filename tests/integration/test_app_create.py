"""`mergewright app create` from its page to the files, against the simulated GitHub over HTTP."""

from __future__ import annotations

import hmac
import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from agent import settings
from agent.cli import app as app_create
from agent.cli import app_page
from agent.errors import PermanentError
from agent.github import app_registration
from tests.faulty_github import Fault, FaultyWorld
from tests.simulator import serving

PUBLIC = "https://m.example.org"
PAGE = "https://github.com/settings/apps"
FIELD = re.compile(r'<input type="hidden" name="(\w+)"\s+value="([^"]*)">')
ACTION = re.compile(r'<form [^>]*action="([^"]*)"')


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = FaultyWorld(tmp_path_factory.mktemp("world"))
    with serving.running(made):
        made.add_user("maria")
        made.add_user("acme", "Organization")
        made.add_user("robot")
        yield made


@pytest.fixture
def world(served):
    """GitHub as it is before any App is registered."""
    yield served
    served.faults.remove()
    served.requests.clear()
    served.clock_offset = 0.0
    with served.lock:
        served.apps.clear()
        served.registrations.clear()
        for login in [login for login, one in served.users.items() if one.kind == "Bot"]:
            del served.users[login]


@pytest.fixture
def person():
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


class Command:
    """The command in a process of its own, as somebody without a window starts it."""

    def __init__(self, world: FaultyWorld, folder: Path, *words: str, **environ: str) -> None:
        self.folder = folder
        plain = {k: v for k, v in os.environ.items() if not k.startswith("MERGEWRIGHT_")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "agent", "app", "create"),
                *("--url", PUBLIC, "--into", str(folder), *words),
            ],
            env={
                **plain, "MERGEWRIGHT_HOME": str(folder / "home"),
                "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3", **environ,
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def address(self) -> str:
        """Wait for the address to open."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("Open "):
                return line.split()[1]
        raise AssertionError(self.end())

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def started(*given, **more) -> Iterator[Command]:
    command = Command(*given, **more)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


def confirmed(person: httpx.Client, address: str) -> httpx.Response:
    """Press the button of our page; GitHub leads back with the code."""
    page = person.get(address).text
    (action,) = ACTION.findall(page)
    sent = {name: html.unescape(value) for name, value in FIELD.findall(page)}
    answer = person.post(html.unescape(action), data=sent)
    assert answer.status_code == 302, answer.text
    return answer


def loaded(places: app_create.AppFiles) -> settings.Settings:
    """Read the settings as a shell and `serve` do."""
    lines = places.environment.read_text().splitlines()
    words = [word for line in lines for word in shlex.split(line)]
    return settings.load_settings(dict(word.split("=", 1) for word in words))


def test_the_app_is_registered_and_its_files_are_what_serve_reads(world, tmp_path, person):
    folder = tmp_path / "etc"
    words = ("--json", "--organization", "acme")
    with started(world, folder, *words) as command:
        answer = confirmed(person, command.address())
        assert person.get(answer.headers["location"]).status_code == 200
        code, out, err = command.end()
    assert code == 0, err
    said = json.loads(out)
    assert said["files"] == [
        str(folder / name) for name in ("github", "webhook", "environment", "client")
    ]
    assert said["install"] == f"{world.base_url}/apps/mergewright-acme/installations/new"
    places = app_create.places_for_serve(folder)
    (made,) = world.apps.values()
    assert (made.name, made.owner.login) == ("Mergewright acme", "acme")
    assert made.permissions == app_registration.PERMISSIONS
    assert tuple(made.hook.events) == app_registration.EVENTS
    assert made.hook.url == f"{PUBLIC}/webhooks/github"
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in places[:4])
    read = loaded(places)
    assert (read.github_app_id, read.public_url) == (made.id, PUBLIC)
    assert settings.signing_secret(read) == made.hook.secret.encode()
    assert read.github_client_id == made.client_id
    assert (
        settings.read_secret(read, "github_client_secret").get_secret_value() == made.client_secret
    )
    for secret in (made.hook.secret, made.client_secret, "PRIVATE KEY"):
        assert secret not in out + err


def test_for_compose_each_service_finds_its_own_secret_alone(tmp_path):
    (tmp_path / "worker.env").write_text("# ours\nMERGEWRIGHT_MAX_RUNS=3\n")
    places = app_create.places_for_compose(tmp_path)
    app_create._prepare_folders(places, {})
    values = {"github_app_id": "7", "public_url": PUBLIC}
    app_create._write_files(places, "KEY", "secret", values, ("Iv1", "hidden"))
    assert places.environment.read_text().splitlines() == [
        "# ours", "MERGEWRIGHT_MAX_RUNS=3",
        "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE=/run/secrets/github",
        "MERGEWRIGHT_GITHUB_APP_ID=7", f"MERGEWRIGHT_PUBLIC_URL={PUBLIC}",
    ]  # fmt: skip
    assert (tmp_path / "dashboard.env").read_text().splitlines() == [
        "MERGEWRIGHT_GITHUB_CLIENT_ID=Iv1", "MERGEWRIGHT_GITHUB_CLIENT_SECRET=hidden",
    ]  # fmt: skip
    assert (tmp_path / "secrets" / "webhook").read_text() == "secret\n"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@contextmanager
def page_of(world: FaultyWorld) -> Iterator[app_page.Page]:
    def form(back: str):
        return f"{world.base_url}/settings/apps/new", app_registration.make_manifest(
            PUBLIC, "Ours", back
        )

    with app_page.serving(0, form) as page:
        yield page


def test_only_an_answer_to_this_registration_counts_and_only_the_first(world, person):
    with page_of(world) as page:
        back = confirmed(person, page.address).headers["location"]
        (code,) = world.registrations
        assert hmac.compare_digest(httpx.URL(back).params["code"], code)
        wrong = httpx.URL(back).copy_merge_params({"state": "x" * 43})
        assert person.get(wrong).status_code == 403
        assert person.get(back.partition("&state")[0]).status_code == 403
        assert person.get(httpx.URL(back).copy_merge_params({"code": "../x"})).status_code == 403
        with pytest.raises(PermanentError, match="Nobody registered the App"):
            page.wait(0.01)
        assert person.get(back).status_code == 200
        assert page.wait(5) == code


def code_of(world: FaultyWorld, person: httpx.Client) -> str:
    with page_of(world) as page:
        confirmed(person, page.address)
    (code,) = world.registrations
    return code


def trade(world: FaultyWorld, code: str) -> app_registration.MadeApp:
    return app_registration.exchange_code(f"{world.base_url}/api/v3", code, PAGE)


def test_a_lost_answer_is_explained_and_the_code_not_sent_again(world, person):
    code = code_of(world, person)
    world.faults.add(Fault(kind="lose_answer", path="*/conversions", count=1))
    with pytest.raises(PermanentError, match="not sent again.*Delete the App"):
        trade(world, code)
    assert len(world.requests.find("*/conversions")) == 1
