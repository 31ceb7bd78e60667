"""What the tests of a project make their data with. It is left to a person."""

from __future__ import annotations

from collections.abc import Iterator

from agent.contract.facts import Evidence, Fact, places
from agent.contract.survey import Place

_ENOUGH = 3
_CLEARLY = 4
#: By the first part of what tests import.
_FACTORIES = {
    "factory": "factory_boy",
    "pytest_factoryboy": "factory_boy",
    "model_bakery": "model_bakery",
    "mixer": "mixer",
    "polyfactory": "polyfactory",
}


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield the library that most files of tests import."""
    found: dict[str, list[Place]] = {}
    for source in evidence.survey.tests:
        seen: dict[str, int] = {}
        for full, line in source.imports:
            if library := _FACTORIES.get(full.partition(".")[0]):
                seen.setdefault(library, line)
        for library, line in seen.items():
            found.setdefault(library, []).append(Place(source.path, line))
    if not found:
        return
    best = max(sorted(found), key=lambda one: len(found[one]))
    others = sum(map(len, found.values())) - len(found[best])
    if len(found[best]) >= max(_ENOUGH, _CLEARLY * others):
        why = f"{len(found[best])} files of tests use it: {places(found[best])}"
        yield Fact(key="tests.factories", value=best, why=why, sure=False)
