"""Choose among the extras and groups of a repository, and keep why."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from agent.domain import Record
from agent.environments import requirement_names
from agent.errors import EnvironmentFailed


class Choice(Record):
    """One thing that was taken or left, and why."""

    what: str
    why: str
    taken: bool = True


def choose_extras(
    available: Sequence[str], wanted: tuple[str, ...] | None, origin: str
) -> tuple[str, ...]:
    """Take the extras that are asked for, or those made for tests.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    return choose(available, wanted, origin, kind="extra")


def choose(
    available: Sequence[str],
    wanted: tuple[str, ...] | None,
    origin: str,
    *,
    kind: str,
    more: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Take what is asked for, or what is made for tests, and `more` with that.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    known = [str(canonicalize_name(name)) for name in available]
    if wanted is None:
        also = {str(canonicalize_name(name)) for name in more}
        return tuple(name for name in known if requirement_names.is_for_tests(name) or name in also)
    chosen = tuple(str(canonicalize_name(name)) for name in wanted)
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            there = ", ".join(known) or "none"
            raise EnvironmentFailed(
                f"python.{kind}s: {origin} has no {kind} `{name}`.{hint} It has: {there}."
            )
    return chosen
