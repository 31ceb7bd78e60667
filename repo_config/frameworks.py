"""Which framework a project is built on.

Asked in order of how sure an answer is: what the project starts, what it needs, what it says of
itself, what it tests with.
"""

from __future__ import annotations

from collections.abc import Iterator

from repo_config import django_projects, python_versions
from repo_config.dependencies import Dependency
from repo_config.project_files import Detected, Files
from repo_config.suites import PytestSettings

#: Packages that are of no use without Django, besides those named `django-…`.
_ON_DJANGO = frozenset({"django", "djangorestframework", "wagtail"})


def detect_framework(
    files: Files, declared: tuple[Dependency, ...], pytest: PytestSettings | None
) -> Detected | None:
    """The framework; None for a plain project."""
    return next(_answers(files, declared, pytest), None)


def _answers(
    files: Files, declared: tuple[Dependency, ...], pytest: PytestSettings | None
) -> Iterator[Detected]:
    for path in django_projects.manage_scripts(files):
        if not django_projects.is_aside(path):
            yield Detected("django", path)
    runtime = [dependency for dependency in declared if dependency.runtime]
    yield from (Detected("django", one.origin) for one in runtime if _on_django(one))
    if module := django_projects.settings_for_tests(files, pytest):
        yield Detected("django", module.origin)
    for framework in ("fastapi", "flask"):
        yield from (Detected(framework, one.origin) for one in runtime if one.name == framework)
    yield from _classifiers(files)
    # A reusable app may leave the choice of Django to its users and only test with it.
    apps = files.find_named("apps.py", "0001_initial.py")
    if any(not django_projects.is_aside(path) for path in apps):
        yield from (Detected("django", one.origin) for one in declared if _on_django(one))


def _on_django(dependency: Dependency) -> bool:
    return dependency.name in _ON_DJANGO or dependency.name.startswith("django-")


def _classifiers(files: Files) -> Iterator[Detected]:
    for lines, origin in python_versions.classifiers(files):
        # A package with integrations for several frameworks is built on none of them.
        named = {line.split(" :: ")[1].strip() for line in lines if "Framework :: " in line}
        if named & {"Django", "FastAPI", "Flask"} == {"Django"}:
            yield Detected("django", origin)
