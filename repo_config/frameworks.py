"""Detect the framework of a project."""

from repo_config import django_projects, suites
from repo_config.dependencies import Dependency
from repo_config.project_files import ProjectFiles

#: Packages that need Django, besides those named `django-…`.
_ON_DJANGO = frozenset({"django", "djangorestframework", "wagtail"})


def detect_framework(files: ProjectFiles, declared: tuple[Dependency, ...]) -> str:
    """Return the framework; `none` for a plain project.

    The surest signs come first: start scripts, then runtime dependencies, then those of tests.
    """
    scripts = django_projects.find_manage_scripts(files)
    runtime = [dependency for dependency in declared if dependency.runtime]
    # A reusable app may declare Django only for its tests.
    apps = files.find_named("apps.py", "0001_initial.py")
    is_app = any(not suites.is_aside(path) for path in apps)
    names = {dependency.name for dependency in runtime}
    if (
        any(not suites.is_aside(path) for path in scripts)
        or any(map(_is_on_django, runtime))
        or django_projects.find_named_settings(files, suites.find_test_script(files))
    ):
        return "django"
    if framework := next((name for name in ("fastapi", "flask") if name in names), None):
        return framework
    return "django" if is_app and any(map(_is_on_django, declared)) else "none"


def _is_on_django(dependency: Dependency) -> bool:
    return dependency.name in _ON_DJANGO or dependency.name.startswith("django-")
