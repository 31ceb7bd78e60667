"""What a project shows of the ways of its tests: factories, and how much of the code they run.

Both are left to a person: a repository that has a number for all of its code did not yet say that
one for changes, and what it costs is one more run of the suite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from agent.contract.facts import Evidence, Fact, places
from agent.contract.survey import Place
from repo_config import yaml_text
from repo_config.project_files import table

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
_CODECOV = tuple(
    f"{folder}{dot}codecov.{end}"
    for folder in ("", ".github/", "dev/")
    for dot in ("", ".")
    for end in ("yml", "yaml")
)
_IN_COMMAND = re.compile(r"--(?:cov-)?fail-under[=\s,\"']+(\d+(?:\.\d+)?)")
_COMMANDS = ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "Makefile", "noxfile.py")
_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield what the tests and their settings show."""
    yield from _factories(evidence)
    yield from _coverage(evidence)


def _factories(evidence: Evidence) -> Iterator[Fact]:
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


def _coverage(evidence: Evidence) -> Iterator[Fact]:
    """The share that the repository already demands: of changes, else of all its code."""
    cost = "the suite would run once more for it"
    for path in _CODECOV:
        if (share := _of_codecov(evidence, path)) is not None:
            why = f"{path} asks for {share} % of what a change touches; {cost}"
            yield Fact(key="tests.coverage_of_change", value=share, why=why, sure=False)
            return
    for place, share in _of_all(evidence):
        why = f"{place} asks for {share} % of all code, and a change can be held to it; {cost}"
        yield Fact(key="tests.coverage_of_change", value=share, why=why, sure=False)
        return


def _of_codecov(evidence: Evidence, path: str) -> int | None:
    if not evidence.whole.has(path):
        return None
    read = yaml_text.read(evidence.whole.text(path), path)
    for place in (("patch", "default", "target"), ("patch", "target")):
        target = read.root
        for key in ("coverage", "status", *place):
            target = target.child(key) if target else None
        if target is not None and (share := _share(str(target.value))) is not None:
            return share
    return None


def _of_all(evidence: Evidence) -> Iterator[tuple[str, int]]:
    files = evidence.files
    settings: list[tuple[str, object]] = [
        (
            "pyproject.toml: tool.coverage.report.fail_under",
            table(files.pyproject, "tool", "coverage", "report").get("fail_under"),
        ),
        *(
            (f"{path}: [{section}] fail_under", files.ini(path).get(section, {}).get("fail_under"))
            for path, section in (
                (".coveragerc", "report"),
                ("setup.cfg", "coverage:report"),
                ("tox.ini", "coverage:report"),
            )
        ),
    ]
    for place, value in settings:
        if value is not None and (share := _share(str(value))) is not None:
            yield place, share
    workflows = [path for path in files.paths if _WORKFLOW.fullmatch(path)]
    for path in (*_COMMANDS, *workflows):
        for match in _IN_COMMAND.finditer(files.text(path)):
            line = files.text(path).count("\n", 0, match.start()) + 1
            if (share := _share(match[1])) is not None:
                yield f"{path}:{line}", share


def _share(text: str) -> int | None:
    """Read a percentage; None for `auto`, and for one that demands nothing."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%?", text.strip())
    share = math.floor(float(match[1])) if match else 0
    return share if 1 <= share <= 100 else None
