"""Turn stated facts into parameters: each is checked against the code, as far as code shows it.

Whether the options fit the type, the table and its rows is for Django to say, in the sandbox.
"""

import ast
import difflib
import keyword
from collections.abc import Callable
from typing import TypeVar

from agent.errors import RequestRefused, TicketUnclear
from agent.recipes.add_field import definition, new_test
from agent.recipes.add_field.definition import UnfitError
from agent.recipes.add_field.models_index import Model, ModelsIndex
from agent.recipes.add_field.parameters import Expression, Parameters
from agent.recipes.add_field.request import FieldRequest
from repo_config.detect import Project, Tree

_Found = TypeVar("_Found")


def resolve_facts(asked: FieldRequest, tree: Tree, project: Project) -> Parameters:
    """Resolve every fact, or answer with the form as far as it is understood."""
    if project.django is None:
        raise RequestRefused(
            "This repository is not a Django project, so there is no model to add a field to."
            " If it is one, set `framework: django` in .github/mergewright.yml."
        )
    if project.django.missing:
        raise RequestRefused(project.django.missing)
    index, name = ModelsIndex(tree, project.django.python_path), asked.name
    problems = list(asked.problems)

    def attempt(find: Callable[[], _Found]) -> _Found | None:
        try:
            return find()
        except UnfitError as problem:
            problems.append(str(problem))
        except RecursionError:
            problems.append("the code is nested too deeply")
        return None

    model = attempt(lambda: _find_model(asked, index))
    attempt(lambda: _check_name(name, model, index))
    written = attempt(lambda: _write_definition(asked, model, index))
    existing = test = None
    if model:
        _require_table(model, index)
        if asked.existing not in ("", "None"):
            given = asked.existing
            existing = attempt(lambda: definition.write_value(definition.read_value(given), model))
    if model and not problems and asked.wants_test:
        test = attempt(lambda: new_test.plan_test(model, name, index, project))
    if model is None or written is None or problems:
        raise explain_unclear(problems, asked.fill_form())
    return Parameters(
        app_label=model.app_label,
        model=model.name,
        path=model.path,
        line=model.line,
        name=name,
        definition=written,
        existing=existing,
        migrations=model.migrations,
        test=test,
        form=asked.fill_form(),
        not_done=asked.not_done,
    )


def explain_unclear(problems: list[str], form: str) -> TicketUnclear:
    return TicketUnclear(tuple(map(_write_sentence, problems)), form)


def _write_sentence(words: str) -> str:
    first, end = words.partition(" ")[0], "" if words.endswith("?") else "."
    # Names stay as they are.
    words = f"{words[:1].upper()}{words[1:]}" if first.isalpha() else words
    return f"{words.rstrip('.')}{end}"


def _find_model(asked: FieldRequest, index: ModelsIndex) -> Model:
    if not asked.model:
        raise UnfitError("the model is missing")
    known = [model for model in index.models if model.is_called(asked.model)]
    known = [model for model in known if not model.test_only] or known
    if len(known) == 1:
        return known[0]
    if known:
        places = ", ".join(sorted(model.description for model in known))
        raise UnfitError(f"`{asked.model}` may be {places}")
    problem = f"`{asked.model}` is not a model in this repository"
    labels = {model.name: model.label for model in index.models if not model.test_only}
    near = difflib.get_close_matches(asked.model.rpartition(".")[2], labels, n=1, cutoff=0.5)
    if near:
        # To agree, a person has only to copy the form.
        asked.model = labels[near[0]]
        problem += f"; is it {asked.model}?"
    if index.unreadable:
        problem += f" ({', '.join(index.unreadable[:3])} cannot be read by this Python)"
    raise UnfitError(problem)


def _write_definition(
    asked: FieldRequest, model: Model | None, index: ModelsIndex
) -> Expression | None:
    call = asked.definition
    if call is None:
        raise UnfitError(asked.unread or "the field's type is missing")
    if not isinstance(call, ast.Call):
        code = definition.format_code(call)
        options = (
            '"app.Model", on_delete=models.PROTECT' if code.endswith("Key") else "max_length=50"
        )
        raise UnfitError(f"the options of {code} are missing, as in `{code}({options})`")
    if model is None:
        return None
    written = definition.write_definition(call, model, index)
    if not asked.existing and definition.asks_existing(call, model):
        raise UnfitError("existing rows need a value: a default, null=True, or a one-time value")
    return written


def _require_table(model: Model, index: ModelsIndex) -> None:
    if model.meta.get("proxy") is True:
        parents = " or ".join(parent.label for parent in model.parents) or "its parent"
        raise RequestRefused(
            f"{model.description} is a proxy model: it has no table of its own. "
            f"Ask for the field on {parents}."
        )
    if model.meta.get("abstract") is True:
        children = " or ".join(child.label for child in index.find_children(model))
        raise RequestRefused(
            f"{model.description} is abstract: it has no table of its own. "
            f"Ask for the field on {children or 'a model that inherits from it'}."
        )
    if model.meta.get("managed") is False:
        raise RequestRefused(
            f"{model.description} is unmanaged (`managed = False`): Django does not change its "
            "table, so no migration can add the column. Change the table where it is managed."
        )


def _check_name(name: str, model: Model | None, index: ModelsIndex) -> None:
    """Compare the name with those of the model, its parents and its children.

    What installed packages and reverse names take is found by Django's own checks.
    """
    if not name:
        raise UnfitError("the field's name is missing")
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise UnfitError(f"`{name}` is not a valid Python name")
    if name.endswith("_") or "__" in name or name in ("pk", "id"):
        raise UnfitError(f"`{name}` is not allowed by Django")
    for owner in (model, *model.list_ancestors(), *index.find_children(model)) if model else ():
        if name in owner.names:
            raise UnfitError(f"`{name}` is taken by {owner.name} ({owner.path}:{owner.line})")
