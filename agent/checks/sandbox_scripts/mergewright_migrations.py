"""Ask Django itself for missing migrations, conflicts and system check messages.

The project's own manage.py runs first, if there is one, for its effects on `sys.path` and the
environment. django-migration-linter reads new migrations; that serves the reviewer.

Arguments: `makemigrations`, `check`, `lintmigrations`; or `field`, which makes the migration for
one.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import sys

import mergewright_report

#: Operations that rules read in the source.
_NAMED = {"RemoveField", "DeleteModel", "RenameField", "RenameModel", "AlterModelTable"}
_UNIQUE = {"AlterUniqueTogether", "AddConstraint", "AlterField", "RunSQL"}
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: As `makemigrations` prints them; before Django 5 all operations begin with a minus.
_APP, _OPERATION = re.compile(r"Migrations for '(.+)':"), re.compile(r"    [-+~] (.+)")


def main():
    job = sys.argv[1]
    order, report = mergewright_report.begin()
    whole_path, python_path = list(sys.path), order["python_path"]
    try:
        from django.core import management
    except ImportError:
        # Django itself is in the tree.
        sys.path[:] = [*python_path, *whole_path]
        from django.core import management
    sys.path[:] = [*python_path, *whole_path]
    if order["manage"]:
        # Python puts the script's folder first; the others come after it.
        folder = os.path.dirname(os.path.abspath(order["manage"]))
        sys.path[:] = [folder, *whole_path, *python_path]
    jobs = {
        "makemigrations": find_missing_migrations,
        "check": run_system_check,
        "lintmigrations": lint_new_migrations,
    }
    answers = []

    def work(argv=None):
        if answers:
            return
        answers.append(None)
        if order["settings"]:
            os.environ["DJANGO_SETTINGS_MODULE"] = order["settings"]
        import django

        if job == "field":
            import mergewright_field  # it imports more of Django than the others need

            answers[0] = {"items": ()}
            report.add(
                job,
                **mergewright_field.make_migration(order, django.setup, lambda: switch_on(order)),
            )
            return
        django.setup()
        answers[0] = jobs[job](order)
        report.add("django", **answers[0])

    def enter():
        if order["manage"]:
            management.execute_from_command_line = work
            sys.argv[:] = [order["manage"], job]
            runpy.run_path(order["manage"], run_name="__main__")
        work()
        return int(any(item["fails"] for item in answers[0]["items"]))

    ended = "the project ended the process with exit code %s"
    mergewright_report.leave(report, order["tree"], enter, ended)


# --- migrations ------------------------------------------------------------------------------


def find_missing_migrations(order):
    """Ask the project's own makemigrations what it would write."""
    from django.core.management import CommandError, call_command
    from django.utils import translation

    # As on the command line: migrations have names as they are written.
    translation.deactivate_all()
    for label in switch_on(order):
        print("%s: its migrations are disabled in the settings; they were checked anyway" % label)
    printed, code, options = io.StringIO(), 0, {"check_changes": True, "dry_run": True}
    try:
        call_command("makemigrations", interactive=False, stdout=printed, stderr=printed, **options)
    except CommandError as problem:
        code = 1
        printed.write("%s\n" % problem)
    except SystemExit as end:
        code = end.code or 0
    lines = printed.getvalue().splitlines()
    print("\n".join(lines))
    text = "The models have this change, but no migration does."
    items, label = [], ""
    for line in lines:
        if found := _APP.match(line):
            label = found[1]
        elif found := _OPERATION.match(line):
            items.append(_make_item("%s: %s" % (label, _ADDRESS.sub("", found[1])[:400]), text))
    if code and not items:
        said = lines[-1] if lines else "exit code %s" % code
        items.append(_make_item("makemigrations: %s" % said[:400], "It cannot be answered."))
    return {"items": items}


def _make_item(name, text, *, fails=True, place=""):
    return {"id": name, "text": text, "fails": fails, "place": place}


def _is_own(config, order):
    path = os.path.realpath(config.path)
    inside = order["tree"].rstrip("/") + "/"
    return path.startswith(inside) and "/site-packages/" not in path


def _list_own(order):
    from django.apps import apps

    return {config.label: config for config in apps.get_app_configs() if _is_own(config, order)}


def switch_on(order):
    """Undo MIGRATION_MODULES where it hides migrations that are there; return those apps.

    Test settings often do so to be fast; for this question it would mean that none is missing.
    """
    from django.apps import apps
    from django.conf import settings
    from django.db.migrations.loader import MigrationLoader

    given = settings.MIGRATION_MODULES
    loader = MigrationLoader(None, load=False, ignore_no_migrations=True)
    loader.load_disk()
    found = {label for label, _ in loader.disk_migrations}
    switched_off = [
        label
        for label, config in _list_own(order).items()
        if label in given and label not in found and _has_migrations(config.path)
    ]
    labels = {config.label for config in apps.get_app_configs()}.difference(switched_off)
    settings.MIGRATION_MODULES = {label: given[label] for label in labels if label in given}
    return switched_off


def _has_migrations(path):
    folder = os.path.join(path, "migrations")
    return os.path.isdir(folder) and any(
        name.endswith(".py") and name != "__init__.py" for name in os.listdir(folder)
    )


# --- new migrations --------------------------------------------------------------------------


def lint_new_migrations(order):
    """Have django-migration-linter read the new migrations, each with the SQL that it runs."""
    from django.db import connection
    from django_migration_linter import MigrationLinter

    switch_on(order)
    items, issues = {}, []

    class Linter(MigrationLinter):
        def print_errors(self, errors):
            issues.extend(errors)

        print_warnings = print_errors

    linter = Linter(no_cache=True, no_output=True)
    for migration in linter.migration_loader.disk_migrations.values():
        file = sys.modules[type(migration).__module__].__file__
        path = mergewright_report.relative_path(file, order["tree"])
        if path in order["new"]:
            del issues[:]
            linter.lint_migration(migration)
            kinds = {type(operation).__name__ for operation in migration.operations}
            for issue in issues:
                code, text = issue.code, "%s: %s" % (issue.code, issue.message)
                # For nearly everything SQLite makes a table anew, with what is unique in it.
                is_remade = code == "NOT_NULL" or (code == "ADD_UNIQUE" and not kinds & _UNIQUE)
                is_known = code.startswith(("DROP_", "RENAME_")) and kinds & _NAMED
                if not ((is_remade and connection.vendor == "sqlite") or is_known):
                    items["%s: %s" % (path, text)] = text, path
    print("\n".join(sorted(items)))
    made = [
        _make_item(key, text, fails=False, place=path)
        for key, (text, path) in sorted(items.items())
    ]
    return {"items": made}


# --- system check ----------------------------------------------------------------------------


def run_system_check(order):
    """Run Django's system checks."""
    from django.core import checks

    messages = [message for message in checks.run_checks() if not message.is_silenced()]
    items = [_describe_message(message, checks.ERROR) for message in messages]
    for item in items:
        print(item["id"])
    print("System check identified %d issue(s)" % len(items))
    return {"items": items}


def _describe_message(message, error):
    from django.db import models

    levels = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
    about = "?" if message.obj is None else message.obj
    if isinstance(about, type) and issubclass(about, models.Model):
        about = about._meta.label
    level = levels.get(message.level, str(message.level))
    text = "%s %s: %s: %s" % (level, message.id or "(no id)", about, message.msg)
    hint = mergewright_report.cut(str(message.hint or ""))
    return _make_item(_ADDRESS.sub("", text)[:600], hint, fails=message.level >= error)


if __name__ == "__main__":
    main()
