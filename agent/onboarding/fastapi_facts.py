"""Which application a FastAPI project has, and which dependency its endpoints below a path share.

Of several applications it is for a person to say whose OpenAPI document is compared. Dependencies
are found as the rule on auth finds them: known where all endpoints below the first part of their
paths depend on the same function of the repository whose name speaks of users or rights, as far as
it can be followed; anything less is left open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.onboarding.facts import Evidence, Fact, places
from agent.policy.web.dependencies import Dependencies
from agent.policy.web.side import Side
from agent.policy.web.urls import Urls
from repo_config import fastapi_apps

_SPEAKS = re.compile(
    r"auth|user|admin|token|login|logged|permission|principal|credential|identity|role|api_?key"
    r"|account|session_owner|require",
    re.IGNORECASE,
)
_ENOUGH = 2


@dataclass(frozen=True)
class _Endpoint:
    url: str
    names: frozenset[str]
    """What it depends on that may be about rights."""


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield the application, and what guards its endpoints, path by path."""
    if evidence.project.framework != "fastapi":
        return
    yield from _application(evidence)
    endpoints = list(_endpoints(evidence))
    uses = Counter(name for one in endpoints for name in one.names)
    entries: list[dict[str, object]] = []
    reasons = []
    for prefix, several in sorted(_by_prefix(endpoints).items()):
        shared = frozenset.intersection(*(one.names for one in several))
        if len(several) < _ENOUGH or not shared:
            continue
        # An admin is a user as well: what fewer endpoints have says more.
        chosen = min(shared, key=lambda name: (uses[name], name))
        entries.append({"paths": [f"{prefix}/**"], "dependency": chosen})
        reasons.append(f"all {len(several)} endpoints below {prefix} depend on {chosen}")
    if entries:
        yield Fact(key="fastapi.auth", value=entries, why="; ".join(reasons))


def _application(evidence: Evidence) -> Iterator[Fact]:
    key, project = "fastapi.app", evidence.project
    if project.fastapi_app:
        why = f"{project.origins.get('fastapi_app', '')}, the only application"
        yield Fact(key=key, value=project.fastapi_app, why=why)
        return
    found = fastapi_apps.applications(evidence.files)
    if found:
        # The one nearest to the root is the one that is served, as a rule.
        nearest = min(found, key=lambda one: (one.origin.count("/"), one.value))
        why = f"one of {len(found)} applications: {places([one.origin for one in found])}"
        yield Fact(key=key, value=nearest.value, why=why, sure=False)


def _endpoints(evidence: Evidence) -> Iterator[_Endpoint]:
    side = Side(evidence.modules)
    urls, dependencies = Urls(side), Dependencies(side)
    for path in urls.files_that_answer():
        for answer in urls.answers(path):
            if answer.url is None:
                continue
            reached = dependencies.reached(answer.dependencies)
            own = (name for name in reached.names if _is_defined(name, side))
            names = frozenset(name for name in own if _SPEAKS.search(name.rpartition(".")[2]))
            yield _Endpoint(answer.url, names)


def _is_defined(name: str, side: Side) -> bool:
    """Whether that is the name of a function or class by the module of the repository it is in."""
    placed = side.place(name)
    if placed is None:
        return False
    view, parts = placed
    return bool(side.function(view, parts[0]) or side.class_(view, parts[0]))


def _by_prefix(endpoints: list[_Endpoint]) -> dict[str, list[_Endpoint]]:
    """Group by the first part of the paths that is not the same for all."""
    split = {one.url: one.url.strip("/").split("/") for one in endpoints}
    depth = 0
    while len({tuple(parts[: depth + 1]) for parts in split.values()}) == 1 and all(
        len(parts) > depth + 1 for parts in split.values()
    ):
        depth += 1
    found: dict[str, list[_Endpoint]] = {}
    for one in endpoints:
        parts = split[one.url][: depth + 1]
        if all(re.fullmatch(r"[\w.~-]+", part) for part in parts):
            found.setdefault("/" + "/".join(parts), []).append(one)
    return found
