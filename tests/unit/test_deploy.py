"""What is deployed asks for what the code needs: no less, no more, and with its reason."""

import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import generate_latest
from ruamel.yaml import YAML

from agent import settings
from agent.conversation import deliveries
from agent.github import tokens
from agent.sandbox import seccomp
from agent.setup import interpreters
from agent.store.sql_inbox import Inbox
from agent.telemetry import metrics
from agent.telemetry.signing import PUBLIC_FILE
from tests.simulator.world import APP_EVENTS, APP_PERMISSIONS
from webhooks.health import ListenerMetrics
from webhooks.inbox import Committer

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LEVELS = ["read", "write", "admin"]
HOME = "/var/lib/mergewright"


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def read_registration() -> dict[str, list[str]]:
    """Read what the link asks for that an App is registered by."""
    (link,) = re.findall(r"https://github\.com/settings/apps/new\?\S+", read("README.md"))
    return parse_qs(urlsplit(link).query)


def services() -> dict[str, dict[str, Any]]:
    return YAML(typ="safe").load(read("compose.yml"))["services"]


def of_profile(fleet: str) -> list[dict[str, Any]]:
    return [services()[f"{fleet}{name}"] for name in ("listener", "dashboard", "worker")]


def test_the_app_asks_for_what_tokens_are_made_with():
    minted: dict[str, str] = {}
    # Reading teams is granted only where the operator's limits name some.
    usual = (tokens.TokenScope.TALK, tokens.TokenScope.PUSH)
    for permissions in map(tokens.PERMISSIONS.get, usual):
        for name, level in permissions.items():
            minted[name] = max(minted.get(name, "read"), level, key=LEVELS.index)
    asked = read_registration()
    assert {name: level for name, (level, *_) in asked.items() if level in LEVELS} == minted
    assert minted == APP_PERMISSIONS


def test_the_app_subscribes_to_what_the_listener_reads():
    assert set(read_registration()["events[]"]) == set(deliveries.READS) == set(APP_EVENTS)


@pytest.mark.parametrize(("fleet", "shared"), [("", []), ("fleet-", ["database"])])
def test_each_service_has_its_own_secret_alone(fleet, shared):
    listener, dashboard, worker = of_profile(fleet)
    given = listener["environment"]
    assert listener["secrets"] == ["webhook", *shared]
    assert settings.keep_for_listener(given) == given
    assert "env_file" not in listener
    assert worker["secrets"] == ["github", *shared, *(["signing"] if fleet else [])]
    assert not [name for name in worker["environment"] if "WEBHOOK" in name]
    public = {"source": "public", "target": f"{HOME}/{PUBLIC_FILE}"}
    assert dashboard.get("secrets", []) == [*shared, *([public] if fleet else [])]
    given = dashboard["environment"]
    assert settings.keep_for_dashboard(given) == given


@pytest.mark.parametrize("fleet", ["", "fleet-"])
def test_no_service_reaches_another_or_the_engine(fleet):
    each = of_profile(fleet)
    listener, dashboard, worker = each
    assert len({name for one in each for name in one["networks"]}) == 3
    assert "ports" not in worker
    reached = listener, dashboard, services()["proxy"]
    assert all(port.startswith("127.0.0.1:") for one in reached for port in one["ports"])
    # Workers of a fleet have a disk each.
    assert all(one["volumes"] == ([] if fleet else [f"data:{HOME}"]) for one in each)
    for node in each:
        assert "privileged" not in node
        assert node["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in node["security_opt"]
        assert node["read_only"] is True
        assert node["restart"] == "unless-stopped"


def test_the_container_refuses_the_calls_that_sandboxes_refuse():
    (rule,) = json.loads(read("seccomp.json"))["syscalls"]
    makes_sandboxes = {"mount", "pivot_root", "umount2", "unshare"}
    assert rule["action"] == "SCMP_ACT_ERRNO"
    assert set(rule["names"]) == set(seccomp._REFUSED) - makes_sandboxes


def folders_of_home() -> set[str]:
    """Folders that the code makes in the data folder."""
    found = {"sandboxes", interpreters.FOLDER}
    for path in (ROOT / "agent").rglob("*.py"):
        found |= set(re.findall(r'\bhome\)? / "([a-z-]+)"', path.read_text()))
    return found


def test_the_listener_sees_the_inbox_of_the_data_folder_alone():
    assert "pythons" in folders_of_home()
    hidden = {
        service.partition(":")[0].removeprefix(f"{HOME}/")
        for service in services()["listener"]["tmpfs"]
        if service.startswith(f"{HOME}/") and ":ro," in service
    }
    assert hidden == folders_of_home()


def test_the_worker_is_healthy_by_the_sign_that_it_leaves(tmp_path):
    (check,) = [word for word in services()["worker"]["healthcheck"]["test"] if "beat" in word]
    inbox = Inbox(tmp_path)
    inbox.beat()
    inbox.close()
    check = check.replace(HOME, str(tmp_path))
    assert subprocess.run([sys.executable, "-c", check], check=False, timeout=30).returncode == 0
    stale = check.replace("> 30", "> -1")
    assert subprocess.run([sys.executable, "-c", stale], check=False, timeout=30).returncode == 1


def test_the_grafana_dashboard_shows_metrics_that_are_there(tmp_path):
    with closing(Inbox(tmp_path)) as inbox:
        listener = ListenerMetrics(inbox, Committer(inbox))
        told = (listener.write() + generate_latest(metrics.REGISTRY)).decode()
    there = set()
    for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", told):
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        there |= {f"{name}{end}" for end in ends}
    board = json.loads(read("grafana.json"))
    asked = [one["expr"] for panel in board["panels"] for one in panel["targets"]]
    named = set(re.findall(r"mergewright_\w+", " ".join(asked)))
    assert len(named) > 15
    assert named <= there, named - there
