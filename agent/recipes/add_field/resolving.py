"""Resolve the facts of a ticket into parameters, and check them against the code.

In the sandbox, Django checks whether the options fit the type, the table and its rows.
"""

import difflib
import keyword
from collections.abc import Callable
from typing import TypeVar

from agent.errors import RequestRefused, TicketUnclear
from agent.recipes.add_field import definition, new_test
from agent.recipes.add_field.definition import UnfitError
from agent.recipes.add_field.find_models import Model, ModelFinder
from agent.recipes.add_field.parameters import Expression, Parameters
from agent.recipes.add_field.request import FieldRequest
from repo_config.detect import Project, Tree

_Fact = TypeVar("_Fact")


def resolve_facts(request: FieldRequest, tree: Tree, project: Project) -> Parameters:
    """Resolve all facts; the error TicketUnclear has the questions and the form, partly filled."""
    if project.django is None:
        raise RequestRefused(
            "This repository is not a Django project, so there is no model to add a field to."
            " If it is one, set `framework: django` in .github/mergewright.yml."
        )
    if project.django.missing:
        raise RequestRefused(project.django.missing)
    finder, problems = ModelFinder(tree, project.django.python_path), list(request.problems)

    def attempt(resolve: Callable[[], _Fact]) -> _Fact | None:
        try:
            return resolve()
        except UnfitError as problem:
            problems.append(str(problem))
        except RecursionError:
            problems.append("the code is nested too deeply")
        return None

    model = attempt(lambda: _find_model(request, finder))
    attempt(lambda: _check_name(request.name, model))
    written = attempt(lambda: _write_definition(request, model))
    test = None
    if model and not problems and request.wants_test:
        test = attempt(lambda: new_test.plan_test(model, request.name, finder, project))
    if model is None or written is None or problems:
        raise explain_unclear(problems, request.fill_form())
    return Parameters(
        app_label=model.app_label,
        model=model.node.name,
        path=model.path,
        line=model.node.lineno,
        name=request.name,
        definition=written,
        migrations=f"{model.app_folder}/migrations".lstrip("/"),
        test=test,
        form=request.fill_form(),
        not_done=request.not_done,
    )


def explain_unclear(problems: list[str], form: str) -> TicketUnclear:
    return TicketUnclear(tuple(map(_write_sentence, problems)), form)


def _write_sentence(words: str) -> str:
    # A name from code keeps the case of its first letter.
    is_word = words.partition(" ")[0].isalpha()
    words = f"{words[:1].upper()}{words[1:]}" if is_word else words
    return words if words.endswith("?") else f"{words.rstrip('.')}."


def _find_model(request: FieldRequest, finder: ModelFinder) -> Model:
    if not request.model:
        raise UnfitError("the model is missing")
    models = finder.find(request.model)
    if len(models) == 1:
        return models[0]
    if models:
        places = ", ".join(sorted(model.description for model in models))
        raise UnfitError(f"`{request.model}` may be {places}")
    problem = f"`{request.model}` is not a model in this repository"
    near = difflib.get_close_matches(request.model.rpartition(".")[2], finder.list_names(), 1, 0.5)
    if likely := finder.find(near[0]) if near else ():
        # The form has the suggestion, so that a person only has to copy it.
        request.model = likely[0].label
        problem += f"; is it {request.model}?"
    if finder.unreadable:
        problem += f" ({', '.join(finder.unreadable[:3])} cannot be read by this Python)"
    raise UnfitError(problem)


def _write_definition(request: FieldRequest, model: Model | None) -> Expression | None:
    call = request.definition
    if call is None:
        raise UnfitError("the field is missing, as in `nickname = models.CharField(max_length=50)`")
    if model is None:
        return None
    written = definition.write_definition(call, model)
    if definition.asks_existing(call, model):
        raise UnfitError(
            "existing rows need a value: a default, null=True, or blank=True for a text"
        )
    return written


def _check_name(name: str, model: Model | None) -> None:
    """Check the name against the class; Django checks it against other models."""
    if not name:
        return  # the definition is missing, too
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise UnfitError(f"`{name}` is not a valid Python name")
    if model and name in model.own_names:
        raise UnfitError(f"`{name}` is taken by {model.description}")
