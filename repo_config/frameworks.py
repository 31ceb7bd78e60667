"""Which framework a project is built on, and the FastAPI applications that its modules make."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_config import django_projects
from repo_config.dependencies import Dependency
from repo_config.project_files import Detected, ProjectFiles
from repo_config.suites import ASIDE

#: Packages that are of no use without Django, besides those named `django-…`.
_ON_DJANGO = frozenset({"django", "djangorestframework", "wagtail"})
_FASTAPI_CLASSES = frozenset({"FastAPI", "fastapi.FastAPI"})
_NOT_SERVED = ASIDE | {"test", "tests", "testing", "docs_src", "benchmarks", "scripts"}


def detect_framework(files: ProjectFiles, declared: tuple[Dependency, ...]) -> Detected | None:
    """Return the framework; None for a plain project.

    Asked in order of how sure an answer is: what the project starts, what it needs, what it tests
    with.
    """
    return next(_list_answers(files, declared), None)


def _list_answers(files: ProjectFiles, declared: tuple[Dependency, ...]) -> Iterator[Detected]:
    for path in django_projects.find_manage_scripts(files):
        if not django_projects.is_aside(path):
            yield Detected("django", path)
    runtime = [dependency for dependency in declared if dependency.runtime]
    yield from (Detected("django", one.origin) for one in runtime if _is_on_django(one))
    if module := django_projects.find_test_settings(files):
        yield Detected("django", module.origin)
    for framework in ("fastapi", "flask"):
        yield from (Detected(framework, one.origin) for one in runtime if one.name == framework)
    # A reusable app may leave the choice of Django to its users and only test with it.
    apps = files.find_named("apps.py", "0001_initial.py")
    if any(not django_projects.is_aside(path) for path in apps):
        yield from (Detected("django", one.origin) for one in declared if _is_on_django(one))


def _is_on_django(dependency: Dependency) -> bool:
    return dependency.name in _ON_DJANGO or dependency.name.startswith("django-")


def find_fastapi_apps(files: ProjectFiles) -> tuple[Detected, ...]:
    """Find the applications that modules make, as in `app.main:app`, but for those of tests."""
    return tuple(
        Detected(f"{_name_module(path)}:{name}", f"{path}: {name}")
        for path in files.paths
        if path.endswith(".py") and not _NOT_SERVED & set(path.split("/")[:-1])
        if not path.rsplit("/", 1)[-1].startswith(("test_", "conftest"))
        if "FastAPI(" in files.text(path)
        for name in _list_fastapi_names(files.module(path))
    )


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


def find_only_fastapi_app(files: ProjectFiles) -> Detected | None:
    """Find the application where there is exactly one that can be imported."""
    found = find_fastapi_apps(files)
    if len(found) == 1 and all(map(str.isidentifier, found[0].value.partition(":")[0].split("."))):
        return found[0]
    return None


def find_app_folder(files: ProjectFiles, application: str) -> str:
    """Return the folder in which the application's module begins: src, or the root as ""."""
    stem = application.partition(":")[0].replace(".", "/")
    in_root = files.has_file(f"{stem}.py") or files.has_file(f"{stem}/__init__.py")
    in_src = files.has_file(f"src/{stem}.py") or files.has_file(f"src/{stem}/__init__.py")
    return "src" if in_src and not in_root else ""
