"""Runs in the sandbox: let Django make the migrations for one added field, and report on them.

Django's own detector compares what the migrations make with the same and the field: it asks,
names and depends as `makemigrations` does, and finds nothing else. Its questions get the one
answer that the ticket states. Needs the repository's own Django (3.2 or later) and Python 3.9.

Usage: make_migration.py REQUEST        (JSON; see `agent/recipes/add_field/migration.py`)
The report goes to /out/report.json (MERGEWRIGHT_OUT in place of /out). What prevents the migration
is its `problem`; the exit code says only whether there is a report.
"""

import contextlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import traceback


class MigrationProblem(Exception):
    """What prevents the migration, in words for people."""

    def __init__(self, words, kind="failed"):
        """Its kind: "unfit" is a fault of the ticket, "unstarted" one of the project."""
        super().__init__(words)
        self.kind = kind


def main(argv):
    """Make the migrations; always leave a report."""
    request = json.loads(argv[1])
    report = {"problem": None, "kind": "failed", "switched_off": [], "tables": [], "histories": []}
    try:
        make_project_migrations(request, report)
    except MigrationProblem as problem:
        report.update(problem=str(problem), kind=problem.kind)
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
    root = os.path.realpath(os.getcwd())
    request["path"] = os.path.realpath(os.path.join(root, request["path"]))
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.path.dirname(__file__))]
    folders = [os.path.join(root, name).rstrip("/") for name in ("", *request["python_path"])]
    sys.path[:0] = [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    settings = os.environ.get("DJANGO_SETTINGS_MODULE") or request["settings"]
    try:
        from django.core import management
    except ImportError as problem:
        raise MigrationProblem(
            "Django is not installed in the repository's environment. Declare it as a dependency."
        ) from problem
    done = []

    def work(argv=None):
        if not done:
            done.append(True)
            if settings:
                os.environ["DJANGO_SETTINGS_MODULE"] = settings
            start_django(request)
            make(request, report, root)

    if request["manage"]:
        manage = os.path.join(root, request["manage"])
        os.chdir(os.path.dirname(manage))
        sys.path.insert(0, os.path.dirname(manage))
        sys.argv[:] = [manage, "makemigrations"]
        management.execute_from_command_line = work
        runpy.run_path(manage, run_name="__main__")
    work()


def start_django(request):
    """Set Django up with the settings in use."""
    try:
        import django

        django.setup()
    except Exception as problem:
        traceback.print_exc()
        said = "%s: %s" % (type(problem).__name__, problem)
        codes = [frame.f_code for frame, _ in traceback.walk_tb(problem.__traceback__)]
        # The body of the model's class, which is as it was but for the field.
        if any(is_of_model(code.co_name, code.co_filename, request) for code in codes):
            raise MigrationProblem("Django rejects the field: %s" % said, "unfit") from problem
        raise MigrationProblem(
            "Django cannot be started with %s: %s" % (name_settings(), said), "unstarted"
        ) from problem


def name_settings():
    """The settings in use, for people."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    return "the settings module %s" % module if module else "the settings of manage.py"


def is_of_model(name, file, request):
    """Whether a class, by its name and its file, is that of the ticket."""
    return name == request["model"] and os.path.realpath(file or "") == request["path"]


def make(request, report, root):
    """Find the tables that get the column, and write what Django's detector makes of it."""
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.writer import MigrationWriter

    tables = find_tables(request)
    report["switched_off"] = switch_migrations_on({model._meta.app_label for model in tables})
    loader = MigrationLoader(None, ignore_no_migrations=True)
    before = loader.project_state()
    tables = [model for model in tables if has_migrations(model, before, request)]
    report["tables"] = sorted(model._meta.label for model in tables)
    for model in tables:
        check_field(model, request)
    changes = find_migrations(request, report, tables, loader, before)
    writers = [MigrationWriter(migration) for made in changes.values() for migration in made]
    paths = [os.path.relpath(os.path.realpath(writer.path), root) for writer in writers]
    for path in paths:
        if os.path.dirname(path) not in request["folders"]:
            raise MigrationProblem(
                "with %s the migration would be %s, not in %s. Set other settings, without"
                " MIGRATION_MODULES, in .github/mergewright.yml: `django: {settings: ...}`"
                % (name_settings(), path, " or ".join(request["folders"]))
            )
    if writers:
        write_files(changes)
        format_files(request["formatters"], paths, root)


def write_files(changes):
    """Write them by the project's own `makemigrations`, which may keep more next to them."""
    from django.core import management
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader

    MigrationAutodetector.changes = lambda *_, **__: changes
    # No database has a history here.
    MigrationLoader.check_consistent_history = lambda *_: None
    management.call_command("makemigrations", *changes, interactive=False, verbosity=0)


# --- what gets the column --------------------------------------------------------------------


def find_tables(request):
    """The models whose tables get the column, as Django sees them: an abstract one's children."""
    from django.apps import apps

    found = []
    for model in apps.get_models():
        own = (*model._meta.local_fields, *model._meta.local_many_to_many)
        is_there = model._meta.managed and request["field"] in [field.name for field in own]
        above = [(node.__name__, sys.modules.get(node.__module__)) for node in model.__mro__]
        files = [(name, getattr(module, "__file__", "")) for name, module in above]
        if is_there and any(is_of_model(*file, request) for file in files):
            found.append(model)
    if not found and not request["abstract"]:
        raise MigrationProblem(
            "%s is not an installed model with its own table. Is its app in INSTALLED_APPS of"
            " %s? Set other settings in .github/mergewright.yml: "
            "`django: {settings: ...}`" % (request["label"], name_settings())
        )
    return found


def has_migrations(model, before, request):
    """Whether a migration of base makes the table; a child's app may do without any."""
    meta = model._meta
    if (meta.app_label, meta.model_name) in before.models:
        return True
    if request["abstract"] and meta.app_label not in {label for label, _ in before.models}:
        return False
    raise MigrationProblem(
        "no existing migration creates the table of %s. Run `python manage.py makemigrations"
        " %s` on "
        "the base branch and commit the result" % (meta.label, meta.app_label)
    )


def switch_migrations_on(labels):
    """Undo MIGRATION_MODULES where it only says that there are none: test settings often do."""
    from django.apps import apps
    from django.conf import settings

    given = settings.MIGRATION_MODULES
    known = [config.label for config in apps.get_app_configs() if config.label in given]
    off = [label for label in known if label in labels and given[label] is None]
    if off:
        settings.MIGRATION_MODULES = {label: given[label] for label in known if label not in off}
    return off


def check_field(model, request):
    """Django's own checks must allow the field, and the field its default and existing values."""
    from django.core import checks, exceptions

    field, existing = model._meta.get_field(request["field"]), request["existing"]
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


def find_migrations(request, report, tables, loader, before):
    """What Django's detector makes of the field alone, whatever else base has no migration for.

    It has to be the column of each table, and of its history, and nothing else.
    """
    from django.apps import apps
    from django.core.exceptions import FieldDoesNotExist
    from django.db.migrations import AddField
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import MigrationQuestioner

    after, asked, missing = before.clone(), [], {}
    for model in tables:
        label, name = model._meta.app_label, model._meta.model_name
        if leaves := loader.detect_conflicts().get(label):
            raise MigrationProblem(
                "%s has conflicting migrations (several leaf nodes): %s"
                % (label, ", ".join(sorted(leaves)))
            )
        # The table of its history has the same columns, but for the ones that it leaves out.
        for each in (name, "historical" + name):
            with contextlib.suppress(LookupError, FieldDoesNotExist):
                field = apps.get_model(label, each)._meta.get_field(request["field"])
                AddField(each, field.name, field.clone()).state_forwards(label, after)
                missing[label, each] = model._meta.label
                report["histories"] += [model._meta.label] if each != name else []

    class Questioner(MigrationQuestioner):
        def ask_not_null_addition(self, field_name, model_name):
            if request["existing"] is None:
                raise MigrationProblem(
                    "existing rows of %s need a value for the new %s: a default, null=True, or"
                    " a one-time value" % (model_name, field_name),
                    "unfit",
                )
            asked.append(model_name)
            return stated_value(request, tables[0])

        ask_auto_now_add_addition = ask_not_null_addition

    changes = MigrationAutodetector(before, after, Questioner()).changes(graph=loader.graph)
    made = ((label, each) for label, several in changes.items() for each in several)
    unasked = []
    for label, operation in ((label, one) for label, each in made for one in each.operations):
        is_column = isinstance(operation, AddField) and operation.name == request["field"]
        if not (is_column and missing.pop((label, operation.model_name_lower), None)):
            unasked.append(operation.describe())
    if unasked:
        raise MigrationProblem(", ".join(unasked), "unasked")
    if missing:
        raise MigrationProblem(
            "no migration adds %s to %s. Is there one already?"
            % (request["field"], ", ".join(missing.values()))
        )
    for model in tables if request["existing"] and not asked else ():
        given = model._meta.get_field(request["field"]).get_default()
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


if __name__ == "__main__":
    main(sys.argv)
