"""How strong the rooms of this machine are, in words that an operator can ask for.

A level is what was measured, never what a kind of room or a setting promises: bubblewrap with its
own root file system, filter and control groups is as much a container as one of an engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from agent.ports import Measure

Level = Literal["any", "own-root", "container", "own-kernel"]
"""From weak to strong."""
LEVELS: tuple[Level, ...] = ("any", "own-root", "container", "own-kernel")

OWN_ROOT = "own root file system"
OWN_KERNEL = "own kernel"
OWN_USERS = "own user ids"
FILTER = "kernel call filter"
KERNEL_BOUNDS = "bounded by the kernel"
#: What each level has beyond the limits without which no room is used.
DEMANDS: dict[Level, tuple[str, ...]] = {
    "any": (),
    "own-root": (OWN_ROOT,),
    "container": (OWN_ROOT, FILTER, KERNEL_BOUNDS),
    "own-kernel": (OWN_ROOT, OWN_KERNEL),
}
_WAYS: dict[Level, str] = {
    "any": "",
    "own-root": "build an image (mergewright images build 3.11) for a container engine, or set"
    " MERGEWRIGHT_ROOM_ROOT to a tree that sandbox_images/make_root.sh has made",
    "container": "use a container engine (mergewright images build 3.11), or bubblewrap as root"
    " with MERGEWRIGHT_ROOM_ROOT on a machine that lets control groups be made",
    "own-kernel": "use a container engine with MERGEWRIGHT_DOCKER_RUNTIME=kata-runtime (Kata), or"
    " another runtime that has a kernel of its own and keeps every limit",
}


def broken(measures: Iterable[Measure]) -> list[str]:
    """Name the limits without which no room is used, and that do not hold."""
    return [one.limit for one in measures if one.required and not one.enforced]


def of(measures: Iterable[Measure]) -> Level | None:
    """Say which level the rooms have that were measured; None: none that is used at all."""
    lines = tuple(measures)
    if broken(lines):
        return None
    held = {one.limit for one in lines if one.enforced}
    return next(level for level in reversed(LEVELS) if held.issuperset(DEMANDS[level]))


def objection(measures: Iterable[Measure], minimum: Level) -> str | None:
    """Say why rooms are weaker than the operator asks for, and what would do; None: they are not.

    Args:
        measures: What was tried.
        minimum: The operator's.
    """
    lines = tuple(measures)
    level = of(lines)
    if level is not None and LEVELS.index(level) >= LEVELS.index(minimum):
        return None
    if level is None:
        return f"Rooms are not used on this machine: not enforced: {', '.join(broken(lines))}."
    lacking = {one.limit: one.detail for one in lines if not one.enforced}
    why = "; ".join(f"{name}: {lacking[name]}" for name in DEMANDS[minimum] if name in lacking)
    return (
        f"The rooms of this machine are of the level {level}, and MERGEWRIGHT_SANDBOX_MINIMUM asks"
        f" for {minimum}. Not enforced: {why}. To reach it, {_WAYS[minimum]}."
    )
