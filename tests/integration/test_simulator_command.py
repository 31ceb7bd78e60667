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

import httpx
import pytest

CODE = "import typer; from agent.cli.simulator import simulator; typer.run(simulator)"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_removes_its_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    with start(tmp_path, "--port", "0", "--json") as process:
        assert process.stdout is not None
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, process.communicate(timeout=10)
            text += line
        said = json.loads(text)
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
    with start(tmp_path, "--port", "0", "--json", "--folder", str(kept)) as process:
        assert process.stdout is not None
        text = ""
        while "}" not in text:
            text += process.stdout.readline()
        address = json.loads(text)["setup"]
        httpx.post(f"{address}/repositories", json={"full_name": "ada/shop"}, timeout=10)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert [one.suffix for one in kept.iterdir()] == [".git"]
    assert time.time() - kept.stat().st_mtime < 120
