"""Which application a FastAPI project has, and which of its dependencies may speak of rights.

Of several applications it is for a person to say whose OpenAPI document is compared, and so it is
which endpoints need which dependency: what most modules depend on is proposed for all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from agent.onboarding.facts import Evidence, Fact, places
from agent.onboarding.survey import Source
from agent.policy.names import Ref
from repo_config import fastapi_apps

_DEPENDS = frozenset({"fastapi.Depends", "fastapi.Security"})
_SPEAKS = re.compile(
    r"auth|user|admin|token|login|logged|permission|principal|credential|identity|role|api_?key"
    r"|account|session_owner|require",
    re.IGNORECASE,
)


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield the application, and what may guard its endpoints."""
    if evidence.project.framework != "fastapi":
        return
    yield from _application(evidence)
    uses = Counter(
        name for source in evidence.survey.application for name in _dependencies(evidence, source)
    )
    if uses:
        name, count = max(uses.items(), key=lambda use: (use[1], use[0]))
        modules = f"{count} module{'s' * (count > 1)}"
        yield Fact(
            key="fastapi.auth",
            value=[{"paths": ["/**"], "dependency": name}],
            why=f"endpoints or dependencies of {modules} depend on it; name in fastapi.public what"
            " anybody may call",
            sure=False,
        )


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


def _dependencies(evidence: Evidence, source: Source) -> frozenset[str]:
    """Return the functions and classes of the repository that a module depends on for rights."""
    names = {
        source.dotted(call.args[0])
        for call in source.calls
        if call.args and source.dotted(call.func) in _DEPENDS
    }
    modules = evidence.modules
    found = set()
    for name in names:
        level = len(name) - len(name.lstrip("."))
        if level:
            ref = modules.relative(level, name[level:], source.path)
        else:
            ref = modules.find(name, source.path) if "." in name else Ref(source.path, name)
        for one in modules.definitions(ref) if ref else ():
            if _SPEAKS.search(one.node.name):
                found.add(f"{modules.name_of(one.path)}.{one.node.name}")
    return frozenset(found)
