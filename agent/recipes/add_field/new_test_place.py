"""Where a test of the new field goes, and in which style.

What it says is left to `new_test`.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from agent.errors import RequestRefused
from agent.recipes.add_field import new_test, rendering
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Field, NewTest
from agent.recipes.modules import FoundClass
from agent.recipes.source import SourceFile
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")
_CLASS = re.compile(rb"^class \w+\([^)]*TestCase\b", re.MULTILINE)
_FUNCTION = re.compile(rb"^(?:async )?def test_", re.MULTILINE)
_PLAIN = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\):", re.MULTILINE)
_ANNOTATED = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\) -> None:", re.MULTILINE)


class NoPlaceError(ValueError):
    """There is no test whose style a new one could follow."""


def plan(model: Model, field: Field, index: ModelsIndex, project: Project) -> NewTest:
    """Settle where the test goes, and in which style.

    Raises:
        NoPlaceError: The repository has no tests.
    """
    nearby = _nearby(model, index)
    if not nearby:
        raise NoPlaceError
    sources = [index.modules.content(path) for path in nearby]
    classes = sum(len(_CLASS.findall(content)) for content in sources)
    functions = sum(len(_FUNCTION.findall(content)) for content in sources)
    style: Literal["function", "class"] = "class"
    if project.test_runner != "django" and functions > classes:
        style = "function"
    annotated = sum(len(_ANNOTATED.findall(content)) for content in sources)
    plain = sum(len(_PLAIN.findall(content)) for content in sources)
    path, append = _path(model, field, nearby, index)
    return NewTest(
        path=path,
        append=append,
        style=style,
        model=model.name,
        model_module=_module_of(model, index),
        annotated=annotated > plain,
    )


def _nearby(model: Model, index: ModelsIndex) -> list[str]:
    """Test files of the model's app, else those that import it, else any."""
    files = [p for p in index.modules.paths if _TEST_FILE.search(p) and "/migrations/" not in p]
    folder = model.app.folder
    if folder and (own := [path for path in files if path.startswith(f"{folder}/")]):
        return own
    label = model.app.label
    if mirrored := [path for path in files if re.search(rf"(?:^|/)tests?/{label}/", path)]:
        return mirrored
    pattern = re.compile(
        rf"^\s*(?:from|import) {re.escape(model.app.dotted)}\b".encode(), re.MULTILINE
    )
    importing = [path for path in files if pattern.search(index.modules.content(path))]
    return importing or files


def _path(model: Model, field: Field, nearby: list[str], index: ModelsIndex) -> tuple[str, bool]:
    folders = Counter(os.path.dirname(path) for path in nearby)
    most = max(folders.values())
    folder = min(
        (one for one, count in folders.items() if count == most), key=lambda f: (len(f), f)
    )
    siblings = [os.path.basename(path) for path in nearby if os.path.dirname(path) == folder]
    whole = f"{folder}/tests.py" if folder else "tests.py"
    if siblings == ["tests.py"] and _has_room(whole, model, index):
        return whole, True
    stem = f"{new_test.snake(model.name)}_{field.name}"
    ends = Counter(
        "start" if name.startswith("test_") else "end" if name.endswith("_test.py") else "plural"
        for name in siblings
        if name != "tests.py"
    )
    shape = ends.most_common(1)[0][0] if ends else "start"
    # Test files of one name get in each other's way where their folders are no packages.
    taken = {os.path.basename(path).lower() for path in index.modules.paths}
    file = next(
        file
        for name in _names(stem, model.app.label)
        if (file := _file_name(name, shape)).lower() not in taken
    )
    return (f"{folder}/{file}" if folder else file), False


def _has_room(path: str, model: Model, index: ModelsIndex) -> bool:
    """Whether a file can be added to: it can be read, and no name that is needed means another."""
    try:
        existing = SourceFile(path, index.modules.content(path))
        names = rendering.FileNames(existing)
        new_test.model_reference(existing, names, _module_of(model, index), model.name)
        for module, name in (("django.test", "TestCase"), ("django.db", "models")):
            names.refer(module, name)
    except RequestRefused:
        return False
    return True


def _names(stem: str, label: str) -> Iterator[str]:
    """Names that a person would give, one after the other, without end."""
    yield from (stem, f"{stem}_field", f"{label}_{stem}_field")
    yield from (f"{stem}_field_{number}" for number in itertools.count(2))


def _file_name(name: str, shape: str) -> str:
    return {"start": f"test_{name}.py", "end": f"{name}_test.py"}.get(shape, f"{name}_tests.py")


def _module_of(model: Model, index: ModelsIndex) -> str:
    package = f"{model.app.dotted}.models" if model.app.dotted else "models"
    if exported := index.modules.named(package, model.path):
        target = index.modules.resolve(exported, model.name)
        if isinstance(target, FoundClass) and target.node is model.node:
            return package
    return model.module.dotted
