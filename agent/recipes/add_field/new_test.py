"""A test of the new field, next to those of its app; it fails without the change."""

import ast
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator

from agent.recipes.add_field import writing
from agent.recipes.add_field.definition import UnfitError
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import NewTestSpec, Parameters
from agent.recipes.source import SourceFile
from repo_config import foreign_python
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")
#: Options that Django keeps on the field as they were stated.
_ATTRIBUTES = (
    *("max_length", "max_digits", "decimal_places", "null", "blank", "unique", "db_index"),
    *("default", "editable", "auto_now", "auto_now_add", "verbose_name", "help_text"),
)


def plan_test(model: Model, field: str, index: ModelsIndex, project: Project) -> NewTestSpec:
    """Choose where the test goes; UnfitError: the repository has no tests."""
    files = [path for path in index.paths if _TEST_FILE.search(path)]
    own = [path for path in files if path.startswith(f"{model.app_folder}/")]
    mirrored = [path for path in files if re.search(rf"(?:^|/)tests?/{model.app_label}/", path)]
    nearby = own or mirrored or files
    if not nearby:
        raise UnfitError("the repository has no suitable test to place a new one next to")
    folders = Counter(map(os.path.dirname, nearby))
    folder = min(folders, key=lambda path: (-folders[path], len(path), path))
    # Test files of one name get in each other's way where their folders are no packages.
    taken = {os.path.basename(path).lower() for path in index.paths}
    stem = f"test_{_to_snake_case(model.name)}_{field}"
    numbered = (f"{stem}{number or ''}.py" for number in itertools.count())
    file = next(name for name in numbered if name.lower() not in taken)
    annotated = sum(b") -> None:" in index.modules.read_text(path) for path in nearby)
    return NewTestSpec(
        path=f"{folder}/{file}".lstrip("/"),
        is_method=project.test_runner == "django",
        module=model.module,
        annotated=annotated * 2 > len(nearby),
    )


def _to_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def render_test(parameters: Parameters, test: NewTestSpec, like: SourceFile) -> bytes:
    """Write the file of the test; quotes and line ends are those of another file."""
    model, name, code = parameters.model, parameters.name, parameters.definition.code
    arrow = " -> None" if test.annotated else ""
    function = f"test_{_to_snake_case(model)}_has_{name}"
    lines = [f"from {test.module} import {model}", "", ""]
    if test.is_method:
        # It asks the model alone, so it needs none of the databases.
        title = "".join(part.capitalize() for part in name.split("_"))
        lines = ["from django.test import SimpleTestCase", "", *lines]
        lines.append(f"class {model}{title}Tests(SimpleTestCase):")
    indent = "    " * test.is_method
    lines.append(f"{indent}def {function}({'self' * test.is_method}){arrow}:")
    checks = [f"field = {model}._meta.get_field({name!r})", "", *_list_checks(code, test)]
    shown = [writing.adopt_quotes(f"{indent}    {check}".rstrip(), like) for check in checks]
    lines += [line for line in shown if len(line) <= writing.WIDTH]
    return "".join(f"{line}{like.newline}" for line in lines).encode()


def _list_checks(definition: str, test: NewTestSpec) -> Iterator[str]:
    call = foreign_python.parse_expression(definition)
    kind = definition.partition("(")[0].rpartition(".")[2]
    wanted: dict[str, object] = {"type(field).__name__": kind}
    for word in call.keywords if isinstance(call, ast.Call) else []:
        if word.arg in _ATTRIBUTES and isinstance(word.value, ast.Constant):
            wanted[f"field.{word.arg}"] = word.value.value
    for what, value in wanted.items():
        is_single = isinstance(value, bool | None)
        if test.is_method and is_single:
            yield f"self.assert{'IsNone' if value is None else value}({what})"
        elif test.is_method:
            yield f"self.assertEqual({what}, {value!r})"
        else:
            yield f"assert {what} {'is' if is_single else '=='} {value!r}"
