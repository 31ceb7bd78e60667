"""Write a test of the new field next to its app's tests; the test fails without the change."""

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator

from agent.recipes.add_field.definition import UnfitError
from agent.recipes.add_field.find_models import Model, ModelFinder
from agent.recipes.add_field.parameters import NewTestSpec, Parameters
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")


def plan_test(model: Model, field: str, finder: ModelFinder, project: Project) -> NewTestSpec:
    """Choose the file of the test. Raises UnfitError if the repository has no tests."""
    files = [path for path in finder.classes if _TEST_FILE.search(path)]
    in_app = [path for path in files if path.startswith(f"{model.app_folder}/")]
    mirrored = [path for path in files if re.search(rf"(?:^|/)tests?/{model.app_label}/", path)]
    nearby = in_app or mirrored or files
    if not nearby:
        raise UnfitError("the repository has no suitable test to place a new one next to")
    folders = Counter(map(os.path.dirname, nearby))
    folder = min(folders, key=lambda path: (-folders[path], len(path), path))
    # pytest cannot import two test files with the same name from folders that are no packages.
    taken = {os.path.basename(path).lower() for path in finder.classes}
    stem = f"test_{_to_snake_case(model.node.name)}_{field}"
    numbered = (f"{stem}{number or ''}.py" for number in itertools.count())
    file = next(name for name in numbered if name.lower() not in taken)
    return NewTestSpec(
        path=f"{folder}/{file}".lstrip("/"),
        is_method=project.test_runner == "django",
        module=model.module,
    )


def _to_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def list_lines(parameters: Parameters, test: NewTestSpec) -> Iterator[str]:
    model, name = parameters.model, parameters.name
    indent, argument = ("    ", "self") if test.is_method else ("", "")
    if test.is_method:
        yield from ("from django.test import SimpleTestCase", "")
    yield from (f"from {test.module} import {model}", "", "")
    if test.is_method:
        # The test reads only the model, so it needs no database.
        title = "".join(map(str.capitalize, name.split("_")))
        yield f"class {model}{title}Tests(SimpleTestCase):"
    yield f"{indent}def test_{_to_snake_case(model)}_has_{name}({argument}) -> None:"
    yield f"{indent}    field = {model}._meta.get_field({name!r})"
    yield ""
    kind = parameters.definition.code.partition("(")[0].rpartition(".")[2]
    if test.is_method:
        yield f"{indent}    self.assertEqual(type(field).__name__, {kind!r})"
    else:
        yield f"{indent}    assert type(field).__name__ == {kind!r}"
