"""Levels of rooms: what was measured decides, and what is lacking is named."""

from __future__ import annotations

import pytest

from agent.adapters.rooms import kernel_bounds, levels
from agent.ports import Measure


def measured(*held, required=True):
    lines = [Measure(limit="no network", enforced=required, detail="tried", required=True)]
    names = (levels.OWN_ROOT, levels.FILTER, levels.KERNEL_BOUNDS, levels.OWN_KERNEL)
    for name in names:
        lines.append(
            Measure(limit=name, enforced=name in held, detail=f"saw {name}", required=False)
        )
    return tuple(lines)


@pytest.mark.parametrize(
    ("held", "level"),
    [
        ((levels.FILTER, levels.KERNEL_BOUNDS), "any"),
        ((levels.OWN_ROOT,), "own-root"),
        ((levels.OWN_ROOT, levels.FILTER, levels.KERNEL_BOUNDS), "container"),
        ((levels.OWN_ROOT, levels.OWN_KERNEL), "own-kernel"),
        ((levels.OWN_KERNEL,), "any"),
    ],
)
def test_the_level_is_the_strongest_of_which_everything_was_seen(held, level):
    assert levels.of(measured(*held)) == level
    assert levels.of(measured(*held, required=False)) is None
    for minimum in levels.LEVELS:
        weaker = levels.LEVELS.index(level) < levels.LEVELS.index(minimum)
        assert (levels.objection(measured(*held), minimum) is not None) == weaker


def test_what_is_lacking_and_what_would_do_is_named():
    words = levels.objection(measured(levels.OWN_ROOT), "container")
    for named in ("own-root", "MERGEWRIGHT_SANDBOX_MINIMUM", "container", levels.FILTER):
        assert named in words
    assert "own root" not in words
    broken = levels.objection(measured(levels.OWN_ROOT, required=False), "any")
    assert "no network" in broken


def write(place, text):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_bounds_are_read_from_both_versions_of_control_groups(tmp_path):
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    write(proc / "7" / "cgroup", "5:cpu,memory:/docker/a\n3:pids:/docker/a\n0::/\n")
    write(root / "memory" / "docker" / "a" / "memory.limit_in_bytes", "4096\n")
    write(root / "pids" / "docker" / "a" / "pids.max", "max\n")
    assert kernel_bounds.of(7, root, proc) == {"memory": 4096}
    write(proc / "8" / "cgroup", "0::/system.slice/docker-b.scope\n")
    write(root / "system.slice" / "docker-b.scope" / "memory.max", "8192\n")
    write(root / "system.slice" / "docker-b.scope" / "pids.max", "33\n")
    assert kernel_bounds.of(8, root, proc) == {"memory": 8192, "processes": 33}
    write(proc / "9" / "cgroup", "0::/\n")
    assert kernel_bounds.of(9, root, proc) == {}
