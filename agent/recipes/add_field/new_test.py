"""A test of the new field, in the repository's own style; it fails without the change."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter

from agent.recipes import code_style
from agent.recipes.add_field.file_names import FileNames
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import Field, NewTest, Parameters
from agent.recipes.modules import FoundClass
from agent.recipes.source import SourceFile
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")
_PLAIN = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\):", re.MULTILINE)
_ANNOTATED = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\) -> None:", re.MULTILINE)
#: Options that Django keeps on the field as they were stated, and where.
_ATTRIBUTES = {
    name: name
    for name in (
        *("max_length", "max_digits", "decimal_places", "null", "blank", "unique", "db_index"),
        *("default", "editable", "auto_now", "auto_now_add", "verbose_name", "help_text"),
        *("db_column", "upload_to"),
    )
} | {"related_name": "remote_field.related_name"}


# --- where it goes ----------------------------------------------------------------------------


def plan_test(model: Model, field: Field, index: ModelsIndex, project: Project) -> NewTest | None:
    """Settle where the test goes, and in which style; None where the repository has no tests."""
    nearby = _find_nearby_tests(model, index)
    if not nearby:
        return None
    sources = [index.modules.read_text(path) for path in nearby]
    annotated = sum(len(_ANNOTATED.findall(content)) for content in sources)
    plain = sum(len(_PLAIN.findall(content)) for content in sources)
    return NewTest(
        path=_choose_path(model, field, nearby, index),
        is_method=project.test_runner == "django",
        model=model.name,
        model_module=_find_module(model, index),
        annotated=annotated > plain,
    )


def _find_nearby_tests(model: Model, index: ModelsIndex) -> list[str]:
    """Find the tests of the model's app, else those that import it, else any."""
    files = [p for p in index.modules.files if _TEST_FILE.search(p) and "/migrations/" not in p]
    folder, label = model.app.folder, model.app.label
    if folder and (own := [path for path in files if path.startswith(f"{folder}/")]):
        return own
    if mirrored := [path for path in files if re.search(rf"(?:^|/)tests?/{label}/", path)]:
        return mirrored
    pattern = re.compile(
        rf"^\s*(?:from|import) {re.escape(model.app.dotted)}\b".encode(), re.MULTILINE
    )
    return [path for path in files if pattern.search(index.modules.read_text(path))] or files


def _choose_path(model: Model, field: Field, nearby: list[str], index: ModelsIndex) -> str:
    """Choose a new file in the folder where most of the tests nearby are."""
    folders = Counter(os.path.dirname(path) for path in nearby)
    most = max(folders.values())
    folder = min((one for one, n in folders.items() if n == most), key=lambda f: (len(f), f))
    ends = sum(path.endswith("_test.py") for path in nearby)
    shape = "{}_test.py" if ends * 2 > len(nearby) else "test_{}.py"
    # Test files of one name get in each other's way where their folders are no packages.
    taken = {os.path.basename(path).lower() for path in index.modules.files}
    stem = f"{_to_snake_case(model.name)}_{field.name}"
    numbered = (f"{stem}_field_{number}" for number in itertools.count(2))
    names = map(shape.format, itertools.chain((stem, f"{stem}_field"), numbered))
    file = next(one for one in names if one.lower() not in taken)
    return f"{folder}/{file}".lstrip("/")


def _find_module(model: Model, index: ModelsIndex) -> str:
    package = f"{model.app.dotted}.models" if model.app.dotted else "models"
    if exported := index.modules.find_module(package, model.path):
        target = index.modules.resolve(exported, model.name)
        if isinstance(target, FoundClass) and target.node is model.node:
            return package
    return model.module.dotted


def _to_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


# --- what it says -----------------------------------------------------------------------------


def render_test(parameters: Parameters, test: NewTest, like: SourceFile) -> bytes:
    """Write the file of the test; quotes and line ends are those of another file."""
    names = FileNames(SourceFile(test.path, b"", like.quote))
    writer = _Writer(parameters, test, names)
    body = writer.write_test(_write_checks(parameters.field, test, writer))
    outside = sorted(
        f"from {module} import {name}" if name else f"import {module}"
        for module, name in names.needed
    )
    own = f"from {test.model_module} import {test.model}"
    code = "\n".join([*outside, "", own, "", "", *body]) + "\n"
    return code.replace("\n", like.newline).encode()


def _write_checks(field: Field, test: NewTest, writer: _Writer) -> list[str]:
    text = code_style.quote_text(field.name, writer.names.source)
    checks = [*writer.call(f"field = {test.model}._meta.get_field", [text]), ""]
    if field.own_type:
        models = writer.names.refer("django.db", "models")
        head = "self.assertIsInstance" if test.is_method else "assert isinstance"
        checks += writer.call(head, ["field", f"{models}.{field.type_name}"])
    else:
        checks += writer.equal("type(field).__name__", repr(field.type_name))
    if field.target:
        checks += writer.equal("field.remote_field.model._meta.label", repr(field.target))
    for option in field.options:
        value = option.value
        if option.name in _ATTRIBUTES and value.kind == "literal" and "%(" not in value.text:
            checks += writer.equal(f"field.{_ATTRIBUTES[option.name]}", value.text)
        elif option.name == "default" and value.kind == "symbol" and not value.module:
            checks += writer.equal("field.default", value.name)
        elif option.name == "on_delete":
            models = writer.names.refer("django.db", "models")
            checks += writer.equal("field.remote_field.on_delete", f"{models}.{value.name}")
    if field.option("null") is None and field.type_name != "ManyToManyField":
        checks += writer.equal("field.null", "False")
    return checks


class _Writer:
    def __init__(self, parameters: Parameters, test: NewTest, names: FileNames) -> None:
        self.names = names
        self._parameters = parameters
        self._test = test
        self._indent = "        " if test.is_method else "    "
        self._space = parameters.width - len(self._indent)

    def call(self, head: str, arguments: list[str]) -> list[str]:
        """Write a call, broken where the width asks for it; lines are indented later."""
        return code_style.wrap_call(head, arguments, "", self._space)

    def equal(self, what: str, literal: str) -> list[str]:
        wanted = code_style.adopt_quotes(literal, self.names.source)
        is_single = literal in ("None", "True", "False") or what.endswith(".on_delete")
        if self._test.is_method:
            return self.call(f"self.assert{'Is' if is_single else 'Equal'}", [what, wanted])
        line = f"assert {what} {'is' if is_single else '=='} {wanted}"
        fits = len(line) <= self._space
        return [line] if fits else [f"assert {what} == (", f"    {wanted}", ")"]

    def write_test(self, checks: list[str]) -> list[str]:
        test, field = self._test, self._parameters.field
        name = f"test_{_to_snake_case(test.model)}_has_{field.name}"
        arrow = " -> None" if test.annotated else ""
        indented = [f"{self._indent}{check}" if check else "" for check in checks]
        if not test.is_method:
            return [f"def {name}(){arrow}:", *indented]
        # It asks the model alone, so it needs none of the databases.
        base = self.names.refer("django.test", "SimpleTestCase")
        title = "".join(part.capitalize() for part in field.name.split("_"))
        head = [f"class {test.model}{title}Tests({base}):"]
        whole = f"    def {name}(self){arrow}:"
        broken = [f"    def {name}(", "        self,", f"    ){arrow}:"]
        head += [whole] if len(whole) <= self._parameters.width else broken
        return [*head, *indented]
