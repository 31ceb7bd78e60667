"""What is deployed asks for what the code needs: no less, no more, and with its reason."""

import json
import re
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from agent import settings
from agent.conversation import deliveries
from agent.github import tokens
from agent.models.chat import Usage
from agent.sandbox import bwrap_arguments, seccomp
from agent.setup import interpreters
from agent.store.sql_inbox import Inbox
from agent.telemetry import metrics
from agent.telemetry.signature import PUBLIC_FILE
from tests import pods
from tests.simulator.world import APP_EVENTS, APP_PERMISSIONS
from webhooks.health import ListenerMetrics

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


@cache
def services() -> dict[str, dict[str, Any]]:
    return YAML(typ="safe").load(read("compose.yml"))["services"]


def of_profile(fleet: str) -> list[dict[str, Any]]:
    return [services()[f"{fleet}{name}"] for name in ("listener", "dashboard", "worker")]


def test_the_app_asks_for_what_tokens_are_made_with():
    minted: dict[str, str] = {}
    for permissions in tokens.PERMISSIONS.values():
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
    (rule,) = json.loads(read("kubernetes/seccomp.json"))["syscalls"]
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


# --- Kubernetes ----------------------------------------------------------------------------------

_USER_ONLY = {
    "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip
_WALLED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def test_every_file_of_kubernetes_is_one_of_its_resources():
    (listed,) = [one for one in pods.read_objects() if one["kind"] == "Kustomization"]
    there = {path.name for path in pods.KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert sorted(listed["resources"]) == sorted(there)
    generated = {one["name"] for one in listed["configMapGenerator"]}
    named = set(re.findall(r"config[Mm]ap(?:Ref)?: \{name: ([a-z-]+)\}", read_kubernetes()))
    assert named == generated


def read_kubernetes() -> str:
    return "\n".join(path.read_text() for path in sorted(pods.KUBERNETES.glob("*.yaml")))


@pytest.mark.parametrize("name", ["listener", "dashboard", "worker", "tables"])
def test_a_pod_has_its_own_secret_alone_and_only_known_settings(name):
    pod = pods.read_pod(name)
    owner = "worker" if name == "tables" else name
    assert [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one] == [owner]
    # A Service's links are variables that begin with its name; a setting would be unknown.
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        given = {one["name"]: one["value"] for one in container["env"]}
        settings.load_settings(given)
        mounted = {one["mountPath"] for one in container["volumeMounts"]}
        files = [value for key, value in given.items() if key.endswith("_FILE")]
        assert all(str(Path(file).parent) in mounted for file in files)
        assert "memory" in container["resources"]["limits"]
        if name == "listener":
            assert settings.keep_for_listener(given) == given


@pytest.mark.parametrize("name", ["listener", "dashboard", "tables"])
def test_pods_that_make_no_sandboxes_hold_to_the_strictest_standard(name):
    pod = pods.read_pod(name)
    assert pod["securityContext"] == _USER_ONLY
    assert [one["securityContext"] for one in pod["containers"]] == [_WALLED]


def test_a_worker_pod_has_the_rights_of_compose_and_no_more():
    pod, (node,) = pods.read_pod("worker"), [services()["worker"]]
    (checked,), (worker,) = pod["initContainers"], pod["containers"]
    rights = worker["securityContext"]
    assert checked["securityContext"] == rights
    assert checked["env"] == worker["env"]
    assert rights.pop("capabilities") == {"drop": node["cap_drop"], "add": node["cap_add"]}
    assert set(node["cap_add"]) == set(bwrap_arguments.RIGHTS)
    assert rights.pop("procMount") == "Unmasked"
    assert pod["hostUsers"] is False
    assert rights == {key: _WALLED[key] for key in rights if key in _WALLED} | {"privileged": False}
    profile = pod["securityContext"]["seccompProfile"]
    assert profile == {"type": "Localhost", "localhostProfile": "mergewright.json"}


def test_only_who_has_to_is_reached_or_reaches_out():
    policies = [one for one in pods.read_objects() if one["kind"] == "NetworkPolicy"]
    (nothing,) = [one["spec"] for one in policies if not one["spec"]["podSelector"]]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    reached = {
        (name, port["port"])
        for one in policies
        for rule in one["spec"].get("ingress", ())
        for port in rule["ports"]
        for name in one["spec"]["podSelector"]["matchExpressions"][0]["values"]
    }
    declared = {
        (name, port["name"])
        for name in ("listener", "dashboard", "worker")
        for port in pods.read_pod(name)["containers"][0]["ports"]
    }
    assert reached == declared


# --- monitoring ----------------------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path) -> dict[str, set[str]]:
    """Give the labels of each metric that a process of ours exports, by its name."""
    model = "openai:gpt-x", "editor"
    metrics.count_model_request(*model, 1.0, "limited")
    metrics.count_model_use(*model, Usage(input_tokens=3), 0.5)
    metrics.expect_end("octo/shop")
    metrics.count_wait(None)
    metrics.note_queue(0, None, is_paused=False)
    with closing(Inbox(tmp_path)) as inbox:
        listener = ListenerMetrics(inbox, tuple).write()
    worker = metrics.write_metrics(metrics.make_process_registry("worker", tmp_path))
    return {
        sample.name: set(sample.labels) | {"le", "instance"}
        for text in (listener, worker)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def require_metrics(expressions: list[str], exported: dict[str, set[str]]) -> set[str]:
    """Hold expressions against what is exported; return the names of their metrics."""
    named = set()
    for expression in expressions:
        assert expression.count("(") == expression.count(")"), expression
        found = set(re.findall(r"mergewright_\w+", expression))
        assert found, expression
        assert found <= exported.keys(), found - exported.keys()
        labels = set().union(*(exported[name] for name in found))
        for listed in re.findall(r"by \(([^)]*)\)", expression):
            assert {label.strip() for label in listed.split(",")} <= labels, expression
        for listed in re.findall(r"\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)=", listed)) <= labels, expression
        named |= found
    return named


def test_the_grafana_dashboard_shows_metrics_that_are_there(exported):
    board = json.loads(read("grafana.json"))
    asked = [one["expr"] for panel in board["panels"] for one in panel["targets"]]
    assert len(require_metrics(asked, exported)) > 20
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_alert_rules_are_whole_and_ask_for_metrics_that_are_there(exported):
    (group,) = YAML(typ="safe").load(read("alerts.yml"))["groups"]
    rules = group["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert {"alert", "expr", "labels", "annotations"} <= set(rule)
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
    assert len(require_metrics([rule["expr"] for rule in rules], exported)) > 10
