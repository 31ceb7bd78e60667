"""What a repository shows that its configuration could say, each value with the reason.

Owns the record of a fact and what the files of a project declare: Python, framework, checks,
services, paths. What is counted over its code is left to `code_facts`; how a fact is written
down to `written`. Nothing is guessed: what is not known is no fact, and what only
a person can decide is a proposal.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.version import Version

from agent.models.change import Change
from agent.models.record import Record
from agent.onboarding.survey import Place, Survey
from agent.policy import libraries, source
from agent.policy.modules import Modules
from agent.policy.view import View
from repo_config import (
    ci_setup,
    dependencies,
    detect,
    fastapi_apps,
    python_versions,
    workflows,
)
from repo_config.dependencies import Dependency
from repo_config.detect import Project
from repo_config.project_files import Files
from repo_config.schema import RepoConfig
from repo_config.tree import Below, Tree
from repo_config.workflows import Job

_SHOWN = 3
#: What a folder of a project has at its top.
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt")
#: Sandboxes have nothing older.
_OLDEST = Version("3.9")
_ENGINE = re.compile(r"[\"']ENGINE[\"']\s*:\s*[\"']([\w.]+)[\"']")
#: By the last part of an engine's name.
_DATABASES = {
    "sqlite3": "sqlite",
    "spatialite": "sqlite",
    "postgresql": "postgres",
    "postgresql_psycopg2": "postgres",
    "postgresql_backend": "postgres",
    "postgis": "postgres",
    "mysql": "mysql",
    "oracle": "oracle",
}
#: Folders and files that say how the project is put into service.
_DEPLOYMENT = re.compile(
    r"(?P<folder>(?:deploy|deployment|infra|infrastructure|terraform|helm|charts|k8s|kubernetes"
    r"|ansible)/)"
    r"|(?P<file>\.gitlab-ci\.yml|\.travis\.yml|Jenkinsfile|azure-pipelines\.yml)\Z"
    r"|(?P<ci>\.(?:circleci|buildkite)/)"
)


class Fact(Record):
    """One value that a repository shows."""

    key: str
    """As in the configuration, with dots."""
    value: object
    why: str
    """Where it stands, or what was counted."""
    sure: bool = True
    """Otherwise it is a proposal, for a person to take up or leave."""


#: Where people tell contributors how code is written, and who may contribute.
_NOTES = re.compile(
    r"(?:\.github/|docs/)?(?:agents|contributing|(?:ai|llms?)[_-]?policy)\.(?:md|rst|txt)",
    re.IGNORECASE,
)


@dataclass
class Evidence:
    """A repository, with what is read of it once for all facts."""

    tree: Tree
    folder: str = ""
    """Of the project, in a repository that holds several."""

    @cached_property
    def config(self) -> RepoConfig:
        """What detection goes by: nothing but the folder."""
        return RepoConfig(root=self.folder or ".")

    @cached_property
    def project(self) -> Project:
        """What runs detect."""
        return detect.detect_project(self.tree, self.config)

    @cached_property
    def whole(self) -> Files:
        """The files of the repository."""
        return Files(self.tree)

    @cached_property
    def files(self) -> Files:
        """The files of the project, relative to its folder."""
        return Files(Below(self.tree, self.folder))

    @cached_property
    def declared(self) -> tuple[Dependency, ...]:
        """The packages that it says it needs."""
        return dependencies.list_declared(self.files)

    @cached_property
    def survey(self) -> Survey:
        """Its Python."""
        return Survey(self.tree, self.folder)

    def view(self, path: str) -> View | None:
        """A Python file as the rules read it; None where it cannot be read."""
        try:
            return View(path, self.tree.read(path), self.modules)
        except source.UnreadableError:
            return None

    @cached_property
    def modules(self) -> Modules:
        """Where names lead in the repository."""
        nothing = Change(base_commit="", files=())
        return Modules(nothing, self.project, self.tree, known=libraries.KNOWN)

    @cached_property
    def engines(self) -> dict[str, list[str]]:
        """The databases that Django's settings name in so many words, with their places."""
        django = self.project.django
        if django is None or django.settings_module is None:
            return {}
        inner = django.settings_module.replace(".", "/")
        package = inner.rpartition("/")[0]
        found: dict[str, list[str]] = {}
        for path in self.whole.paths:
            stem = path.removesuffix(".py").removesuffix("/__init__")
            beside = package and "settings" in path and f"{package}/" in path
            if path.endswith(".py") and (f"/{stem}".endswith(f"/{inner}") or beside):
                text = self.whole.text(path)
                for match in _ENGINE.finditer(text):
                    engine = match[1].rpartition(".")[2]
                    line = text.count("\n", 0, match.start()) + 1
                    name = _DATABASES.get(engine, engine)
                    found.setdefault(name, []).append(f"{path}:{line}")
        return found

    @cached_property
    def jobs(self) -> list[Job]:
        """Those of GitHub's workflows."""
        return workflows.read_jobs(self.whole, self.folder)


def places(found: Sequence[Place | str]) -> str:
    """Name a few of several places."""
    shown = ", ".join(str(one) for one in found[:_SHOWN])
    return f"{shown} and {len(found) - _SHOWN} more" if len(found) > _SHOWN else shown


def declared(evidence: Evidence) -> Iterator[Fact]:
    """Yield what the project's own files declare."""
    yield from _root(evidence)
    yield from _python(evidence)
    yield from _services(evidence)
    project = evidence.project
    if project.framework != "none":
        yield Fact(
            key="framework", value=project.framework, why=project.origins.get("framework", "")
        )
    yield from _django(evidence)
    yield from _fastapi(evidence)
    yield from _checks(project)
    yield from _scope(evidence)
    if notes := next(iter(find_notes(evidence.whole.paths)), ""):
        why = f"{notes}: where it refuses changes that machines make, nothing is done without this"
        yield Fact(key="contributions", value="allow", why=why, sure=False)


def find_notes(paths: Iterable[str]) -> list[str]:
    """List the notes for contributors: what they say of machines first, then those at the root."""
    found = filter(_NOTES.fullmatch, paths)
    return sorted(found, key=lambda path: ("policy" not in path.lower(), path.count("/"), path))


def only_folder(tree: Tree) -> str | None:
    """The one folder that holds the project, where the root itself does not."""
    paths = tree.paths()
    if any(name in paths for name in _PROJECT_FILES):
        return None
    folders = {
        folder
        for folder, name in map(posixpath.split, paths)
        if name in _PROJECT_FILES and folder and folder.count("/") < 2
    }
    top = {one for one in folders if not any(one.startswith(f"{other}/") for other in folders)}
    return top.pop() if len(top) == 1 else None


def _root(evidence: Evidence) -> Iterator[Fact]:
    if evidence.folder:
        names = [name for name in _PROJECT_FILES if evidence.files.has_file(name)]
        why = f"{', '.join(names)} in {evidence.folder}, and none at the root"
        yield Fact(key="root", value=evidence.folder, why=why)


def _python(evidence: Evidence) -> Iterator[Fact]:
    """The version: where all that names one agrees, since it decides what checks run on."""
    key = "python.version"
    lowest = python_versions.find_lowest(evidence.files)
    if lowest is None:
        return
    seen: dict[str, list[str]] = {}
    for job in evidence.jobs:
        for minor in job.pythons:
            seen.setdefault(minor, []).append(job.origin)
    tested = sorted(seen, key=Version)
    why = lowest.origin
    if Version(lowest.value) < _OLDEST:
        why += f"; sandboxes have no Python before {_OLDEST}, so checks take a newer one"
        yield Fact(key=key, value=lowest.value, why=why, sure=False)
        return
    pinned = evidence.files.has_file(".python-version") or evidence.files.has_file("runtime.txt")
    named = python_versions.read_version_file(evidence.files) if pinned else None
    if named and Version(named.value) < Version(lowest.value):
        named = None  # such as what a host of documentation wants
    if named and named.value != lowest.value:
        why += f", and {named.origin} names {named.value}: set the one that checks shall run on"
        yield Fact(key=key, value=named.value, why=why, sure=False)
    elif lowest.value in tested:
        yield Fact(key=key, value=lowest.value, why=f"{why}; {places(seen[lowest.value])}")
    elif named or python_versions.is_exact(evidence.files):
        yield Fact(key=key, value=lowest.value, why=why)
    else:
        seen_in_ci = f"; CI tests {', '.join(tested)}" if tested else "; no CI job tests it"
        why = f"the oldest that it says it runs on ({why}){seen_in_ci}"
        yield Fact(key=key, value=lowest.value, why=why, sure=False)


def _services(evidence: Evidence) -> Iterator[Fact]:
    found: dict[str, list[str]] = {}
    for job in evidence.jobs:
        for _, image, _ in job.services:
            if name := ci_setup.SERVICES.get(image.partition(":")[0], ""):
                found.setdefault(name, []).append(f"{job.origin} has {image}")
    if not found and evidence.engines.keys() == {"postgres"}:
        found["postgres"] = [
            f"{place} names PostgreSQL alone" for place in evidence.engines["postgres"]
        ]
    if found:
        why = places(list(dict.fromkeys(one for several in found.values() for one in several)))
        yield Fact(key="services", value=list(found), why=why)


def _django(evidence: Evidence) -> Iterator[Fact]:
    project, django = evidence.project, evidence.project.django
    if django is None:
        return
    if django.manage:
        manage = posixpath.relpath(django.manage, project.root or ".")
        yield Fact(key="django.manage", value=manage, why="the script that starts Django")
    if django.settings_module:
        why = project.origins.get("django.settings_module", "")
        yield Fact(key="django.settings", value=django.settings_module, why=why)
    named = evidence.engines
    # SQLite is what every project begins with, and what tests are run with for speed.
    if len(named) == 1 and "sqlite" not in named:
        [(database, where)] = named.items()
        why = f"the only database that the settings name: {places(where)}"
        yield Fact(key="django.database", value=database, why=why, sure=False)


def _fastapi(evidence: Evidence) -> Iterator[Fact]:
    """The application; of several it is for a person to say whose OpenAPI document is compared."""
    key, project = "fastapi.app", evidence.project
    if project.fastapi_app:
        why = f"{project.origins.get('fastapi_app', '')}, the only application"
        yield Fact(key=key, value=project.fastapi_app, why=why)
    elif project.framework == "fastapi" and (found := fastapi_apps.applications(evidence.files)):
        # The one nearest to the root is the one that is served, as a rule.
        nearest = min(found, key=lambda one: (one.origin.count("/"), one.value))
        why = f"one of {len(found)} applications: {places([one.origin for one in found])}"
        yield Fact(key=key, value=nearest.value, why=why, sure=False)


def _checks(project: Project) -> Iterator[Fact]:
    origins = project.origins
    types = project.type_tools
    if types:
        value = types[0] if len(types) == 1 else list(types)
        yield Fact(key="checks.types.tool", value=value, why=origins.get("type_tools", ""))
    else:
        yield from _named_only("checks.types.tool", ("mypy", "pyright", "basedpyright"), project)
    if project.test_runner:
        why = origins.get("test_runner", "")
        sure = not why.startswith("pytest also runs")
        yield Fact(key="checks.tests.runner", value=project.test_runner, why=why, sure=sure)
    if project.test_script and project.test_script != (project.django and project.django.manage):
        script = posixpath.relpath(project.test_script, project.root or ".")
        yield Fact(key="checks.tests.script", value=script, why=origins.get("test_script", ""))
    if project.test_args:
        why = origins.get("test_args", "")
        yield Fact(key="checks.tests.args", value=list(project.test_args), why=why)
    if project.lint_tools:
        yield Fact(
            key="checks.lint", value=list(project.lint_tools), why=origins.get("lint_tools", "")
        )
    else:
        yield from _named_only("checks.lint", ("ruff", "flake8", "black", "isort"), project)


def _named_only(key: str, tools: tuple[str, ...], project: Project) -> Iterator[Fact]:
    """Propose what hooks, tox or CI name in a way that nothing can be made of."""
    why = {check.partition(" ")[0]: words for check, words in project.not_run.items()}
    named = [tool for tool in tools if tool in why]
    if named:
        says = "; ".join(why[tool] for tool in named)
        yield Fact(key=key, value=named, why=f"not run so far: {says}", sure=False)


def _scope(evidence: Evidence) -> Iterator[Fact]:
    paths = evidence.whole.paths
    found: dict[str, str] = {}
    for path in paths:
        if match := _DEPLOYMENT.match(path):
            pattern = match["file"] or f"{match['folder'] or match['ci']}**"
            found.setdefault(pattern, path)
    if found:
        files = places(list(found.values()))
        why = f".github/** is the default; how it is deployed and tested: {files}"
        yield Fact(key="scope.protect", value=[".github/**", *sorted(found)], why=why)
