"""Have Django make the migration for one added field, and report on it.

Django's own detector compares what the migrations make with the same and the field: it asks,
names and depends as `makemigrations` does, and finds nothing else. Its questions get the one
answer that the ticket states.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import traceback

import mergewright_report


class MigrationProblem(Exception):
    """What prevents the migration, in words for people."""

    def __init__(self, words, kind="failed"):
        """Its kind: "unfit" is a fault of the ticket."""
        super().__init__(words)
        self.kind = kind


def make_migration(order, set_up, switch_on):
    """Make it, and return what is to be known of it; what prevents it is its `problem`.

    Args:
        set_up: Sets Django up; what fails there is a fault of the project, but for the field.
        switch_on: Undoes settings by which migrations are disabled; returns the apps.
    """
    request, said = order["field"], {"switched_off": [], "histories": [], "problem": "", "kind": ""}
    request["path"] = os.path.realpath(os.path.join(order["tree"], request["path"]))
    try:
        set_up()
    except Exception as problem:
        codes = [frame.f_code for frame, _ in traceback.walk_tb(problem.__traceback__)]
        # The body of the model's class, which is as it was but for the field.
        if not any(is_of_model(code.co_name, code.co_filename, request) for code in codes):
            raise
        words = mergewright_report.describe_exception(type(problem), problem)
        return dict(said, problem="Django rejects the field: %s" % words, kind="unfit")
    try:
        make_files(request, said, order["tree"], switch_on)
    except MigrationProblem as problem:
        said.update(problem=str(problem), kind=problem.kind)
    except Exception as problem:  # models are foreign code
        traceback.print_exc()
        words = mergewright_report.describe_exception(type(problem), problem)
        said.update(problem=words, kind="failed")
    return said


def is_of_model(name, file, request):
    """Whether a class, by its name and its file, is that of the ticket."""
    return name == request["model"] and os.path.realpath(file or "") == request["path"]


def make_files(request, said, tree, switch_on):
    """Write what Django's detector makes of the field."""
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.writer import MigrationWriter

    model = find_model(request)
    meta = model._meta
    said["switched_off"] = [label for label in switch_on() if label == meta.app_label]
    loader = MigrationLoader(None, ignore_no_migrations=True)
    before = loader.project_state()
    if (meta.app_label, meta.model_name) not in before.models:
        raise MigrationProblem(
            "no existing migration creates the table of %s. Run `python manage.py makemigrations"
            " %s` on the base branch and commit the result" % (meta.label, meta.app_label)
        )
    check_field(model, request)
    changes = find_migrations(request, said, model, loader, before)
    writers = [MigrationWriter(migration) for made in changes.values() for migration in made]
    paths = [os.path.relpath(os.path.realpath(writer.path), tree) for writer in writers]
    for path in paths:
        if os.path.dirname(path) != request["folder"]:
            raise MigrationProblem(
                "with %s the migration would be %s, not in %s. Set other settings, without"
                " MIGRATION_MODULES, in .github/mergewright.yml: `django: {settings: ...}`"
                % (name_settings(), path, request["folder"])
            )
    write_files(changes)
    format_files(request["formatters"], paths, tree)


def name_settings():
    """The settings in use, for people."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    return "the settings module %s" % module if module else "the settings of manage.py"


def write_files(changes):
    """Write them by the project's own `makemigrations`, which may keep more next to them."""
    from django.core import management
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader

    MigrationAutodetector.changes = lambda *_, **__: changes
    # No database has a history here.
    MigrationLoader.check_consistent_history = lambda *_: None
    # Django formats by any black on the path: the project's own counts, and not one of ours.
    path, os.environ["PATH"] = os.environ["PATH"], os.path.join(sys.prefix, "bin")
    try:
        management.call_command("makemigrations", *changes, interactive=False, verbosity=0)
    finally:
        os.environ["PATH"] = path


# --- the model -------------------------------------------------------------------------------


def find_model(request):
    """Find it as Django sees it."""
    from django.apps import apps

    for model in apps.get_models():
        file = getattr(sys.modules.get(model.__module__), "__file__", "")
        if is_of_model(model.__name__, file, request):
            return model
    raise MigrationProblem(
        "%s is not an installed model with its own table. Is its app in INSTALLED_APPS of"
        " %s? Set other settings in .github/mergewright.yml: "
        "`django: {settings: ...}`" % (request["label"], name_settings())
    )


def check_field(model, request):
    """Django's own checks must allow the field, and the field its default and existing values."""
    from django.core import checks, exceptions

    field, existing = model._meta.get_field(request["name"]), request["existing"]
    about = "'%s'" % field.name
    found = [said for said in model.check() if said.obj == field or about in said.msg]
    found = [said for said in found if said.level >= checks.WARNING and not said.is_silenced()]
    if found:
        refused = " ".join(said.msg for said in found)
        raise MigrationProblem("Django does not allow %s: %s" % (field.name, refused), "unfit")
    if field.primary_key:
        raise MigrationProblem("%s has a primary key already" % model._meta.label, "unfit")
    if field.unique and (existing or field.has_default() or not field.null):
        raise MigrationProblem(
            "a unique field needs null=True: one value cannot fit all rows", "unfit"
        )
    given = [field.default] if field.has_default() else []
    given += [stated_value(request, model)] if existing else []
    for value in given:
        if value is None or callable(value):
            continue
        try:
            field.run_validators(field.to_python(value))
        except exceptions.ValidationError as problem:
            raise MigrationProblem(
                "%r is not a valid value of %s: %s"
                % (value, field.name, " ".join(problem.messages)),
                "unfit",
            ) from problem


# --- the migrations ------------------------------------------------------------------------------


def stated_value(request, model):
    """The value for existing rows: literals, names of the model's file and calls of them."""
    given, names = request["existing"], dict(vars(sys.modules[model.__module__]))
    try:
        exec("\n".join(given["imports"]), names)  # noqa: S102 - as it is in the model's file
        return eval(given["code"], names)  # noqa: S307
    except Exception as problem:
        raise MigrationProblem(
            "%s cannot be created: %r" % (given["code"], problem), "unfit"
        ) from problem


def find_migrations(request, said, model, loader, before):
    """What Django's detector makes of the field alone, whatever else base has no migration for.

    It has to be the column of the table, and of its history, and nothing else.
    """
    from django.apps import apps
    from django.core.exceptions import FieldDoesNotExist
    from django.db.migrations import AddField
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import MigrationQuestioner

    label, name = model._meta.app_label, model._meta.model_name
    after, asked, missing = before.clone(), [], set()
    if leaves := loader.detect_conflicts().get(label):
        raise MigrationProblem(
            "%s has conflicting migrations (several leaf nodes): %s"
            % (label, ", ".join(sorted(leaves)))
        )
    # The table of its history has the same columns, but for the ones that it leaves out.
    for each in (name, "historical" + name):
        with contextlib.suppress(LookupError, FieldDoesNotExist):
            field = apps.get_model(label, each)._meta.get_field(request["name"])
            AddField(each, field.name, field.clone()).state_forwards(label, after)
            missing.add((label, each))
            said["histories"] += [model._meta.label] if each != name else []

    class Questioner(MigrationQuestioner):
        def ask_not_null_addition(self, field_name, model_name):
            if request["existing"] is None:
                raise MigrationProblem(
                    "existing rows of %s need a value for the new %s: a default, null=True, or"
                    " a one-time value" % (model_name, field_name),
                    "unfit",
                )
            asked.append(model_name)
            return stated_value(request, model)

        ask_auto_now_add_addition = ask_not_null_addition

    changes = MigrationAutodetector(before, after, Questioner()).changes(graph=loader.graph)
    made = ((label, each) for label, several in changes.items() for each in several)
    unasked = []
    for label, operation in ((label, one) for label, each in made for one in each.operations):
        is_column = isinstance(operation, AddField) and operation.name == request["name"]
        column = (label, operation.model_name_lower) if is_column else None
        if column in missing:
            missing.remove(column)
        else:
            unasked.append(operation.describe())
    if unasked:
        raise MigrationProblem(", ".join(unasked), "unasked")
    if missing:
        raise MigrationProblem(
            "no migration adds %s to %s. Is there one already?"
            % (request["name"], model._meta.label)
        )
    if request["existing"] and not asked:
        given = model._meta.get_field(request["name"]).get_default()
        if stated_value(request, model) != given:
            raise MigrationProblem(
                "existing rows get %r anyway; remove the default for existing rows" % (given,),
                "unfit",
            )
    return changes


# --- files -----------------------------------------------------------------------------------


def format_files(formatters, paths, root):
    """Give new files the shape that the repository's own checks will ask for.

    The tools are called so that the repository's exclusions apply, as they do in those checks.

    Args:
        formatters: Each tool with the options that the checks run it with, in their order.
    """
    # black applies exclusions only to what it finds by itself.
    only = "|".join("/%s$" % re.escape(path) for path in paths)
    commands = {
        "ruff check": (["ruff", "check", "-q", "--no-cache", "--force-exclude", "--fix"], paths),
        "ruff format": (["ruff", "format", "-q", "--no-cache", "--force-exclude"], paths),
        "isort": (["isort", "-q", "--filter-files"], paths),
        "black": (["black", "-q"], ["--include", only, "."]),
    }
    for formatter, options in formatters:
        start, targets = commands[formatter]
        # The version that the repository pins comes before any other.
        program = shutil.which("/tools/{0}/bin/{0}".format(start[0])) or shutil.which(start[0])
        if program:
            command = [program, *start[1:], *options, *targets]
            # The check sees what goes wrong here, and then withholds the change.
            subprocess.run(command, cwd=root, capture_output=True, check=False)
