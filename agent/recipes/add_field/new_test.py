"""A test of the new field in the repository's own style: where it goes and what it says.

It must fail without the change, and never build an instance whose values would be guesses.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from typing import Literal

from agent.recipes.add_field import field_types, imports, modules, rendering, values
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.modules import External, FoundClass
from agent.recipes.add_field.parameters import Field, NewTest, Parameters, Value
from agent.recipes.add_field.source import SourceFile
from repo_config.detect import Project

_TEST_FILE = re.compile(r"(?:^|/)(?:test_\w+|\w+_tests?|tests)\.py$")
_CLASS = re.compile(rb"^class \w+\([^)]*TestCase\b", re.MULTILINE)
_FUNCTION = re.compile(rb"^(?:async )?def test_", re.MULTILINE)
_PLAIN = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\):", re.MULTILINE)
_ANNOTATED = re.compile(rb"^\s*(?:async )?def test_\w+\([^)]*\) -> None:", re.MULTILINE)
_FILLED_BY_DJANGO = frozenset({"auto_now", "auto_now_add", "default", "db_default"})
_HOOKS = frozenset({"save", "save_base", "full_clean", "clean", "clean_fields"})
_KNOWN_ROOTS = frozenset({"django.db.models.Model", "django.db.models.base.Model"})


class NoPlaceError(ValueError):
    """There is no test whose style a new one could follow."""


# --- where -----------------------------------------------------------------------------------


def plan(model: Model, field: Field, index: ModelsIndex, project: Project) -> NewTest:
    """Settle where the test goes, in which style, and how much of the model it may build.

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
    marked = any(
        b"django_db" in index.modules.content(one)
        for one in index.modules.paths
        if _TEST_FILE.search(one) or one.endswith("conftest.py")
    )
    instance = _instance(model, field, index)
    if instance == "saved" and style == "function" and not marked:
        instance = "unsaved"
    return NewTest(
        path=path,
        append=append,
        style=style,
        model=model.name,
        model_module=_module_of(model, index),
        instance=instance,
        marker=instance == "saved" and style == "function",
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
    if siblings == ["tests.py"]:
        return f"{folder}/tests.py" if folder else "tests.py", True
    stem = f"{snake(model.name)}_{field.name}"
    ends = Counter(
        "start" if name.startswith("test_") else "end" if name.endswith("_test.py") else "plural"
        for name in siblings
        if name != "tests.py"
    )
    shape = ends.most_common(1)[0][0]
    taken = {os.path.basename(path) for path in index.modules.paths}
    for name in (stem, f"{stem}_field", f"{model.app.label}_{stem}_field"):
        file = {"start": f"test_{name}.py", "end": f"{name}_test.py"}.get(shape, f"{name}_tests.py")
        if file not in taken:
            break
    return (f"{folder}/{file}" if folder else file), False


def snake(name: str) -> str:
    """A class name in lower case with underscores."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _module_of(model: Model, index: ModelsIndex) -> str:
    package = f"{model.app.dotted}.models" if model.app.dotted else "models"
    if exported := index.modules.named(package, model.path):
        target = index.modules.resolve(exported, model.name)
        if isinstance(target, FoundClass) and target.node is model.node:
            return package
    return model.module.dotted


def _instance(
    model: Model, field: Field, index: ModelsIndex
) -> Literal["none", "unsaved", "saved"]:
    line = (model, *model.ancestors())
    kind = field_types.BY_NAME.get(field.type_name)
    if model.abstract or kind is None or kind.family in ("many", "relation"):
        return "none"
    if expected(field) is None:
        return "none"
    for one in line:
        if "__init__" in one.names or "__new__" in one.names or set(one.external) - _KNOWN_ROOTS:
            return "none"
        for mixin in one.plain:
            if {"__init__", "__new__"} & {getattr(n, "name", "") for n in mixin.node.body}:
                return "none"
    hooked = any(_HOOKS & set(one.names) or one.plain or "constraints" in one.meta for one in line)
    if hooked or not all(_fills_itself(one, index) for one in line) or _has_signals(index):
        return "unsaved"
    return "saved"


def _has_signals(index: ModelsIndex) -> bool:
    return any(
        b"pre_save" in index.modules.content(path) or b"post_save" in index.modules.content(path)
        for path in index.modules.paths
    )


def _fills_itself(model: Model, index: ModelsIndex) -> bool:
    """Whether a row can be saved with nothing but the defaults of its fields."""
    for one in model.fields.values():
        called = modules.name_of(one.call.func) or ""
        target = index.modules.resolve(model.module, called)
        if not isinstance(target, External) or not target.dotted.startswith("django.db.models."):
            return False
        kind = field_types.BY_NAME.get(one.type_name)
        words = {word.arg: word.value for word in one.call.keywords}
        null = words.get("null")
        if kind is None or "primary_key" in words:
            return False
        filled = _FILLED_BY_DJANGO & set(words) or kind.family in ("text", "file", "many")
        if not filled and not (isinstance(null, ast.Constant) and null.value is True):
            return False
    return True


# --- what ------------------------------------------------------------------------------------


def expected(field: Field) -> str | None:
    """What the field holds on a new instance, as source; None where that is not fixed."""
    kind = field_types.BY_NAME.get(field.type_name)
    default = field.option("default")
    if kind is None or field.is_on("auto_now") or field.is_on("auto_now_add"):
        return None
    if default is not None:
        if default.kind == "literal":
            return default.text
        return {"dict": "{}", "list": "[]"}.get(default.name) if not default.module else None
    if field.option("db_default") is not None:
        return None
    if field.is_on("null"):
        return "None"
    return "''" if kind.family == "text" else None


def _facts(field: Field, parameters: Parameters) -> list[tuple[str, str]]:
    """Attributes of the field and what they must be, as source."""
    found: list[tuple[str, str]] = []
    for option in field.options:
        literal = option.value.kind == "literal"
        if (
            (option.name in field_types.NUMBER_OPTIONS | {"help_text", "db_column"} and literal)
            or option.name in ("null", "blank", "unique", "editable", "auto_now", "auto_now_add")
            or (option.name == "upload_to" and literal)
        ):
            found.append((option.name, option.value.text))
        elif option.name == "related_name" and "%" not in option.value.text:
            found.append(("remote_field.related_name", option.value.text))
        elif option.name == "on_delete":
            found.append(("remote_field.on_delete", option.value.name))
        elif option.name == "choices" and literal and (plain := _plain_choices(option.value)):
            found.append(("choices", plain))
    if field.option("null") is None and field.type_name != "ManyToManyField":
        found.append(("null", "False"))
    if parameters.test and parameters.test.instance == "none":
        value = expected(field)
        if value not in (None, "''", "None"):
            found.append(("get_default()", str(value)))
    return found


def _plain_choices(value: Value) -> str | None:
    choices = values.plain(value)
    if not isinstance(choices, list | tuple):
        return None
    pairs = [pair for pair in choices if isinstance(pair, list | tuple) and len(pair) == 2]
    if len(pairs) != len(choices) or any(isinstance(label, list | tuple) for _, label in pairs):
        return None
    return repr([tuple(pair) for pair in pairs])


def add(parameters: Parameters, existing: SourceFile | None, like: SourceFile) -> bytes:
    """Write the test: a new file, or more of an existing one.

    Args:
        like: A file of the repository whose quotes and line ends a new file takes over.
    """
    test = parameters.test
    if test is None:
        raise ValueError("no test was asked for")
    if existing is None:
        code = _new_file(parameters, test, like)
        return code.replace("\n", like.newline).encode()
    names = rendering.FileNames(existing)
    model = _model_reference(existing, names, test.model_module, test.model)
    lines = _body(parameters, test, model, existing, names)
    existing.insert_lines(len(existing.text), ["", "", *lines])
    imports.add_imports(existing, names.needed, parameters.width)
    return existing.result()


def _model_reference(
    source: SourceFile, names: rendering.FileNames, module: str, model: str
) -> str:
    for spelled in (module, ".models", "..models", ".", ".."):
        if spelled == module or spelled.endswith("models"):
            if found := names.reference(spelled, model):
                return found
    relative = any(
        imports.imports_from(small, ".models") for small in rendering.top_statements(source.module)
    )
    return names.refer(".models" if relative and module.endswith(".models") else module, model)


def _new_file(parameters: Parameters, test: NewTest, like: SourceFile) -> str:
    empty = SourceFile(test.path, b"")
    empty.__dict__["quote"] = like.quote
    names = rendering.FileNames(empty)
    body = _body(parameters, test, test.model, empty, names)
    outside = sorted(_import_line(module, name) for module, name in names.needed)
    outside.sort(key=lambda line: (line.startswith("from"), line))
    own = _import_line(test.model_module, test.model)
    return "\n".join([*outside, "", own, "", "", *body]) + "\n"


def _import_line(module: str, name: str | None) -> str:
    return f"from {module} import {name}" if name else f"import {module}"


def _body(
    parameters: Parameters,
    test: NewTest,
    model: str,
    source: SourceFile,
    names: rendering.FileNames,
) -> list[str]:
    writer = _Writer(parameters, test, source)
    field = parameters.field
    variable = snake(test.model)
    if variable in ("models", "field", "pytest", "self") or not variable.isidentifier():
        variable = "instance"
    getter = writer.call(f"field = {model}._meta.get_field", [writer.text(field.name)])
    checks = [*getter, ""]
    if field.own_type:
        models = names.refer("django.db", "models")
        checks += writer.is_instance("field", f"{models}.{field.type_name}")
    else:
        checks += writer.equal("type(field).__name__", repr(field.type_name))
    if field.target:
        checks += writer.equal("field.remote_field.model._meta.label", repr(field.target))
    for name, wanted in _facts(field, parameters):
        of_models = name == "remote_field.on_delete"
        prefix = f"{names.refer('django.db', 'models')}." if of_models else ""
        checks += writer.equal(f"field.{name}", f"{prefix}{wanted}")
    tests = [(f"test_{snake(test.model)}_has_{field.name}", checks, False)]
    wanted_value = expected(field)
    if test.instance != "none" and wanted_value is not None:
        saved = test.instance == "saved"
        steps = [f"{variable} = {model}()"]
        steps += [f"{variable}.save()", f"{variable}.refresh_from_db()"] if saved else []
        steps += ["", *writer.equal(f"{variable}.{field.name}", wanted_value)]
        tests.append((f"test_{field.name}_of_a_new_{snake(test.model)}", steps, saved))
    return writer.tests(tests, names)


class _Writer:
    """Writes checks as functions with `assert`, or as methods of a TestCase."""

    def __init__(self, parameters: Parameters, test: NewTest, source: SourceFile) -> None:
        self._parameters = parameters
        self._test = test
        self._source = source
        self._in_class = test.style == "class"
        self._indent = "        " if self._in_class else "    "

    def text(self, content: str) -> str:
        return rendering.text(content, self._source)

    def _code(self, literal: str) -> str:
        return rendering.quoted(literal, self._source)

    def is_instance(self, what: str, kind: str) -> list[str]:
        head = "self.assertIsInstance" if self._in_class else "assert isinstance"
        return self.call(head, [what, kind])

    def call(self, head: str, arguments: list[str]) -> list[str]:
        """A call, broken where the width asks for it; lines are indented later."""
        room = self._parameters.width - len(self._indent)
        one_per_line = self._parameters.one_per_line
        return rendering.wrapped(head, arguments, "", room, one_per_line=one_per_line)

    def equal(self, what: str, literal: str) -> list[str]:
        wanted = self._code(literal)
        room = self._parameters.width - len(self._indent)
        single = literal in ("None", "True", "False") or what.endswith(".on_delete")
        if self._in_class:
            if literal == "None":
                return [f"self.assertIsNone({what})"]
            if literal in ("True", "False"):
                return [f"self.assert{literal}({what})"]
            method = "assertIs" if single else "assertEqual"
            return self.call(f"self.{method}", [what, wanted])
        line = f"assert {what} {'is' if single else '=='} {wanted}"
        if len(line) > room and (opened := rendering.opened(f"assert {what} == ", wanted)):
            return opened
        return [line] if len(line) <= room else [f"assert {what} == (", f"    {wanted}", ")"]

    def tests(
        self, tests: list[tuple[str, list[str], bool]], names: rendering.FileNames
    ) -> list[str]:
        lines: list[str] = []
        arrow = " -> None" if self._test.annotated else ""
        if self._in_class:
            base = names.refer("django.test", "TestCase")
            title = "".join(
                part[:1].upper() + part[1:] for part in self._parameters.field.name.split("_")
            )
            lines.append(f"class {self._test.model}{title}Tests({base}):")
        for number, (name, steps, saved) in enumerate(tests):
            if number:
                lines += [""] if self._in_class else ["", ""]
            if self._in_class:
                whole = f"    def {name}(self){arrow}:"
                broken = [f"    def {name}(", "        self,", f"    ){arrow}:"]
                lines += [whole] if len(whole) <= self._parameters.width else broken
            else:
                if saved and self._test.marker:
                    pytest = names.refer_module("pytest")
                    lines.append(f"@{pytest}.mark.django_db")
                lines.append(f"def {name}(){arrow}:")
            lines += [f"{self._indent}{step}" if step else "" for step in steps]
        return lines
