"""`mergewright simulator`: starts, tells where, ends on a signal and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.adapters.github import access, live_issue
from agent.adapters.github.session import Scope
from agent.domain import IssueRef
from agent.settings import Settings

CODE = "import typer; from agent.cli.simulator import simulator; typer.run(simulator)"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.communicate(timeout=10)
        text += line
    said: dict[str, Any] = json.loads(text)
    return said


def test_it_begins_with_an_issue_and_all_that_a_service_needs_to_work_on_it(
    tmp_path: Path,
) -> None:
    listener = ("--listener", "http://127.0.0.1:8123")
    with start(tmp_path, "--port", "0", "--json", *listener) as process:
        said = said_by(process)
        given = said["settings"]
        assert given["MERGEWRIGHT_GITHUB_URL"] == said["api"]
        assert given["MERGEWRIGHT_LISTEN_PORT"] == "8123"
        for name in ("GITHUB_PRIVATE_KEY_FILE", "WEBHOOK_SECRET_FILE"):
            path = Path(given[f"MERGEWRIGHT_{name}"])
            assert path.stat().st_mode & 0o777 == 0o600
        fields = {name.removeprefix("MERGEWRIGHT_").lower(): value for name, value in given.items()}
        settings = Settings.model_validate({**fields, "home": tmp_path / "home"})
        way = access.connect(settings)
        assert way.login() == "mergewright[bot]"
        issue = IssueRef(repository="corner-shop/shop", repository_id=0, number=1, issue_id=0)
        found = live_issue.read(way.session(issue, "a test"), Scope.READ)
        assert found is not None
        assert found.labels == ()
        page = httpx.get(f"{said['base_url']}/corner-shop/shop/issues/1", timeout=10).text
        assert "mergewright</option>" in page
        assert "maria (write)" in page
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_its_first_lines_say_what_to_do_next(tmp_path: Path) -> None:
    with start(tmp_path, "--port", "0") as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C ends it." not in said:
            line = process.stdout.readline()
            assert line, process.communicate(timeout=10)
            said += line
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    for words in (
        "export MERGEWRIGHT_GITHUB_APP_ID=", "export MERGEWRIGHT_WEBHOOK_SECRET_FILE=",
        "mergewright serve", "/corner-shop/shop/issues/1", "add the label mergewright as maria",
    ):  # fmt: skip
        assert words in said


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "repositories").mkdir()
    (tmp_path / "repositories" / "something").touch()
    folder = ("--folder", str(tmp_path / "repositories"))
    with start(tmp_path, "--port", "0", *folder) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "is not empty" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_removes_its_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    with start(tmp_path, "--port", "0", "--json", "--empty") as process:
        said = said_by(process)
        assert said["settings"] == {}
        sent = {"full_name": "ada/shop"}
        made = httpx.post(f"{said['setup']}/repositories", json=sent, timeout=10)
        assert made.status_code == 201
        found = httpx.get(f"{said['api']}/repos/ada/shop", timeout=10)
        assert found.json()["clone_url"] == f"{said['base_url']}/ada/shop.git"
        assert httpx.get(f"{said['base_url']}/ada/shop", timeout=10).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with start(tmp_path, "--port", str(port)) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "cannot listen on" in err
    assert str(port) in err


def test_a_kept_folder_holds_the_repositories(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with start(tmp_path, "--port", "0", "--json", "--empty", "--folder", str(kept)) as process:
        address = said_by(process)["setup"]
        httpx.post(f"{address}/repositories", json={"full_name": "ada/shop"}, timeout=10)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert [one.suffix for one in kept.iterdir()] == [".git"]
    assert time.time() - kept.stat().st_mtime < 120
