"""Which framework a project is built on, and the FastAPI applications that its modules make."""

import ast
from collections.abc import Iterator

from repo_config import django_projects
from repo_config.dependencies import Dependency
from repo_config.project_files import ProjectFiles
from repo_config.suites import ASIDE

#: Packages that are of no use without Django, besides those named `django-…`.
_ON_DJANGO = frozenset({"django", "djangorestframework", "wagtail"})
_FASTAPI_CLASSES = frozenset({"FastAPI", "fastapi.FastAPI"})
_MAKE, _MOST_APPS = ("FastAPI(", "Starlette(", "Flask("), 10
_NOT_SERVED = ASIDE | {"test", "tests", "testing", "docs_src", "benchmarks", "scripts"}


def detect_framework(files: ProjectFiles, declared: tuple[Dependency, ...]) -> str:
    """Return the framework; `none` for a plain project.

    Asked in order of how sure an answer is: what the project starts, what it needs, what it tests
    with.
    """
    scripts = django_projects.find_manage_scripts(files)
    runtime = [dependency for dependency in declared if dependency.runtime]
    # A reusable app may leave the choice of Django to its users and only test with it.
    apps = files.find_named("apps.py", "0001_initial.py")
    is_app = any(not django_projects.is_aside(path) for path in apps)
    names = {dependency.name for dependency in runtime}
    if (
        any(not django_projects.is_aside(path) for path in scripts)
        or any(map(_is_on_django, runtime))
        or django_projects.find_test_settings(files)
    ):
        return "django"
    if found := next((name for name in ("fastapi", "flask") if name in names), None):
        return found
    return "django" if is_app and any(map(_is_on_django, declared)) else "none"


def _is_on_django(dependency: Dependency) -> bool:
    return dependency.name in _ON_DJANGO or dependency.name.startswith("django-")


def find_only_fastapi_app(files: ProjectFiles) -> str | None:
    """Find the application that a module makes, as in `app.main:app`, if there is exactly one.

    Those of tests do not count.
    """
    found = [
        (_name_module(path), name)
        for path in _find_calling(files, "FastAPI(")
        for name in _list_fastapi_names(files.module(path))
    ]
    is_only = len(found) == 1 and all(map(str.isidentifier, found[0][0].split(".")))
    return ":".join(found[0]) if is_only else None


def list_app_modules(files: ProjectFiles) -> tuple[str, ...]:
    """List the modules that seem to make an application, as few as may be started."""
    found = map(_name_module, _find_calling(files, *_MAKE))
    return tuple(name for name in found if all(map(str.isidentifier, name.split("."))))[:_MOST_APPS]


def _find_calling(files: ProjectFiles, *calls: str) -> Iterator[str]:
    for path in files.paths:
        folders, _, name = path.rpartition("/")
        if (
            name.endswith(".py")
            and not name.startswith(("test_", "conftest"))
            and _NOT_SERVED.isdisjoint(folders.split("/"))
            and any(call in files.text(path) for call in calls)
        ):
            yield path


def _list_fastapi_names(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and ast.unparse(value.func) in _FASTAPI_CLASSES:
            for target in ast.iter_child_nodes(node):
                if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                    yield target.id


def _name_module(path: str) -> str:
    stem = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    return stem.replace("/", ".")
