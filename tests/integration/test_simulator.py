"""The simulated GitHub of the tests: deliveries, rights, faults, git and two pages.

What it answers to each call is held against GitHub's own description in `tests/contract`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.demo.simulator.faults import Fault, Kind
from agent.demo.simulator.hooks import HookFault
from agent.settings import load_settings
from tests.integration.simulator_samples import SECRET, Place, place, receiver


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def test_a_delivery_is_signed_and_what_goes_wrong_on_demand_goes_wrong(tmp_path: Path) -> None:
    with receiver() as (url, came), place(tmp_path, url) as hub:
        hub.world.hooks.drain()
        came.clear()
        hub.world.hooks.faults += [
            HookFault("lose"), HookFault("reorder"), HookFault("duplicate"),
        ]  # fmt: skip
        for title in ("lost", "late", "twice ☃"):
            hub.issue(title=title)
        assert hub.world.hooks.drain()
        bodies = [json.loads(one.body) for one in came]
        titles = [body["issue"]["title"] for body in bodies]
        assert titles in (["twice ☃", "twice ☃", "late"], ["twice ☃", "late", "twice ☃"])
        told = {title: one.headers for title, one in zip(titles, came, strict=True)}
        assert len({headers["X-GitHub-Delivery"] for headers in told.values()}) == 2
        for one in came:
            expected = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
            assert one.headers["X-Hub-Signature-256"] == f"sha256={expected}"
            assert one.headers["X-GitHub-Event"] == "issues"
        assert bodies[0]["installation"]["id"] == hub.installation.id
        assert bodies[0]["sender"]["login"] == "ada"


@pytest.mark.parametrize(
    ("kind", "status", "done"),
    [
        ("answer", 503, 0),
        ("limit", 403, 0),
        ("drop", None, 0),
        ("lose_answer", None, 1),
        ("lose_answer", 502, 1),
    ],
)
def test_a_fault_strikes_once_and_leaves_the_effect_that_it_says(
    hub: Place, kind: Kind, status: int | None, done: int
) -> None:
    path = f"{hub.repo}/issues/{hub.issue()}/comments"
    token = hub.bot()
    hub.world.faults.add(Fault(kind, method="POST", path="/api/v3/repos/*/comments", status=status))
    hub.done("GET", path, token)
    if status is None:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            hub.ask("POST", path, token, json={"body": "x"})
    else:
        assert hub.ask("POST", path, token, json={"body": "x"}).status_code == status
    assert len(hub.repository.issues[1].comments) == done
    hub.done("POST", path, token, json={"body": "x"})


EVIL = "\"><script>document.title='owned'</script><img src=x onerror=alert(1)>"
HOSTILE = (
    EVIL,
    "[click](JaVaScRiPt&colon;alert(1)) ![a](javascript:x) <a href=javascript:alert(1)>x</a>",
    "</div></article></main></details></textarea><script>alert(1)</script>",
    "<details/open/ontoggle=alert(1)><summary style='position:fixed'>x</summary>",
    '```"><script>alert(1)</script>\nx\n```\n<!-- a --!><svg/onload=alert(1)>',
)


def test_a_person_labels_by_a_form_of_our_own_page_alone(hub: Place) -> None:
    path = f"{hub.url}/acme/shop/issues/{hub.issue()}"
    fields = {"deed": "label", "label": "bug", "as": "will"}
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert hub.client.post(path, data=fields, headers=headers).status_code == 403
    issue = hub.repository.issues[1]
    assert issue.labels == []
    assert hub.client.post(path, data={**fields, "as": "rea"}).status_code == 422
    assert hub.client.post(path, data=fields).status_code == 303
    assert [(one.event, one.actor.login) for one in issue.happenings] == [("labeled", "will")]


def test_the_command_names_all_settings_with_which_a_service_works_for_it():
    command = [sys.executable, "-m", "agent", "simulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = "".join(iter(process.stdout.readline, "}\n")) + "}"
            settings = load_settings(json.loads(told)["settings"])
            assert settings.home.parent == settings.github_private_key_file.parent
            assert httpx.get(json.loads(told)["issue"]).status_code == 200
        finally:
            process.terminate()
