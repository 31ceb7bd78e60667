"""Runs in the sandbox: let Django make the migrations for one added field, and report on them.

Django's own detector compares what the migrations make with the same and the field: it asks,
names and depends as `makemigrations` does, and finds nothing else. Its questions get the one
answer that the ticket states. Needs the repository's own Django (3.2 or later) and Python 3.9.

Usage: make_migration.py REQUEST        (JSON; see `agent/recipes/add_field/migration.py`)
The report goes to /out/report.json (MERGEWRIGHT_OUT in place of /out). What stands in the way is
its `problem`; the exit code says only whether there is a report.
"""

import ast
import contextlib
import datetime as dt
import importlib
import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import traceback


class Problem(Exception):
    """What stands in the way, in words for people."""


class Unstarted(Problem):
    """Django cannot be started with what the repository says of it."""


def main(argv):
    """Make the migrations; always leave a report."""
    request = json.loads(argv[1])
    report = {"problem": None, "unstarted": False, "switched_off": []}
    try:
        make_project_migrations(request, report)
    except Problem as problem:
        report.update(problem=str(problem), unstarted=isinstance(problem, Unstarted))
    except SystemExit as stopped:
        report["problem"] = "the project's code ended the process (exit code %r)" % stopped.code
    except BaseException as problem:  # settings and models are foreign code
        traceback.print_exc()
        report["problem"] = "%s: %s" % (type(problem).__name__, problem)
    folder = os.environ.get("MERGEWRIGHT_OUT", "/out")
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, sort_keys=True)
    if report["problem"]:
        print(report["problem"], file=sys.stderr)


def make_project_migrations(request, report):
    """Start Django by the project's own manage.py where there is one, then make the migrations."""
    root = os.getcwd()
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.path.dirname(__file__))]
    folders = [os.path.join(root, name).rstrip("/") for name in ("", *request["python_path"])]
    sys.path[:0] = [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    settings = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    try:
        from django.core import management
    except ImportError as problem:
        raise Problem(
            "Django is not in the repository's environment: nothing that it declares asks "
            "for it. Name it in .github/mergewright.yml: `python: {install: [django]}`"
        ) from problem
    done = []

    def work(argv=None):
        if not done:
            done.append(True)
            if settings:
                os.environ["DJANGO_SETTINGS_MODULE"] = settings
            start_django(settings_named())
            make(request, report, root)

    if request["manage"]:
        manage = os.path.join(root, request["manage"])
        os.chdir(os.path.dirname(manage))
        sys.path.insert(0, os.path.dirname(manage))
        sys.argv[:] = [manage, "makemigrations"]
        management.execute_from_command_line = work
        runpy.run_path(manage, run_name="__main__")
    work()


def settings_named():
    """The settings in use, for people."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    return "the settings module %s" % module if module else "the settings of manage.py"


def start_django(settings):
    """Set Django up with the settings in use."""
    try:
        import django

        django.setup()
    except Exception as problem:
        traceback.print_exc()
        raise Unstarted(
            "Django cannot be started with %s: %s: %s" % (settings, type(problem).__name__, problem)
        ) from problem


def make(request, report, root):
    """Find the tables that get the column, and write what Django's detector makes of it."""
    from django.db.migrations.writer import MigrationWriter

    carriers = find_carriers(request)
    labels = sorted({model._meta.app_label for model in carriers})
    report["switched_off"] = switch_migrations_on(labels)
    for label in labels:
        check_migrations_module(label, root)
    for model in carriers:
        check_field(model, request)
    set_clock()
    changes = find_migrations(request, carriers)
    writers = [MigrationWriter(one) for made in changes.values() for one in made]
    write_files(changes)
    paths = [os.path.relpath(os.path.realpath(one.path), os.path.realpath(root)) for one in writers]
    format_files(request["formatters"], paths, root)


def write_files(changes):
    """Write them by the project's own `makemigrations`, which may keep more beside them."""
    from django.core import management
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader

    MigrationAutodetector.changes = lambda *_, **__: changes
    # No database has a history here.
    MigrationLoader.check_consistent_history = lambda *_: None
    management.call_command("makemigrations", *changes, interactive=False, verbosity=0)


# --- what gets the column --------------------------------------------------------------------


def find_carriers(request):
    """The models whose tables get the column, as Django sees them."""
    from django.apps import apps

    found = []
    for label, name in request["models"]:
        try:
            model = apps.get_model(label, name)
        except LookupError as problem:
            raise Problem(
                "%s.%s is not among the installed models (%s). Is its app in INSTALLED_APPS of %s? "
                "Name other settings in .github/mergewright.yml: `django: {settings: ...}`"
                % (label, name, problem, settings_named())
            ) from problem
        if model._meta.swapped:
            raise Problem("%s is swapped for %s" % (model._meta.label, model._meta.swapped))
        if not model._meta.managed or model._meta.proxy:
            raise Problem("%s has no table that migrations change" % model._meta.label)
        found.append(model)
    return found


def switch_migrations_on(labels):
    """Undo MIGRATION_MODULES where it only says that there are none: test settings often do."""
    from django.apps import apps
    from django.conf import settings

    given = settings.MIGRATION_MODULES
    stated = {}
    for config in apps.get_app_configs():
        if config.label in given:
            stated[config.label] = given[config.label]
    off = [label for label in labels if label in stated and not is_there(stated[label])]
    if off:
        settings.MIGRATION_MODULES = {k: v for k, v in stated.items() if k not in off}
    return off


def is_there(module):
    """Whether a module named in MIGRATION_MODULES exists."""
    try:
        return module is not None and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check_migrations_module(label, root):
    """The app's migrations must be where the app is, inside the tree."""
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    name, explicit = MigrationLoader.migrations_module(label)
    if explicit and name != "%s.migrations" % apps.get_app_config(label).name:
        raise Problem(
            "MIGRATION_MODULES in %s sends migrations of %s to %s. Name settings "
            "without it in .github/mergewright.yml: `django: {settings: ...}`"
            % (settings_named(), label, name)
        )
    folder = os.path.realpath(os.path.dirname(importlib.import_module(name).__file__ or ""))
    if not folder.startswith(os.path.realpath(root) + os.sep):
        raise Problem(
            "the app %s is loaded from %s, outside the repository; its migrations are not made "
            "here" % (label, folder)
        )


def check_field(model, request):
    """Django's own checks must allow the field, and the field its default and existing values."""
    from django.core import checks, exceptions

    field, existing = model._meta.get_field(request["field"]), request["existing"]
    found = field.check(from_model=model)
    refused = [one.msg for one in found if one.level >= checks.ERROR]
    if refused:
        raise Problem("Django does not allow %s: %s" % (field.name, " ".join(refused)))
    given = [field.default] if field.has_default() else []
    given += [stated_value(existing)] if existing else []
    for value in given:
        if value is None or callable(value):
            continue
        try:
            field.run_validators(field.to_python(value))
        except exceptions.ValidationError as problem:
            raise Problem(
                "%r is no value of %s: %s" % (value, field.name, " ".join(problem.messages))
            ) from problem


# --- the migrations ------------------------------------------------------------------------------


def stated_value(given):
    """The value for existing rows, built from its description: a literal, a symbol or a call."""
    if given["kind"] == "literal":
        return ast.literal_eval(given["text"])
    value = importlib.import_module(given["module"] or "builtins")
    for part in given["name"].split("."):
        value = getattr(value, part)
    if given["kind"] == "symbol":
        return value
    call = ast.parse("f(%s)" % given["text"], mode="eval").body
    args = [ast.literal_eval(arg) for arg in call.args]
    return value(*args, **{w.arg: ast.literal_eval(w.value) for w in call.keywords})


def set_clock():
    """Let names and headers show when the run began: done again, it makes the same files."""
    from django.db.migrations import migration, writer

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return
    began = dt.datetime.fromtimestamp(int(epoch), dt.timezone.utc)
    writer.now = lambda: began
    if hasattr(migration, "get_migration_name_timestamp"):
        migration.get_migration_name_timestamp = lambda: began.strftime("%Y%m%d_%H%M")


def find_migrations(request, carriers):
    """What Django's detector makes of the field alone, whatever else base has no migration for."""
    from django.apps import apps
    from django.core.exceptions import FieldDoesNotExist
    from django.db.migrations import AddField
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, ignore_no_migrations=True)
    before = loader.project_state()
    after = before.clone()
    for model in carriers:
        label, name = model._meta.app_label, model._meta.model_name
        if leaves := loader.detect_conflicts().get(label):
            raise Problem("%s has several last migrations: %s" % (label, ", ".join(sorted(leaves))))
        if (label, name) not in before.models:
            raise Problem("no migration of base makes the table of %s" % model._meta.label)
        # The table of its history has the same columns, but for those that it leaves out.
        for each in (name, "historical" + name):
            with contextlib.suppress(LookupError, FieldDoesNotExist):
                field = apps.get_model(label, each)._meta.get_field(request["field"])
                AddField(each, field.name, field.clone()).state_forwards(label, after)
    detector = MigrationAutodetector(before, after, make_questioner(request))
    return detector.changes(graph=loader.graph)


def make_questioner(request):
    """One that knows the value for existing rows."""
    from django.db.migrations.questioner import MigrationQuestioner

    class Questioner(MigrationQuestioner):
        def ask_not_null_addition(self, field_name, model_name):
            if request["existing"] is None:
                raise Problem(
                    "Django asks which value existing rows of %s get for the new %s, and the "
                    "ticket does not say" % (model_name, field_name)
                )
            return stated_value(request["existing"])

        ask_auto_now_add_addition = ask_not_null_addition

        def ask_unique_callable_default_addition(self, field_name, model_name):
            raise Problem(
                "%s of %s is unique, and its default would be the same for all existing rows"
                % (field_name, model_name)
            )

    return Questioner()


# --- files -----------------------------------------------------------------------------------


def format_files(formatters, paths, root):
    """Give new files the shape that the repository's own checks will ask for.

    The tools are called so that the repository's exclusions hold, as they do in those checks.

    Args:
        formatters: Each tool with the options that the checks run it with, in their order.
    """
    if not paths:
        return
    # black applies exclusions only to what it finds by itself.
    only = "|".join("/%s$" % re.escape(path) for path in paths)
    commands = {
        "ruff check": (["ruff", "check", "-q", "--no-cache", "--force-exclude", "--fix"], paths),
        "ruff format": (["ruff", "format", "-q", "--no-cache", "--force-exclude"], paths),
        "isort": (["isort", "-q", "--filter-files"], paths),
        "black": (["black", "-q"], ["--include", only, "."]),
    }
    for formatter, told in formatters:
        start, targets = commands[formatter]
        # The version that the repository pins comes before any other.
        program = shutil.which("/tools/{0}/bin/{0}".format(start[0])) or shutil.which(start[0])
        if program:
            command = [program, *start[1:], *told, *targets]
            # What goes wrong here is seen by the check, which then withholds the change.
            subprocess.run(command, cwd=root, capture_output=True, check=False)


if __name__ == "__main__":
    main(sys.argv)
