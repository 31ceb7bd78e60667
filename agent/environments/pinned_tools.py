"""Give tools an environment of their own, where that of the project has them not just so.

A repository pins their version, or its CI installs plugins beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.environments import distributions, toolsets
from agent.environments.assembly import Assembly
from agent.environments.bench import Bench
from agent.models.environment import Environment


def provide(
    tools: dict[str, tuple[str, ...]], environment: Environment, assembly: Assembly, bench: Bench
) -> tuple[tuple[str, str], ...]:
    """Give the folder of each tool that has one; made as far as its packages can be had.

    Args:
        tools: By tool, its requirement and those of its plugins.
        environment: Of the project.
        assembly: Makes what is missing.
        bench: Of the build.
    """
    found: list[tuple[str, str]] = []
    for tool, lines in tools.items():
        for wanted in _list_wanted(tool, lines, environment, bench):
            place = toolsets.locate_pinned(wanted, bench) / "venv"
            if not place.is_dir():
                assembly.run_pinned(wanted)
            if place.is_dir():
                bench.say(f"in an environment of its own: {' '.join(wanted)}")
                found.append((tool, str(place)))
                break
    return tuple(found)


def _list_wanted(
    tool: str, lines: tuple[str, ...], environment: Environment, bench: Bench
) -> Iterator[tuple[str, ...]]:
    """Yield what to make, best first; nothing where the environment will do."""
    pin, *plugins = lines
    if pin == tool:
        has = dict(one.split("==", 1) for one in environment.packages)
        version = has.get(tool) or toolsets.find_version(tool, bench)
        pin = f"{tool}=={version}" if version else tool
    if distributions.find_unmet(plugins, environment):
        yield (pin, *plugins)
    # Where plugins cannot be had, the version that is pinned can.
    if lines[0] != tool and distributions.find_unmet((pin,), environment):
        yield (pin,)
