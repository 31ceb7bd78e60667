"""Where a test of the new field goes, and in which style.

What it says is left to `new_test`.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter

from agent.recipes.add_field import new_test
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import Field, NewTest
from agent.recipes.modules import FoundClass
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")
_PLAIN = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\):", re.MULTILINE)
_ANNOTATED = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\) -> None:", re.MULTILINE)


class NoPlaceError(ValueError):
    """There is no test whose style a new one could follow."""


def plan_test(model: Model, field: Field, index: ModelsIndex, project: Project) -> NewTest:
    """Settle where the test goes, and in which style.

    Raises:
        NoPlaceError: The repository has no tests.
    """
    nearby = _find_nearby_tests(model, index)
    if not nearby:
        raise NoPlaceError
    sources = [index.modules.content(path) for path in nearby]
    annotated = sum(len(_ANNOTATED.findall(content)) for content in sources)
    plain = sum(len(_PLAIN.findall(content)) for content in sources)
    return NewTest(
        path=_choose_path(model, field, nearby, index),
        is_method=project.test_runner == "django",
        model=model.name,
        model_module=_module_of(model, index),
        annotated=annotated > plain,
    )


def _find_nearby_tests(model: Model, index: ModelsIndex) -> list[str]:
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


def _choose_path(model: Model, field: Field, nearby: list[str], index: ModelsIndex) -> str:
    """Choose a new file in the folder where most of the tests nearby are."""
    folders = Counter(os.path.dirname(path) for path in nearby)
    most = max(folders.values())
    folder = min((one for one, n in folders.items() if n == most), key=lambda f: (len(f), f))
    ends = sum(path.endswith("_test.py") for path in nearby)
    shape = "{}_test.py" if ends * 2 > len(nearby) else "test_{}.py"
    # Test files of one name get in each other's way where their folders are no packages.
    taken = {os.path.basename(path).lower() for path in index.modules.paths}
    stem = f"{new_test.to_snake_case(model.name)}_{field.name}"
    numbered = (f"{stem}_field_{number}" for number in itertools.count(2))
    names = map(shape.format, itertools.chain((stem, f"{stem}_field"), numbered))
    file = next(one for one in names if one.lower() not in taken)
    return f"{folder}/{file}".lstrip("/")


def _module_of(model: Model, index: ModelsIndex) -> str:
    package = f"{model.app.dotted}.models" if model.app.dotted else "models"
    if exported := index.modules.find_module(package, model.path):
        target = index.modules.resolve(exported, model.name)
        if isinstance(target, FoundClass) and target.node is model.node:
            return package
    return model.module.dotted
