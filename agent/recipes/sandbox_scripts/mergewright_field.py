"""Make the migration for one added field by Django's own code, and report on it.

Django's detector compares the state of the migrations with the same state plus the field. So
questions, names and dependencies are those of `makemigrations`; other differences do not matter.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import traceback

import mergewright_report
from django.apps import apps
from django.core import checks, management
from django.core.exceptions import FieldError, ValidationError
from django.db.migrations import AddField
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.writer import MigrationWriter


class MigrationProblem(Exception):
    """The reason why there is no migration, for people; kind "unfit": the ticket is wrong."""

    def __init__(self, words, kind="unfit"):
        super().__init__(words)
        self.kind = kind


def make_migration(order, set_up, switch_on):
    """Make the migration and return a report, with `problem` if there is no migration.

    Args:
        set_up: Sets Django up; an error there is the project's, unless the field causes it.
        switch_on: Enables migrations that the settings disable.
    """
    request = order["field"]
    request["path"] = os.path.realpath(os.path.join(order["tree"], request["path"]))
    report = {"problem": "", "kind": ""}
    is_set_up = False
    try:
        set_up()
        is_set_up = True
        switch_on()
        make_files(request, order["tree"])
    except MigrationProblem as problem:
        report.update(problem=str(problem), kind=problem.kind)
    except Exception as problem:  # models are foreign code and may raise anything
        words = mergewright_report.describe_exception(type(problem), problem)
        report.update(problem=words, kind="failed")
        if not is_set_up:
            codes = [frame.f_code for frame, _ in traceback.walk_tb(problem.__traceback__)]
            # The field is the only new line of the model's class.
            is_inside = any(is_of_model(code.co_name, code.co_filename, request) for code in codes)
            if not (is_inside or isinstance(problem, FieldError)):
                raise
            report.update(problem="Django rejects the field: %s" % words, kind="unfit")
        traceback.print_exc()
    return report


def is_of_model(name, file, request):
    """Whether name and file are those of the ticket's class."""
    return name == request["model"] and os.path.realpath(file or "") == request["path"]


def make_files(request, tree):
    """Write the migrations of the field by the project's own `makemigrations`."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    settings = "the settings module %s" % module if module else "the settings of manage.py"
    model = find_model(request, settings)
    check_field(model, request)
    changes = find_changes(model, request)
    made = [migration for several in changes.values() for migration in several]
    paths = [
        os.path.relpath(os.path.realpath(MigrationWriter(migration).path), tree)
        for migration in made
    ]
    MigrationAutodetector.changes = lambda *_, **__: changes
    # No database in the sandbox has recorded migrations to compare with.
    MigrationLoader.check_consistent_history = lambda *_: None
    # Django formats with the black on the path: only the project's own may be found.
    path, os.environ["PATH"] = os.environ["PATH"], os.path.join(sys.prefix, "bin")
    try:
        management.call_command("makemigrations", *changes, interactive=False, verbosity=0)
    finally:
        os.environ["PATH"] = path
    format_files(request["formatters"], paths, tree)


def find_model(request, settings):
    """Return the model; MigrationProblem: it has no table of its own that migrations change."""

    def is_asked(model):
        file = getattr(sys.modules.get(model.__module__), "__file__", "")
        return is_of_model(model.__name__, file, request)

    model = next(filter(is_asked, apps.get_models()), None)
    if model is None or model._meta.proxy or not model._meta.managed:
        raise MigrationProblem(
            "%s has no table that migrations change: it is abstract, a proxy, unmanaged, or not"
            " in INSTALLED_APPS of %s. Ask for the field on another model, or set other settings"
            " in .github/mergewright.yml: `django: {settings: ...}`" % (request["label"], settings)
        )
    return model


def check_field(model, request):
    """Check the field by Django's checks, and its default by its validators."""
    name = request["name"]
    owners = [base for base in model.__mro__[1:] if vars(base).get(name) is not None]
    if owners:
        raise MigrationProblem("`%s` is taken by %s" % (name, owners[0].__name__))
    field = model._meta.get_field(name)
    about = [word for word in model.check() if word.obj == field or "'%s'" % name in word.msg]
    about = [word.msg for word in about if word.level >= checks.WARNING and not word.is_silenced()]
    if about:
        raise MigrationProblem("Django does not allow %s: %s" % (name, " ".join(about)))
    if field.primary_key:
        raise MigrationProblem("%s has a primary key already" % request["label"])
    if field.unique and (field.has_default() or not field.null):
        raise MigrationProblem("a unique field needs null=True: one value cannot fit all rows")
    value = field.default if field.has_default() else None
    try:
        if not (value is None or callable(value)):
            field.run_validators(field.to_python(value))
    except ValidationError as problem:
        raise MigrationProblem(
            "%r is not a valid value of %s: %s" % (value, name, " ".join(problem.messages))
        ) from problem


def find_changes(model, request):
    """Return the detector's changes for the field alone, without other missing migrations.

    MigrationProblem: they are not exactly the new column of the table.
    """
    label, table, name = model._meta.app_label, model._meta.model_name, request["name"]
    loader = MigrationLoader(None, ignore_no_migrations=True)
    before = loader.project_state()
    if (label, table) not in before.models:
        raise MigrationProblem(
            "no existing migration creates the table of %s. Run `python manage.py makemigrations"
            " %s` on the base branch and commit the result" % (model._meta.label, label),
            "failed",
        )
    after = before.clone()
    AddField(table, name, model._meta.get_field(name).clone()).state_forwards(label, after)

    class Questioner(MigrationQuestioner):
        def ask_not_null_addition(self, field_name, model_name):
            raise MigrationProblem(
                "existing rows of %s need a value for the new %s: a default or null=True"
                % (model_name, field_name)
            )

        ask_auto_now_add_addition = ask_not_null_addition

    changes = MigrationAutodetector(before, after, Questioner()).changes(graph=loader.graph)
    require_column(changes, model, name)
    return changes


def require_column(changes, model, name):
    """Raise MigrationProblem unless the changes add the field to the model's table alone."""
    column, count, unasked = (model._meta.app_label, model._meta.model_name, name), 0, []
    for app, migrations in changes.items():
        for operation in (item for migration in migrations for item in migration.operations):
            table = getattr(operation, "model_name_lower", "")
            if isinstance(operation, AddField) and (app, table, operation.name) == column:
                count += 1
            else:
                unasked.append(operation.describe())
    if unasked:
        raise MigrationProblem(", ".join(unasked), "unasked")
    if count != 1:
        words = "no migration adds %s to %s. Is there one already?"
        raise MigrationProblem(words % (name, model._meta.label), "failed")


def format_files(formatters, paths, root):
    """Format new files with the repository's tools and their options, in order."""
    # black applies its exclusions only to files that it finds itself, so no path is passed.
    only = "|".join("/%s$" % re.escape(path) for path in paths)
    commands = {
        "ruff check": ["ruff", "check", "-q", "--no-cache", "--force-exclude", "--fix", *paths],
        "ruff format": ["ruff", "format", "-q", "--no-cache", "--force-exclude", *paths],
        "isort": ["isort", "-q", "--filter-files", *paths],
        "black": ["black", "-q", "--include", only, "."],
    }
    for formatter, options in formatters:
        name, *words = commands[formatter]
        # A version that the repository pins is in /tools and comes first.
        program = shutil.which("/tools/{0}/bin/{0}".format(name)) or shutil.which(name)
        if program:
            # Failures are ignored: the repository's checks report unformatted files.
            command = [program, *words, *options]
            subprocess.run(command, cwd=root, capture_output=True, check=False)
