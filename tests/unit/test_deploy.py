"""What is deployed asks for what the code needs: no less, no more, and with its reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from agent.adapters.bubblewrap import roots
from agent.adapters.github import access, app_manifest
from agent.adapters.rooms import seccomp
from agent.adapters.sql_inbox import Inbox
from agent.demo import play
from agent.demo.simulator.world import World
from agent.editing import outline
from agent.environments import found_pythons
from webhooks import environment
from webhooks.sources import github_events

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LEVELS = ["read", "write", "admin"]
HOME = "/var/lib/mergewright"


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def manifest() -> dict[str, Any]:
    return json.loads(read("github_app.json"))


def services() -> dict[str, dict[str, Any]]:
    return YAML(typ="safe").load(read("compose.yml"))["services"]


# --- the App ---------------------------------------------------------------------------------


def test_the_manifest_for_whoever_makes_the_app_by_hand_is_that_of_the_command():
    assert manifest() == app_manifest.manifest("https://mergewright.example.org", "Mergewright")


def test_the_readme_has_the_tables_of_the_code():
    assert "\n".join(app_manifest.markdown()) in read("README.md")


def test_the_app_asks_for_what_tokens_are_made_with():
    minted: dict[str, str] = {}
    for permissions in access._PERMISSIONS.values():
        for name, level in permissions.items():
            minted[name] = max(minted.get(name, "read"), level, key=LEVELS.index)
    assert manifest()["default_permissions"] == minted


def test_the_app_subscribes_to_what_the_listener_reads():
    assert set(manifest()["default_events"]) == set(github_events.READS)


def test_the_app_is_private_and_its_deliveries_go_to_the_listener():
    assert manifest()["public"] is False
    assert manifest()["hook_attributes"]["url"].endswith("/webhooks/github")
    assert '"/webhooks/github"' in (ROOT / "webhooks" / "app.py").read_text()


# --- compose ---------------------------------------------------------------------------------


def test_each_service_has_its_own_secret_alone():
    listener, worker = services()["listener"], services()["worker"]
    assert (listener["secrets"], worker["secrets"]) == (["webhook"], ["github"])
    given = listener["environment"]
    assert environment.kept(given) == given
    assert "env_file" not in listener
    assert not [name for name in worker["environment"] if "WEBHOOK" in name]


def test_neither_service_reaches_the_other_or_the_engine():
    listener, worker = services()["listener"], services()["worker"]
    assert set(listener["networks"]).isdisjoint(worker["networks"])
    assert "ports" not in worker
    assert all(port.startswith("127.0.0.1:") for port in listener["ports"])
    assert all(one["volumes"] == [f"data:{HOME}"] for one in (listener, worker))
    for one in (listener, worker):
        assert "privileged" not in one
        assert one["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in one["security_opt"]
        assert one["read_only"] is True
        assert one["restart"] == "unless-stopped"


def test_every_further_right_of_the_worker_has_its_reason():
    assert "cap_add" not in services()["listener"]
    assert services()["listener"]["security_opt"] == ["no-new-privileges:true"]
    for right in services()["worker"]["cap_add"]:
        assert re.search(rf"^ +- {right}  # \S", read("compose.yml"), re.MULTILINE), right
    lines = read("compose.yml").splitlines()
    for option in services()["worker"]["security_opt"][1:]:
        (at,) = [number for number, line in enumerate(lines) if line.strip() == f"- {option}"]
        assert lines[at - 1].strip().startswith("#"), option


def test_the_unit_has_the_same_rights_as_the_container():
    (bound,) = re.findall(
        r"^CapabilityBoundingSet=(.*)$", read("systemd/mergewright.service"), re.MULTILINE
    )
    assert bound.split() == [f"CAP_{one}" for one in services()["worker"]["cap_add"]]


def test_the_container_refuses_the_calls_that_rooms_refuse():
    (rule,) = json.loads(read("seccomp.json"))["syscalls"]
    makes_rooms = {"mount", "pivot_root", "umount2", "unshare"}
    assert rule["action"] == "SCMP_ACT_ERRNO"
    assert set(rule["names"]) == set(seccomp._REFUSED) - makes_rooms


def folders_of_home() -> set[str]:
    """Folders that the code makes in the data folder."""
    found = {"rooms", found_pythons.FOLDER, roots.FOLDER, outline.FOLDER}
    for path in (ROOT / "agent").rglob("*.py"):
        if "demo" not in path.parts:
            found |= set(re.findall(r'\bhome\)? / "([a-z-]+)"', path.read_text()))
    return found


def test_the_listener_sees_the_inbox_and_the_runs_of_the_data_folder_alone():
    # What lies in the first is run, what is in the second decides what mypy finds.
    assert {"pythons", "type-caches"} <= folders_of_home()
    hidden = {
        one.partition(":")[0].removeprefix(f"{HOME}/")
        for one in services()["listener"]["tmpfs"]
        if one.startswith(f"{HOME}/") and ":ro," in one
    }
    assert hidden == folders_of_home() - {"runs"}


def test_the_image_makes_these_folders_with_the_modes_of_the_code():
    made = {
        name: mode
        for mode, names in re.findall(r"install -d -m (\d+) ([a-z -]+?)(?: \\)?$", read("Dockerfile"), re.MULTILINE)
        for name in names.split()
    }  # fmt: skip
    assert made.keys() == folders_of_home()
    assert {name for name, mode in made.items() if mode == "0755"} == {
        "environments",
        "pythons",
        "roots",
        "trees",
    }


def test_the_worker_is_healthy_by_the_sign_that_it_leaves(tmp_path):
    (check,) = [word for word in services()["worker"]["healthcheck"]["test"] if "beat" in word]
    inbox = Inbox(tmp_path)
    inbox.beat()
    inbox.close()
    check = check.replace(HOME, str(tmp_path))
    assert subprocess.run([sys.executable, "-c", check], check=False, timeout=30).returncode == 0
    stale = check.replace("> 30", "> -1")
    assert subprocess.run([sys.executable, "-c", stale], check=False, timeout=30).returncode == 1


# --- the README ------------------------------------------------------------------------------


def test_the_readme_names_files_that_are_there():
    written = {"deploy/secrets", "deploy/worker.env", "deploy/.env"}
    for path in set(re.findall(r"\b((?:deploy|agent)/[\w./-]*\w)", read("README.md"))):
        top = "/".join(path.split("/")[:2])
        assert top in written or path in written or (ROOT / path).exists(), path


def test_links_within_the_readme_lead_somewhere():
    text = read("README.md")
    heads = {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= heads


# --- the stand-in ----------------------------------------------------------------------------


def test_the_simulated_app_may_do_and_is_told_of_the_same(tmp_path):
    app, _ = play.people_and_app(World(tmp_path / "world"), "http://127.0.0.1:8080", tmp_path)
    assert app.permissions == manifest()["default_permissions"]
    assert list(app.hook.events) == manifest()["default_events"]
