"""The migration: the order for Django in the room, and what is accepted of its work.

What comes back was made where the repository's own code runs, so the files are read here, as
data, and held against what was asked; the report only helps to say what went wrong.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import json
import re
import sys
import uuid
from collections.abc import Callable, Mapping

from agent.domain import Reason
from agent.errors import EditFailed, RequestRefused
from agent.recipes.add_field import field_types, modules, values
from agent.recipes.add_field.parameters import Carrier, Option, Parameters, Value
from agent.recipes.recipe import ProducingCommand
from repo_config.detect import Project

SCRIPT = "make_migration.py"
_MAX_BYTES = 256 * 1024


def order(parameters: Parameters, project: Project) -> ProducingCommand | None:
    """What is to run in the room; nothing for an abstract model without children."""
    if not parameters.carriers:
        return None
    django = project.django
    if django is None or django.settings_module is None:
        raise RequestRefused(
            "No settings module was found, so Django cannot be started to make the migration. "
            "Name one in .github/mergewright.yml: `django: {settings: package.settings}`."
        )
    existing = parameters.existing
    request = {
        "field": parameters.field.name,
        "models": [[carrier.app_label, carrier.model] for carrier in parameters.carriers],
        "defined_in": parameters.model,
        "existing": existing.model_dump() if existing else None,
        "manage": django.manage,
        "python_path": list(django.python_path),
        "formatters": list(parameters.formatters),
    }
    folders = sorted({carrier.migrations for carrier in parameters.carriers})
    return ProducingCommand(
        script=SCRIPT,
        args=(json.dumps(request, sort_keys=True),),
        environ={"DJANGO_SETTINGS_MODULE": django.settings_module},
        globs=tuple(f"{folder}/*.py" for folder in folders),
    )


def accept(parameters: Parameters, report: bytes, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Accept exactly the asked column for every carrier; anything else withholds the change.

    Raises:
        EditFailed: Django failed, did too little, or did what nobody asked for.
    """
    said = _report(report)
    if problem := said.get("problem"):
        raise EditFailed(f"Django could not make the migration: {problem}")
    notes: list[str] = [
        f"The settings switch migrations of {label} off; they were switched on to make this one."
        for label in _texts(said.get("switched_off"))
    ]
    unasked: list[str] = [str(line) for line in _texts(said.get("unasked"))]
    covered: set[tuple[str, str]] = set()
    by_folder: dict[str, list[Carrier]] = {}
    for carrier in parameters.carriers:
        by_folder.setdefault(carrier.migrations, []).append(carrier)
    for path, content in sorted(files.items()):
        folder, _, name = path.rpartition("/")
        if folder not in by_folder or not re.fullmatch(r"[A-Za-z0-9_]+\.py", name):
            raise EditFailed(f"{path} was produced, but no migration belongs there.")
        file = _File(path, content, parameters)
        for operation in file.operations:
            done, note = _judge(operation, parameters, by_folder[folder])
            if done is None:
                label = by_folder[folder][0].app_label
                unasked.append(f"{label}: {operation.shown()} ({path})")
                continue
            file.hold_operation(operation)
            if operation.kind == "AddField":
                covered.add(done)
            if note:
                notes.append(note)
        if not unasked:
            file.hold_imports_used()
        notes.append(f"Django made {path}.")
    if unasked:
        raise _more_than_asked(list(dict.fromkeys(unasked)), parameters)
    missing = [
        f"{one.app_label}.{one.model}"
        for one in parameters.carriers
        if (one.app_label, one.model.lower()) not in covered
    ]
    if missing:
        raise EditFailed(
            f"Django made no migration that adds {parameters.field.name} to "
            f"{', '.join(missing)}. Is the app in INSTALLED_APPS of the settings in use?"
        )
    return tuple(notes)


def _report(report: bytes) -> dict[str, object]:
    try:
        said = json.loads(report)
    except (ValueError, RecursionError) as problem:
        raise EditFailed("Django's report on the migration cannot be read.") from problem
    if not isinstance(said, dict):
        raise EditFailed("Django's report on the migration cannot be read.")
    return said


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _more_than_asked(unasked: list[str], parameters: Parameters) -> EditFailed:
    labels = " ".join(sorted({carrier.app_label for carrier in parameters.carriers}))
    listed = "\n".join(f"- {line}" for line in unasked)
    failure = EditFailed(
        f"Making the migration for {parameters.field.name} gives more than was asked for:\n"
        f"{listed}\n"
        "The base branch has model changes without a migration, or the settings differ from those "
        f"the migrations were made with. Run `python manage.py makemigrations {labels}` on the "
        "base branch, commit the result, then ask again."
    )
    failure.reason = Reason.UNASKED_OPERATIONS
    return failure


# --- one migration file ----------------------------------------------------------------------


class _Operation:
    """One entry of `operations`, as written."""

    def __init__(self, path: str, node: ast.expr) -> None:
        self.path = path
        self.kind = ""
        self.words: dict[str, ast.expr] = {}
        if isinstance(node, ast.Call) and not node.args:
            where, _, kind = _dotted(node.func).rpartition(".")
            if where == "migrations" and all(word.arg for word in node.keywords):
                self.kind = kind
            self.words = {word.arg: word.value for word in node.keywords if word.arg}
        self._text = ast.unparse(node)

    def word(self, name: str) -> str:
        value = self.words.get(name)
        return (
            value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
        )

    def shown(self) -> str:
        model, name = self.word("model_name"), self.word("name")
        if self.kind and name:
            return f"{self.kind} {name}" + (f" on {model}" if model else "")
        line = " ".join(self._text.split())
        return line if len(line) <= 100 else line[:97] + "..."


def _dotted(node: ast.expr) -> str:
    """The dotted name that an expression is, and nothing but that; else empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


#: What Django imports by `from`; everything else it imports whole, under its own name.
_FROM = {
    "django.db": {"migrations", "models"},
    "django.conf": {"settings"},
    "decimal": {"Decimal"},
    "django.utils.timezone": {"utc"},
}
#: What Django writes of other modules: names that may be called, and names that may be named.
_CALLED = {
    "datetime": re.compile(r"date|time|datetime|timedelta|timezone"),
    "decimal": re.compile(r"Decimal"),
    "uuid": re.compile(r"UUID"),
    "re": re.compile(r"compile"),
    "zoneinfo": re.compile(r"ZoneInfo"),
    "pathlib": re.compile(r"Pure(?:Posix|Windows)Path"),
    "functools": re.compile(r"partial"),
    "collections": re.compile(r"OrderedDict"),
}
_NAMED = {
    "datetime": re.compile(r"timezone\.utc|date\.today|datetime\.now|timedelta"),
    "uuid": re.compile(r"uuid[14]"),
    "re": re.compile(r"RegexFlag|[A-Z]+"),
    "django.utils.timezone": re.compile(r"now|localdate|utc"),
    "django.core.validators": re.compile(r"[A-Z]\w*|validate_\w+"),
}
_DJANGO = re.compile(
    r"django\.(?:utils\.timezone|core\.(?:validators|files\.storage|serializers\.json)|"
    r"(?:db|contrib\.gis\.db)\.models|contrib\.(?:postgres|contenttypes))(?:\.\w+)*"
)
_CLASS = re.compile(r"[A-Z]\w*(?:\.[A-Z]\w*)*")
_RUNS_SQL = re.compile(r"RawSQL|Func|RunSQL|RunPython|Extra\w*")
_FUNCTION = re.compile(r"\w+|[A-Z]\w*(?:\.\w+)+")
_BUILTIN_CALLS = frozenset({"float", "frozenset", "set", "range"})
_BUILTIN_NAMES = frozenset({"dict", "list", "set", "tuple", "str", "int", "float", "bool"})


class _File:
    """A produced migration file: only what Django writes into one for an added field may pass."""

    def __init__(self, path: str, content: bytes, parameters: Parameters) -> None:
        self.path = path
        self.operations: list[_Operation] = []
        self._imported: set[str] = set()
        self._from: dict[str, str] = {}
        self._used: set[str] = set()
        self._own_type = parameters.field.own_type
        self._local = any(one.value.kind == "local" for one in parameters.field.options)
        paths = (parameters.place.path, *(one.migrations for one in parameters.carriers))
        self._packages = {part.removesuffix(".py") for one in paths for part in one.split("/")}
        if len(content) > _MAX_BYTES:
            raise EditFailed(f"{path} was produced, but has more than {_MAX_BYTES:,} bytes.")
        try:
            self._read(ast.parse(content))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            raise EditFailed(
                f"{path} was produced, but is not Python that can be read: {problem}"
            ) from problem

    def _no(self, what: str, node: ast.AST) -> EditFailed:
        line = getattr(node, "lineno", 1)
        return EditFailed(
            f"{self.path} was produced, but {what} (line {line}), which Django does not write "
            "for an added field. Look for a package of the environment that changes how Django "
            "writes migrations, or make this migration by hand."
        )

    def _read(self, tree: ast.Module) -> None:
        body = list(tree.body)
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            if isinstance(body[0].value.value, str):
                body.pop(0)
        classes = [one for one in body if isinstance(one, ast.ClassDef)]
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement)
            elif not isinstance(statement, ast.ClassDef):
                raise self._no("holds more than one migration", statement)
        if len(classes) != 1:
            raise self._no("holds more than one migration", tree)
        node = classes[0]
        if (
            node.name != "Migration"
            or [_dotted(base) for base in node.bases] != ["migrations.Migration"]
            or node.keywords
            or node.decorator_list
            or "migrations" not in self._from
        ):
            raise self._no("its class is no plain migration", node)
        seen: set[str] = set()
        for statement in node.body:
            self._attribute(statement, seen)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            if alias.asname or (isinstance(statement, ast.ImportFrom) and statement.level):
                raise self._no(f"imports {alias.name} in another way", statement)
            if isinstance(statement, ast.ImportFrom):
                source = statement.module or ""
                known = alias.name in _FROM.get(source, ())
                if not known and not (self._may_import(source) and self._is_new(alias.name)):
                    raise self._no(f"imports {alias.name} from {source}", statement)
                self._from[alias.name] = source
            else:
                if not self._may_import(alias.name):
                    raise self._no(f"imports {alias.name}", statement)
                self._imported.add(alias.name)

    def _may_import(self, module: str) -> bool:
        top = module.partition(".")[0]
        if re.search(r"(?:^|\.)__", module):
            return False
        if top == "django":
            return _DJANGO.fullmatch(module) is not None
        if top in sys.stdlib_module_names:
            return module in _CALLED
        return not self._own_type or (self._local and top in self._packages)

    def _is_new(self, name: str) -> bool:
        """Whether a name that is imported by `from` is a class and hides nothing known."""
        hides = {one for names in _FROM.values() for one in names}
        return _CLASS.fullmatch(name) is not None and name not in hides and name not in self._from

    def _attribute(self, statement: ast.stmt, seen: set[str]) -> None:
        name = ""
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            name = _dotted(statement.targets[0])
        if not isinstance(statement, ast.Assign) or name in seen:
            raise self._no("holds more than a migration's operations", statement)
        seen.add(name)
        value = statement.value
        if name in ("initial", "atomic"):
            fine = isinstance(value, ast.Constant) and isinstance(value.value, bool)
        elif name in ("dependencies", "run_before"):
            fine = isinstance(value, ast.List) and all(map(self._is_dependency, value.elts))
        elif name == "operations":
            fine = isinstance(value, ast.List)
            if isinstance(value, ast.List):
                self.operations = [_Operation(self.path, one) for one in value.elts]
        else:
            raise self._no("holds more than a migration's operations", statement)
        if not fine:
            raise self._no(f"its {name} cannot be read", statement)

    def _is_dependency(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            return all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)
        return (
            isinstance(node, ast.Call)
            and _dotted(node.func) == "migrations.swappable_dependency"
            and len(node.args) == 1
            and not node.keywords
            and self._is_model_setting(_dotted(node.args[0]))
        )

    def _is_model_setting(self, dotted: str) -> bool:
        return "settings" in self._from and bool(
            re.fullmatch(r"settings\.[A-Z0-9_]*MODEL[A-Z0-9_]*", dotted)
        )

    # --- what may stand in an operation ---------------------------------------------------

    def hold_operation(self, operation: _Operation) -> None:
        """Refuse an asked operation with anything in it that Django would not write."""
        for name, value in operation.words.items():
            if name not in ("model_name", "name", "field", "preserve_default"):
                raise self._no(f"an operation has `{name}`", value)
            if (name == "field") is isinstance(value, ast.Constant):
                raise self._no(f"`{name}` of an operation cannot be read", value)
        call = operation.words["field"]
        if not self._own_type and isinstance(call, ast.Call):
            self._packages.add(_dotted(call.func).partition(".")[0])
            if where := self._from.get(_dotted(call.func)):
                self._packages.add(where.partition(".")[0])
        try:
            for value in operation.words.values():
                self._hold(value)
        except RecursionError as problem:
            raise self._no("an operation is nested too deeply", call) from problem

    def hold_imports_used(self) -> None:
        """Refuse modules that are imported for nothing: importing runs code."""
        for module in sorted({*self._imported, *self._from.values()} - self._used):
            if not module.startswith("django."):
                raise EditFailed(
                    f"{self.path} was produced, but imports {module} without using it, which "
                    "Django does not do. Remove what changes how Django writes migrations, or "
                    "make this migration by hand."
                )

    def _hold(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and node.value is not ...:
            return
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            for one in node.elts:
                self._hold(one)
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if key is None:
                    raise self._no("unpacks a mapping", node)
                self._hold(key)
            for one in node.values:
                self._hold(one)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            if not isinstance(node.operand, ast.Constant):
                raise self._no(f"has `{_cut(node)}`", node)
        elif isinstance(node, ast.Call):
            self._hold_call(node)
        elif not self._is_flags(node) and not self._may_name(_dotted(node)):
            raise self._no(f"has `{_cut(node)}`", node)

    def _is_flags(self, node: ast.expr) -> bool:
        """Whether it is a member of an enumeration, or several joined by `|`."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return all(self._is_flags(one) for one in (node.left, node.right))
        if isinstance(node, ast.Subscript):
            key = node.slice
            is_text = isinstance(key, ast.Constant) and isinstance(key.value, str)
            _, name = self._split(_dotted(node.value))
            is_class = _CLASS.fullmatch(name) is not None
            return is_text and is_class and self._may_name(_dotted(node.value))
        return _dotted(node).startswith("re.") and self._may_name(_dotted(node))

    def _hold_call(self, node: ast.Call) -> None:
        called = _dotted(node.func)
        arguments = list(node.args)
        pairs = [(word.arg, word.value) for word in node.keywords]
        if called == "functools.partial" and len(arguments) == 2 and len(pairs) == 1:
            # Django writes partial(function, *(...), **{...}).
            stars = (arguments[1], pairs[0][1])
            if (
                isinstance(stars[0], ast.Starred)
                and isinstance(stars[0].value, ast.Tuple)
                and pairs[0][0] is None
                and isinstance(stars[1], ast.Dict)
            ):
                arguments[1], pairs = stars[0].value, [("", stars[1])]
        if any(name is None for name, _ in pairs) or not self._may_call(node, called):
            raise self._no(f"calls `{_cut(node)}`", node)
        for one in (*arguments, *(value for _, value in pairs)):
            self._hold(one)

    def _split(self, dotted: str) -> tuple[str, str]:
        """The imported module that a dotted name begins with, and the name in it."""
        first = dotted.partition(".")[0]
        if first in self._from:
            return self._from[first], dotted
        found = [one for one in self._imported if dotted.startswith(f"{one}.")]
        module = max(found, key=len, default="")
        return module, dotted[len(module) + 1 :] if module else ""

    def _may_call(self, node: ast.Call, dotted: str) -> bool:
        if dotted in _BUILTIN_CALLS:
            return dotted not in self._from and not node.keywords
        if dotted == "type":  # type(None)
            return ast.unparse(node) == "type(None)"
        return self._may(dotted, _CALLED, _CLASS)

    def _may_name(self, dotted: str) -> bool:
        if dotted in _BUILTIN_NAMES:
            return True
        if self._is_model_setting(dotted):
            self._used.add("django.conf")
            return True
        return self._may(dotted, _NAMED, _FUNCTION)

    def _may(
        self, dotted: str, known: Mapping[str, re.Pattern[str]], foreign: re.Pattern[str]
    ) -> bool:
        """Whether a name of an imported module may stand there; a module of a module never."""
        module, name = self._split(dotted)
        if not module or not name or re.search(r"(?:^|\.)__", name):
            return False
        self._used.add(module)
        top = module.partition(".")[0]
        if module in known:
            return known[module].fullmatch(name) is not None
        if module == "django.db":
            name = name.removeprefix("models.")
        if top == "django":
            return _CLASS.fullmatch(name) is not None and not _RUNS_SQL.fullmatch(name)
        if top in sys.stdlib_module_names or top not in self._packages:
            return False
        return foreign.fullmatch(name) is not None


def _cut(node: ast.expr) -> str:
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= 60 else line[:57] + "..."


def _judge(
    operation: _Operation, parameters: Parameters, carriers: list[Carrier]
) -> tuple[tuple[str, str] | None, str]:
    """The carrier an operation serves, or None for one nobody asked for; and a note."""
    field = parameters.field
    second = parameters.existing is not None and field.option("default") is not None
    kinds = ("AddField", "AlterField") if second else ("AddField",)
    if operation.kind not in kinds or operation.word("name") != field.name:
        return None, ""
    model = operation.word("model_name")
    for carrier in carriers:
        if model == carrier.model.lower():
            _same_field(operation, parameters)
            return (carrier.app_label, model), ""
        if model == f"historical{carrier.model.lower()}":
            _same_history(operation, parameters)
            note = f"The history table of {carrier.model} follows: AddField on {model}."
            return (carrier.app_label, model), note
    return None, ""


def _same_field(operation: _Operation, parameters: Parameters) -> None:
    call = operation.words.get("field")
    path = operation.path
    if not isinstance(call, ast.Call):
        raise EditFailed(f"{path}: the field that is added cannot be read.")
    field = parameters.field
    written = (modules.name_of(call.func) or "").rpartition(".")[2]
    if written != field.type_name:
        raise EditFailed(f"{path} adds a {written}, but a {field.type_name} was asked for.")
    words = {word.arg: word.value for word in call.keywords if word.arg}
    if not field.own_type:  # how a foreign type writes itself down is its own affair, mostly
        _foreign_defaults(operation, words, parameters)
        return
    if not _dotted(call.func).startswith(("models.", "django.")) or call.args:
        raise EditFailed(f"{path}: `{_cut(call)}` is not how Django writes a {written}.")
    kind = field_types.BY_NAME[field.type_name]
    asked = {one.name: one for one in field.options}
    one_off = _is_one_off(operation)
    for option in field.options:
        if option.name == "default" and one_off and parameters.existing is not None:
            continue  # for this one step the value of existing rows stands in its place
        if problem := _differs(option, words, field.target):
            raise EditFailed(f"{path}: {problem}")
    allowed = set(asked) | kind.implied
    if one_off and parameters.existing is not None:
        allowed |= {"default"}
        if problem := _differs(Option(name="default", value=parameters.existing), words):
            raise EditFailed(f"{path}: for existing rows, {problem}")
    elif one_off:
        raise EditFailed(f"{path} fills existing rows with a value that nobody asked for.")
    if more := sorted(set(words) - allowed):
        raise EditFailed(f"{path} gives the field {', '.join(more)}, which nobody asked for.")


def _foreign_defaults(
    operation: _Operation, words: dict[str, ast.expr], parameters: Parameters
) -> None:
    """Refuse code that runs for every row, where the type's own default is no plain value."""
    asked = parameters.field.option("default")
    if parameters.existing is not None and _is_one_off(operation):
        asked = parameters.existing
    if "db_default" in words and parameters.field.option("db_default") is None:
        raise EditFailed(f"{operation.path} gives the field db_default, which nobody asked for.")
    default = words.get("default")
    if default is None:
        return
    if asked is not None:
        problem = _differs(Option(name="default", value=asked), words)
        if problem is None:
            return
        if isinstance(default, ast.Call | ast.Attribute | ast.Name):
            raise EditFailed(f"{operation.path}: {problem}")
    if _literal_of(default) is _NOT_LITERAL and ast.unparse(default) not in _PLAIN_DEFAULTS:
        raise EditFailed(f"{operation.path} gives the field default, which nobody asked for.")


_PLAIN_DEFAULTS = field_types.words(
    "django.utils.timezone.now uuid.uuid4 datetime.date.today dict list"
)


def _same_history(operation: _Operation, parameters: Parameters) -> None:
    """Hold the column of a history table against what was asked; relations and keys loosen."""
    field, call, path = parameters.field, operation.words.get("field"), operation.path
    if not isinstance(call, ast.Call):
        raise EditFailed(f"{path}: the field that is added cannot be read.")
    written = _dotted(call.func).rpartition(".")[2]
    if written not in (field.type_name, *_HISTORY_TYPES.get(field.type_name, ())):
        raise EditFailed(f"{path} adds a {written}, but a {field.type_name} was asked for.")
    words = {word.arg: word.value for word in call.keywords if word.arg}
    if not field.own_type:
        _foreign_defaults(operation, words, parameters)
        return
    asked = {one.name: one for one in field.options}
    if _is_one_off(operation):
        if parameters.existing is None:
            raise EditFailed(f"{path} fills existing rows with a value that nobody asked for.")
        asked["default"] = Option(name="default", value=parameters.existing)
    for name, option in asked.items():
        if name in words and name not in _HISTORY_FREE:
            if problem := _differs(option, words, field.target):
                raise EditFailed(f"{path}: {problem}")
    implied = field_types.BY_NAME[field.type_name].implied
    if more := sorted(set(words) - set(asked) - implied - _HISTORY_FREE):
        raise EditFailed(f"{path} gives the field {', '.join(more)}, which nobody asked for.")


#: What a history table keeps of types that cannot be there twice.
_HISTORY_TYPES = {
    "FileField": ("TextField", "CharField"),
    "ImageField": ("TextField", "CharField"),
    "OneToOneField": ("ForeignKey",),
}
_HISTORY_FREE = field_types.words(
    "on_delete related_name related_query_name null blank unique db_index db_constraint "
    "auto_now auto_now_add editable upload_to max_length"
)


def _is_one_off(operation: _Operation) -> bool:
    preserved = operation.words.get("preserve_default")
    return isinstance(preserved, ast.Constant) and preserved.value is False


def _differs(option: Option, words: dict[str, ast.expr], target: str = "") -> str | None:
    """Say how an option was written down differently, or nothing."""
    node = words.get(option.name)
    if node is None:
        if option.name in _DROPPED_WHEN_DEFAULT:
            return None
        return f"`{option.name}` was asked for and is missing."
    value, written = option.value, ast.unparse(node)
    if option.name == "to":
        wanted = target.lower() or "settings.auth_user_model"
        same = written.lower().strip("'\"") in (wanted, "settings.auth_user_model")
    elif value.kind == "symbol":
        same = written in (f"{value.module}.{value.name}".lstrip("."), *_also_written(value))
    elif value.name == "gettext_lazy":
        same = _literal_of(node) == _literal_of(ast.parse(value.text, mode="eval").body)
    elif value.kind == "call":
        same = _same_call(node, value)
    elif value.kind == "local":
        # The choices of a class of the repository: Django writes them out.
        same = isinstance(node, ast.List | ast.Tuple | ast.Dict)
    else:
        same = _literal_of(node) == _listed(values.plain(value))
    return None if same else f"`{option.name}` is {written}, not {value.shown()}."


def _also_written(value: Value) -> tuple[str, ...]:
    if value.module != "django.db.models":
        return ()
    return (f"django.db.models.deletion.{value.name}", f"models.{value.name}")


_BUILT: dict[str, Callable[..., object]] = {
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
}
_UTC = frozenset({"utc", "datetime.timezone.utc", "django.utils.timezone.utc"})


def _same_call(node: ast.expr, value: Value) -> bool:
    """Whether a written call gives the asked value: Django writes spans in units of its own."""
    asked = ast.parse(f"{value.name}({value.text})", mode="eval").body
    built = _built(node)
    if value.name == "datetime.fromisoformat" and isinstance(asked, ast.Call):
        moment = dt.datetime.fromisoformat(ast.literal_eval(asked.args[0]))
        return isinstance(built, dt.datetime) and built.tzinfo is not None and built == moment
    wanted = _built(asked)
    return built is not None and type(built) is type(wanted) and built == wanted


def _built(node: ast.expr) -> object:
    """The date, number or identifier that a call with literal arguments makes; else None."""
    name = _dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    if name not in _BUILT or not isinstance(node, ast.Call):
        return None
    try:
        words: dict[str, object] = {}
        for word in node.keywords:
            is_zone = word.arg == "tzinfo" and _dotted(word.value) in _UTC
            words[word.arg or ""] = dt.UTC if is_zone else ast.literal_eval(word.value)
        return _BUILT[name](*(ast.literal_eval(one) for one in node.args), **words)
    except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError):
        return None


def _literal_of(node: ast.expr) -> object:
    try:
        return _listed(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _NOT_LITERAL


_NOT_LITERAL = object()


def _listed(value: object) -> object:
    """A value with all sequences as lists, and choices that are a dict as pairs."""
    if isinstance(value, bool) or value is None:
        return repr(value)  # True is not 1
    if isinstance(value, list | tuple):
        return [_listed(one) for one in value]
    if isinstance(value, dict):
        return [[_listed(key), _listed(one)] for key, one in value.items()]
    return value


#: Options that Django leaves out of a migration where they say what holds anyway.
_DROPPED_WHEN_DEFAULT = field_types.words(
    "blank editable max_length db_index null unique upload_to allow_unicode protocol "
    "path match recursive allow_files allow_folders unpack_ipv4 db_constraint "
    "symmetrical help_text related_query_name db_tablespace limit_choices_to to_field "
    "auto_now auto_now_add through db_table"
)
