"""Whether a field may have a certain name on a certain model, and which reverse names are taken."""

from __future__ import annotations

import ast
import keyword
from dataclasses import dataclass

from agent.recipes import modules, word_lists
from agent.recipes.add_field.model_classes import Model
from agent.recipes.add_field.models_index import ModelsIndex

#: What every Django model has by itself.
_OF_EVERY_MODEL = word_lists.words(
    "DoesNotExist MultipleObjectsReturned NotUpdated Meta adelete arefresh_from_db "
    "asave check clean clean_fields date_error_message delete from_db full_clean "
    "get_constraints get_deferred_fields objects pk prepare_database_save "
    "refresh_from_db save save_base serializable_value unique_error_message "
    "validate_constraints validate_unique"
)

#: Fields and attributes of Django's own base models.
_OF_BASES = {
    "AbstractBaseUser": "password last_login is_active check_password set_password is_anonymous "
    "is_authenticated natural_key get_username get_session_auth_hash has_usable_password "
    "set_unusable_password normalize_username REQUIRED_FIELDS",
    "PermissionsMixin": "is_superuser groups user_permissions has_perm has_perms has_module_perms "
    "get_all_permissions get_group_permissions get_user_permissions",
    "AbstractUser": "username first_name last_name email is_staff is_active date_joined password "
    "last_login is_superuser groups user_permissions get_full_name get_short_name email_user "
    "check_password set_password has_perm has_perms EMAIL_FIELD USERNAME_FIELD REQUIRED_FIELDS",
}


def unfit(name: str) -> str | None:
    """Say why no field may have this name, or nothing."""
    if not name.isidentifier() or not name.isascii():
        plain = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)
        plain = "_".join(part for part in plain.lower().split("_") if part)
        hint = f" Would `{plain}` do?" if plain.isidentifier() else ""
        return f"“{name}” is no Python identifier and cannot name a field.{hint}"
    if keyword.iskeyword(name):
        return f"`{name}` is a Python keyword and cannot name a field. What is the field's name?"
    if name.endswith("_"):
        return f"`{name}` ends with an underscore, which Django forbids. What is the field's name?"
    if "__" in name:
        return f"`{name}` contains “__”, which Django forbids. What is the field's name?"
    if name == "pk":
        return "`pk` is reserved by Django. What is the field's name?"
    if len(name) > 63:
        return f"`{name[:20]}…` has more than the 63 characters that databases take. Shorten it."
    return None


def spelt(name: str) -> str:
    """A name in one spelling: “colour” is `color`."""
    return name.lower().replace("our", "or")


def alike(loose: str, name: str) -> bool:
    """Whether a word of a title may stand for a field's name: “rank” for `handling_rank`."""
    if spelt(loose) == spelt(name):
        return True
    parts = {part.rstrip("s") for part in name.lower().split("_")}
    return loose.lower() in name.lower() or any(
        part.rstrip("s") in parts for part in loose.lower().split("_")
    )


@dataclass(frozen=True)
class Reverse:
    """A name that a relation of another model puts on this one."""

    name: str
    place: str


def clash(model: Model, name: str, index: ModelsIndex) -> str | None:
    """Say what on the model, above or below it already has this name, or nothing."""
    for one in (model, *model.ancestors()):
        if found := _taken_above(one, model, name):
            return found
    for child in index.children(model):
        if found := _in_body(child, name):
            return (
                f"{found} of {child.name} ({child.path}:{_line(child, name)}), "
                f"which inherits from {model.name}"
            )
    if name == "id" and not _has_primary_key(model):
        return f"the automatic primary key of {model.name}"
    if name in _OF_EVERY_MODEL:
        return "a part of every Django model"
    for reverse in reverses(model, index):
        if reverse.name == name:
            return f"the reverse name that {reverse.place} puts on {model.name}"
    return None


def _taken_above(one: Model, model: Model, name: str) -> str | None:
    if found := _in_body(one, name):
        inherited = "" if one is model else f", which {model.name} inherits from"
        return f"{found} of {one.name} ({one.path}:{_line(one, name)}){inherited}"
    for base in one.external:
        if name in _OF_BASES.get(base.rpartition(".")[2], "").split():
            return f"a part of {base}, which {one.name} inherits from"
    for mixin in one.plain:
        if line := _class_names(mixin.node).get(name):
            return f"an attribute of {mixin.node.name} ({mixin.module.path}:{line})"
    return None


def _line(model: Model, name: str) -> int:
    for candidate in (name, f"{name}_id", name.removesuffix("_id")):
        if candidate in model.names:
            return model.names[candidate]
    return model.line


def _in_body(model: Model, name: str) -> str | None:
    if name in model.fields:
        return "a field"
    if name in model.names:
        return "an attribute"
    relations = {one for one, field in model.fields.items() if _is_single(field.type_name)}
    if name.endswith("_id") and name.removesuffix("_id") in relations:
        return "the column of a relation"
    if f"{name}_id" in model.fields:
        return "a field that would share the column"
    shown = name.removeprefix("get_").removesuffix("_display")
    if name == f"get_{shown}_display" and shown in model.fields:
        return "a method that Django makes for a field"
    return None


def _is_single(type_name: str) -> bool:
    return type_name in ("ForeignKey", "OneToOneField", "ParentalKey")


def _class_names(node: ast.ClassDef) -> dict[str, int]:
    found: dict[str, int] = {}
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[statement.name] = statement.lineno
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement.lineno
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = statement.lineno
    return found


def _has_primary_key(model: Model) -> bool:
    if model.abstract:
        return False
    for one in (model, *model.ancestors()):
        for field in one.fields.values():
            for word in field.call.keywords:
                if word.arg == "primary_key" and isinstance(word.value, ast.Constant):
                    return bool(word.value.value)
    return False


# --- reverse names ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation:
    """A relation of some model to another, as its code states it."""

    model: Model
    name: str
    type_name: str
    related_name: str | None
    line: int
    related_query_name: str | None = None


def relations_to(target: Model, index: ModelsIndex) -> list[Relation]:
    """Relations that point to a model."""
    found: list[Relation] = []
    for model in index.models:
        for one in model.fields.values():
            if not (_is_single(one.type_name) or one.type_name == "ManyToManyField"):
                continue
            words = {word.arg: word.value for word in one.call.keywords}
            node = one.call.args[0] if one.call.args else words.get("to")
            if node is not None and target_of(model, node, index) is target:
                found.append(
                    Relation(
                        model,
                        one.name,
                        one.type_name,
                        _text(words.get("related_name")),
                        one.line,
                        _text(words.get("related_query_name")),
                    )
                )
    return found


def target_of(model: Model, node: ast.expr, index: ModelsIndex) -> Model | None:
    """The model that a relation's first argument means, if it is one of the tree."""
    text = _text(node)
    if text == "self":
        return model
    if text is None:
        dotted = modules.name_of(node)
        return index.model_of(model.module, dotted) if dotted else None
    label, _, name = text.rpartition(".")
    for one in index.models:
        same_app = one.app.label.lower() == (label or model.app.label).lower()
        if one.name.lower() == name.lower() and same_app:
            return one
    return None


def _text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def reverses(target: Model, index: ModelsIndex) -> list[Reverse]:
    """Every reverse name that other models put on this one."""
    found: list[Reverse] = []
    for one in (target, *target.ancestors()):
        for relation in relations_to(one, index):
            place = f"{relation.model.name}.{relation.name} ({relation.model.path}:{relation.line})"
            for name in reverse_names(relation):
                found.append(Reverse(name, place))
    for child in index.children(target):
        if not target.abstract and not child.abstract and not child.proxy:
            found.append(Reverse(child.name.lower(), child.where))
    return found


def reverse_names(relation: Relation) -> tuple[str, ...]:
    """Accessor and query name that a relation puts on its target."""
    stated = relation.related_name or relation.model.meta_text("default_related_name")
    if stated is None and relation.model.abstract:
        return ()  # each child has its own
    if stated and stated.endswith("+"):
        return ()
    lower = relation.model.name.lower()
    if stated:
        filled = stated.replace("%(class)s", lower).replace(
            "%(app_label)s", relation.model.app.label.lower()
        )
        return filled, relation.related_query_name or filled
    accessor = lower if relation.type_name == "OneToOneField" else f"{lower}_set"
    return accessor, relation.related_query_name or lower
