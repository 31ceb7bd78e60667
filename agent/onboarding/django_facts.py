"""What a Django project shows of its own ways: views and database.

Counted over the application, as in `code_facts`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.onboarding.facts import Evidence, Fact, places
from agent.onboarding.survey import Place, Survey

_CLEARLY = 4
_ENOUGH = 3


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield what is counted in a Django project."""
    if evidence.project.framework != "django":
        return
    survey = evidence.survey
    yield from _views(survey)
    yield from _database(evidence)


def _database(evidence: Evidence) -> Iterator[Fact]:
    """The only database that the settings name; whether it is the one in service, people know."""
    named = evidence.engines
    # SQLite is what every project begins with, and what tests are run with for speed.
    if len(named) == 1 and "sqlite" not in named:
        [(database, where)] = named.items()
        why = f"the only database that the settings name: {places(where)}"
        yield Fact(key="django.database", value=database, why=why, sure=False)


def _views(survey: Survey) -> Iterator[Fact]:
    functions: list[Place] = []
    classes: list[Place] = []
    for source in survey.application:
        if "view" not in source.path.lower() and "api" not in source.path.lower():
            continue
        for node in source.module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args.posonlyargs + node.args.args
                if arguments and arguments[0].arg == "request" and not node.name.startswith("_"):
                    functions.append(source.at(node))
            elif isinstance(node, ast.ClassDef):
                bases = [getattr(base, "attr", getattr(base, "id", "")) for base in node.bases]
                if any(base.endswith(("View", "ViewSet")) for base in bases):
                    classes.append(source.at(node))
    kind, most, fewest = ("class", classes, functions)
    if len(functions) > len(classes):
        kind, most, fewest = ("function", functions, classes)
    if len(most) >= _ENOUGH and len(most) >= _CLEARLY * len(fewest):
        why = f"{len(most)} of {len(most) + len(fewest)} views are: {places(most)}"
        yield Fact(key="django.views", value=kind, why=why)
