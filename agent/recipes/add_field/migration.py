"""The migration: the order for Django in the room, and what is accepted of its work.

What comes back was made where the repository's own code runs, so the files are read here, as
data, and held against what was asked; the report only helps to say what went wrong.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping

from agent.domain import Reason
from agent.errors import EditFailed, RequestRefused
from agent.recipes.add_field import field_types, modules, values
from agent.recipes.add_field.parameters import Carrier, Option, Parameters, Value
from agent.recipes.recipe import ProducingCommand
from repo_config.detect import Project

SCRIPT = "make_migration.py"
_ALLOWED_ATTRIBUTES = frozenset({"dependencies", "operations", "initial", "run_before"})


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
        "formatters": [tool for tool in project.lint_tools if tool in ("black", "ruff")],
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
        for operation in _operations(path, content):
            done, note = _judge(operation, parameters, by_folder[folder])
            if done is None:
                label = by_folder[folder][0].app_label
                unasked.append(f"{label}: {operation.shown()} ({path})")
                continue
            if operation.kind == "AddField":
                covered.add(done)
            if note:
                notes.append(note)
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
            self.kind = (modules.name_of(node.func) or "").rpartition(".")[2]
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


def _operations(path: str, content: bytes) -> list[_Operation]:
    """The operations of a migration file that holds nothing but one plain migration."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError) as problem:
        raise EditFailed(f"{path} was produced, but is not Python: {problem}") from problem
    classes = [one for one in body if isinstance(one, ast.ClassDef)]
    rest = [one for one in body if not isinstance(one, ast.Import | ast.ImportFrom | ast.ClassDef)]
    if len(classes) != 1 or rest or classes[0].name != "Migration" or classes[0].decorator_list:
        raise EditFailed(f"{path} was produced, but holds more than one migration.")
    operations: list[_Operation] = []
    for statement in classes[0].body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) else ""
        if name not in _ALLOWED_ATTRIBUTES or not isinstance(statement, ast.Assign):
            raise EditFailed(f"{path} was produced, but holds more than a migration's operations.")
        if name == "operations":
            if not isinstance(statement.value, ast.List):
                raise EditFailed(f"{path} was produced, but its operations cannot be read.")
            operations += [_Operation(path, one) for one in statement.value.elts]
    return operations


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
    if not field.own_type:
        return  # how a foreign type writes itself down is its own affair
    kind = field_types.BY_NAME[field.type_name]
    words = {word.arg: word.value for word in call.keywords if word.arg}
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
        same = written.rpartition(".")[2] == value.name.rpartition(".")[2]
    elif value.name == "gettext_lazy":
        same = _literal_of(node) == _literal_of(ast.parse(value.text, mode="eval").body)
    elif value.kind == "call":
        same = _same_call(node, value)
    elif value.kind == "local":
        same = True  # the choices of a class of the repository: Django writes them out
    else:
        same = _literal_of(node) == _listed(values.plain(value))
    return None if same else f"`{option.name}` is {written}, not {value.shown()}."


def _same_call(node: ast.expr, value: Value) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = (modules.name_of(node.func) or "").rpartition(".")[2]
    if value.name == "datetime.fromisoformat":
        return called == "datetime"
    asked = ast.parse(f"f({value.text})", mode="eval").body
    if called != value.name or not isinstance(asked, ast.Call):
        return False
    if called in ("timedelta", "time"):  # Django writes the same span in units of its own
        return True
    return [ast.unparse(one) for one in node.args] == [ast.unparse(one) for one in asked.args]


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


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
