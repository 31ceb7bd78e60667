"""A whole run in sandboxes of a container engine, and of nothing else."""

from __future__ import annotations

import os

import pytest

from tests.flow.stories import TICKET
from tests.sandboxes import ENGINE

pytestmark = pytest.mark.engine


def test_a_field_is_added_in_containers_alone(sample, run, home, tmp_path, monkeypatch):
    """Fetch through the proxy's socket, build, produce, check: every sandbox is a container."""
    other = tmp_path / "bin" / "bwrap"
    other.parent.mkdir()
    other.write_text(f"#!/bin/sh\ntouch {tmp_path}/used\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
    before = sample.state()
    ended = run(sample.path, TICKET.read_text(), home=home)
    assert ended.exit_code == 0, ended.result["sentence"]
    assert {check["verdict"] for check in ended.result["checks"]} == {"passed"}
    assert sample.state() == before
    assert ended.result["branch"] in sample.branches()
    assert not (tmp_path / "used").exists()
