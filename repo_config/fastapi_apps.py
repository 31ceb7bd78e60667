"""Find the FastAPI applications of a project by their source; where there is one, it is that."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from repo_config.project_files import Detected, Files
from repo_config.suites import ASIDE

_CLASSES = frozenset({"FastAPI", "fastapi.FastAPI"})
_NOT_SERVED = ASIDE | {"test", "tests", "testing", "docs_src", "benchmarks", "scripts"}


def application(files: Files) -> Detected | None:
    """The module and name of the application, as in `app.main:app`; None where it is not one."""
    found = applications(files)
    return found[0] if len(found) == 1 and _can_be_imported(found[0].value) else None


def applications(files: Files) -> tuple[Detected, ...]:
    """All that modules make, without those of tests and examples."""
    return tuple(
        Detected(f"{_module(path)}:{name}", f"{path}: {name}")
        for path in files.paths
        if path.endswith(".py") and not _NOT_SERVED & set(path.split("/")[:-1])
        if not path.rsplit("/", 1)[-1].startswith(("test_", "conftest"))
        if "FastAPI(" in files.text(path)
        for name in _names(files.module(path))
    )


def folder(files: Files, application: str) -> str:
    """The folder in which the application's module begins: src, or the root as ""."""
    stem = application.partition(":")[0].replace(".", "/")
    in_root = files.has_file(f"{stem}.py") or files.has_file(f"{stem}/__init__.py")
    in_src = files.has_file(f"src/{stem}.py") or files.has_file(f"src/{stem}/__init__.py")
    return "src" if in_src and not in_root else ""


def _names(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if not isinstance(value, ast.Call) or ast.unparse(value.func) not in _CLASSES:
            continue
        for target in ast.iter_child_nodes(node):
            if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                yield target.id


def _module(path: str) -> str:
    stem = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    return stem.replace("/", ".")


def _can_be_imported(application: str) -> bool:
    return all(part.isidentifier() for part in application.partition(":")[0].split("."))
