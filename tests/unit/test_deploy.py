"""What is deployed asks for what the code needs: no less, no more, and with its reason."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agent.adapters.bubblewrap import roots
from agent.adapters.github import access
from agent.adapters.rooms import seccomp
from agent.adapters.sql_inbox import Inbox
from agent.demo import play
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


def rows(head: str) -> list[list[str]]:
    """Rows of the table in the README that begins with this column."""
    lines = read("README.md").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {head} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return table


# --- the App ---------------------------------------------------------------------------------


def test_the_app_asks_for_what_tokens_are_made_with():
    minted: dict[str, str] = {}
    for permissions in access._PERMISSIONS.values():
        for name, level in permissions.items():
            minted[name] = max(minted.get(name, "read"), level, key=LEVELS.index)
    assert manifest()["default_permissions"] == minted


def test_every_permission_has_its_reason():
    told = {name: level for name, level, reason in rows("permission") if reason}
    assert told == manifest()["default_permissions"]


def test_the_app_subscribes_to_nothing_that_the_listener_does_not_read():
    assert "issues" in manifest()["default_events"]
    assert set(manifest()["default_events"]) <= set(github_events.READS)


def test_every_event_has_its_reason():
    assert [name for name, reason in rows("event") if reason] == manifest()["default_events"]


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


# --- create-app ------------------------------------------------------------------------------


def create_app(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "create-app"), *words],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_the_form_sends_the_manifest_with_your_address():
    done = create_app("form", "--url", "https://m.example.org/", "--org", "a&b", "--name", "Ours")
    assert done.returncode == 0
    assert 'action="https://github.com/organizations/a%26b/settings/apps/new"' in done.stdout
    (value,) = re.findall(r'name="manifest" value="([^"]*)"', done.stdout)
    sent = json.loads(html.unescape(value))
    assert sent["hook_attributes"]["url"] == "https://m.example.org/webhooks/github"
    assert (sent["name"], sent["url"]) == ("Ours", "https://m.example.org")
    assert sent["default_permissions"] == manifest()["default_permissions"]


@pytest.mark.parametrize("address", ["m.example.org", "ftp://m.example.org", "https://"])
def test_half_an_address_is_refused(address):
    done = create_app("form", "--url", address)
    assert done.returncode == 2
    assert "whole address" in done.stderr


@contextmanager
def converting() -> Iterator[tuple[str, list[str]]]:
    """A server that trades one code, once, as GitHub's does."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            good = self.path == "/api/v3/app-manifests/good/conversions" and len(asked) == 1
            app = {
                "id": 7, "slug": "ours", "pem": "PEM\n", "webhook_secret": "s3cret",
                "external_url": "https://m.example.org", "html_url": "https://g.example/apps/ours",
            }  # fmt: skip
            body = json.dumps(app if good else {"message": "Not Found"}).encode()
            self.send_response(201 if good else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_code_is_traded_for_the_files_that_compose_reads(tmp_path):
    with converting() as (address, asked):
        done = create_app("convert", "good", "--github", address, "--into", str(tmp_path))
        assert done.returncode == 0, done.stderr
        again = create_app("convert", "good", "--github", address, "--into", str(tmp_path))
        assert again.returncode == 1
        assert "move away first" in again.stderr
        assert len(asked) == 1
    files = {"secrets/github": "PEM\n", "secrets/webhook": "s3cret\n"}
    for name, text in files.items():
        assert (tmp_path / name).read_text() == text
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    said = (tmp_path / "worker.env").read_text().splitlines()
    assert f"MERGEWRIGHT_GITHUB_URL={address}/api/v3" in said
    assert "MERGEWRIGHT_GITHUB_APP_ID=7" in said
    assert "PEM" not in done.stdout
    assert "s3cret" not in done.stdout


def test_a_code_that_is_used_up_leaves_no_file(tmp_path):
    with converting() as (address, _):
        done = create_app("convert", "bad", "--github", address, "--into", str(tmp_path))
    assert done.returncode == 1
    assert "used up" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_simulated_app_is_told_of_the_same_events():
    assert list(play.EVENTS) == manifest()["default_events"]
