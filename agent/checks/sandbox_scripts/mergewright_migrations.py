"""Ask Django itself for missing migrations, conflicts and system check messages.

The project's own manage.py runs first, if there is one, for its effects on `sys.path` and the
environment. Then Django's own autodetector is asked, no command of the project. Each question has a
deliberate mistake in it, which the answer has to name. django-migration-linter reads new
migrations; that proves nothing, and serves the reviewer.

Arguments: `makemigrations`, `check`, `lintmigrations`; or `field`, which makes the migration for
one.
"""

from __future__ import annotations

import os
import re
import runpy
import sys

import mergewright_entry
import mergewright_field
import mergewright_report

#: Operations that rules read in the source.
_NAMED = {"RemoveField", "DeleteModel", "RenameField", "RenameModel", "AlterModelTable"}
_UNIQUE = {"AlterUniqueTogether", "AddConstraint", "AlterField", "RunSQL"}
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def main():
    job = sys.argv[1]
    order, report = mergewright_entry.begin()
    whole_path, python_path = list(sys.path), order["python_path"]
    sys.path[:] = mergewright_report.own_tools_only(order["tree"])
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
    """Compare models with migrations."""
    from django.db.migrations.loader import MigrationLoader
    from django.utils import translation

    # As makemigrations does: migrations have names as they are written.
    translation.deactivate_all()
    own = _list_own(order)
    switched_off = switch_on(order)
    loader = MigrationLoader(None, ignore_no_migrations=True)
    conflicts, seen = loader.detect_conflicts(), True
    text = "Several migrations have no successor; merge them with makemigrations --merge."
    items = [
        _make_item("%s: conflicting migrations %s" % (label, ", ".join(sorted(names))), text)
        for label, names in sorted(conflicts.items())
    ]
    # Django's own command goes no further than conflicts either.
    if not conflicts:
        items, seen = _detect_changes(loader, own, order["module"])
    for item in items:
        print(item["id"])
    for label in switched_off:
        print("%s: its migrations are disabled in the settings; they were checked anyway" % label)
    if not items:
        print("No changes detected")
    absence = "" if loader.migrated_apps else "no installed app has migrations"
    return {"items": items, "seen": seen, "absence": absence}


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


def _detect_changes(loader, own, planted):
    """List the changes that no migration has, and say whether those planted were found as well.

    Args:
        planted: Name for a field that one model of each app gets.
    """
    from django.apps import apps
    from django.db import models
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.operations import AddField
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    before, after = loader.project_state(), ProjectState.from_apps(apps)
    chosen = {
        label: name
        for label, name in sorted(before.models.keys() & after.models.keys())
        if label in own and _has_table(before, label, name) and _has_table(after, label, name)
    }
    for label, name in chosen.items():
        AddField(name, planted, models.BooleanField(default=False)).state_forwards(label, after)
    # The plain questioner answers what a dry run would have to ask, and never ends the process.
    asked = MigrationQuestioner(dry_run=True)
    changes = MigrationAutodetector(before, after, asked).changes(graph=loader.graph)
    text = "The models have this change, but no migration does."
    items, found = [], set()
    for label, migrations in sorted(changes.items()):
        for operation in (each for migration in migrations for each in migration.operations):
            if getattr(operation, "name", "") == planted:
                found.add(label)
            else:
                items.append(_make_item("%s: %s" % (label, _describe_operation(operation)), text))
    return items, found == set(chosen)


def _has_table(state, label, name):
    options = state.models[label, name].options
    return options.get("managed", True) and not options.get("proxy")


def _describe_operation(operation):
    """Say what an operation does, with its field, alike on every run."""
    text = operation.describe()
    field = getattr(operation, "field", None)
    if field is not None:
        try:
            from django.db.migrations.writer import MigrationWriter

            text += " as " + " ".join(MigrationWriter.serialize(field)[0].split())
        except Exception:
            text += " as " + type(field).__name__
    return _ADDRESS.sub("", text)[:400]


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
    return {"items": made, "seen": True, "absence": ""}


# --- system check ----------------------------------------------------------------------------


def run_system_check(order):
    """Run Django's system checks, with one of ours that reports an error."""
    from django.core import checks

    message_id = order["module"] + "." + order["must_fail"]

    def fails(app_configs=None, **kwargs):
        return [checks.Error("must be seen", id=message_id)]

    checks.register(fails)
    items, seen = [], False
    for message in checks.run_checks():
        is_silenced = message.is_silenced()
        if message.id == message_id:
            seen = not is_silenced and message.level >= checks.ERROR
        elif not is_silenced:
            items.append(_describe_message(message, checks.ERROR))
    for item in items:
        print(item["id"])
    print("System check identified %d issue(s)" % len(items))
    return {"items": items, "seen": seen, "absence": ""}


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
