"""Give tools an environment of their own, where that of the project has them not just so.

A repository pins their version, or its CI installs plugins beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.environments import distributions, fetch, toolsets
from agent.environments.build_context import BuildContext
from agent.errors import EnvironmentFailed
from agent.models.environment import Environment


def provide_tools(
    tools: dict[str, tuple[str, ...]], environment: Environment, build_context: BuildContext
) -> tuple[tuple[str, str], ...]:
    """Give the folder of each tool that has one; made as far as its packages can be had.

    Args:
        tools: By tool, its requirement and those of its plugins.
        environment: Of the project.
        build_context: Of the build.
    """
    found: list[tuple[str, str]] = []
    for tool, lines in tools.items():
        for wanted in _list_wanted(tool, lines, environment, build_context):
            place = toolsets.locate_pinned(wanted, build_context) / "venv"
            if not place.is_dir():
                _make_tool(wanted, build_context)
            if place.is_dir():
                build_context.say(f"in an environment of its own: {' '.join(wanted)}")
                found.append((tool, str(place)))
                break
    return tuple(found)


def _make_tool(wanted: tuple[str, ...], build_context: BuildContext) -> None:
    """Make a tool with its plugins of wheels, if they can be had."""
    with fetch.open_fetcher(build_context) as fetcher:
        try:
            toolsets.provide_pinned(wanted, build_context, fetcher)
        except EnvironmentFailed as problem:
            words = problem.message.partition("\n")[0]
            build_context.say(f"{' '.join(wanted)} cannot be had, so another runs: {words}")


def _list_wanted(
    tool: str, lines: tuple[str, ...], environment: Environment, build_context: BuildContext
) -> Iterator[tuple[str, ...]]:
    """Yield what to make, best first; nothing where the environment will do."""
    pin, *plugins = lines
    if pin == tool:
        has = dict(one.split("==", 1) for one in environment.packages)
        version = has.get(tool) or toolsets.find_version(tool, build_context)
        pin = f"{tool}=={version}" if version else tool
    if distributions.find_unmet(plugins, environment):
        yield (pin, *plugins)
    # Where plugins cannot be had, the version that is pinned can.
    if lines[0] != tool and distributions.find_unmet((pin,), environment):
        yield (pin,)
