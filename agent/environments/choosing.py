"""Choose among the extras and groups of a repository, and keep why."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from packaging.utils import canonicalize_name

from agent.environments import requirement_names
from agent.errors import EnvironmentFailed
from agent.models.record import Record

FOR_TESTS = "by its name it is for tests"
IMPORTED = "tests import what it brings"


class Choice(Record):
    """One thing that was taken or left, and why."""

    what: str
    why: str
    taken: bool = True


def choose_parts(
    available: Sequence[str],
    wanted: tuple[str, ...] | None,
    origin: str,
    *,
    kind: str = "extra",
    more: Mapping[str, str] | None = None,
    usual: Collection[str] = (),
) -> dict[str, str]:
    """Take what is asked for, or what is made for tests, and `more` with that; say why.

    Args:
        available: All there are.
        wanted: What is asked for; None: nobody said.
        origin: Where they are written.
        kind: What they are.
        more: Taken as well where nobody said, each with the reason.
        usual: Taken where none is made for tests, but for what is for something else by its name.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    known = [str(canonicalize_name(name)) for name in available]
    if wanted is None:
        why = {name: FOR_TESTS for name in known if requirement_names.is_for_tests(name)}
        if not why:
            usual = [name for name in usual if not requirement_names.is_for_others(name)]
            why = dict.fromkeys(usual, "taken by default, and none is for tests by its name")
        why |= more or {}
        return {name: why[name] for name in known if name in why}
    chosen = [str(canonicalize_name(name)) for name in wanted]
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            there = ", ".join(known) or "none"
            raise EnvironmentFailed(
                f"python.{kind}s: {origin} has no {kind} `{name}`.{hint} It has: {there}."
            )
    return dict.fromkeys(chosen, f"named by python.{kind}s")
