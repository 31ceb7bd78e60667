"""Ask Django itself for missing migrations, conflicts and system check messages.

The project's own manage.py runs first, if there is one, for its effects on `sys.path` and the
environment. Then Django's own autodetector is asked, no command of the project. Functions of Django
that were replaced are reported.

Arguments: `makemigrations` or `check`.
"""

from __future__ import annotations

import os
import re
import runpy
import sys

import mergewright_entry
import mergewright_originals
import mergewright_report

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MOST_PARTS = 1000


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
    own = mergewright_originals.take_digests()
    sys.path[:] = [*python_path, *whole_path]
    if order["manage"]:
        # Python puts the script's folder first; the others come after it.
        folder = os.path.dirname(os.path.abspath(order["manage"]))
        sys.path[:] = [folder, *whole_path, *python_path]
    jobs = {"makemigrations": migrations, "check": system_check}
    done = []

    def work(argv=None):
        if done:
            return
        done.append(None)
        if order["settings"]:
            os.environ["DJANGO_SETTINGS_MODULE"] = order["settings"]
        import django

        django.setup()
        early = mergewright_originals.find_replaced(own)
        done[0] = jobs[job](order, report)
        # Migrations and checks are imported on the way.
        late = mergewright_originals.find_replaced(own)
        report.add("replaced", parts=sorted({*early, *late})[:_MOST_PARTS])

    def enter():
        if order["manage"]:
            management.execute_from_command_line = work
            sys.argv[:] = [order["manage"], job]
            runpy.run_path(order["manage"], run_name="__main__")
        work()
        return 1 if done[0] else 0

    ended = "the project ended the process with exit code %s"
    mergewright_report.leave(report, order["tree"], enter, ended)


# --- migrations ------------------------------------------------------------------------------


def migrations(order, report):
    """Compare models with migrations; return whether anything is missing."""
    from django.apps import apps
    from django.conf import settings
    from django.db.migrations.loader import MigrationLoader
    from django.utils import translation

    # As makemigrations does: migrations hold names as they are written.
    translation.deactivate_all()
    own = {config.label: config for config in apps.get_app_configs() if _is_own(config, order)}
    switched_off = _switch_on(settings, own)
    loader = MigrationLoader(None, ignore_no_migrations=True)
    conflicts = loader.detect_conflicts()
    text = "Several migrations have no successor; merge them with makemigrations --merge."
    items = [
        {"id": "%s: conflicting migrations %s" % (label, ", ".join(sorted(names))), "text": text}
        for label, names in sorted(conflicts.items())
    ]
    if not conflicts:
        items += _pending(loader)
    report.add(
        "migrations",
        items=items,
        conflicts=bool(conflicts),
        migrated=sorted(loader.migrated_apps),
        switched_off=switched_off,
    )
    for item in items:
        print(item["id"])
    for label in switched_off:
        print("%s: its migrations are disabled in the settings; they were checked anyway" % label)
    if not items:
        print("No changes detected")
    return bool(items)


def _is_own(config, order):
    path = os.path.realpath(config.path)
    inside = order["tree"].rstrip("/") + "/"
    return path.startswith(inside) and "/site-packages/" not in path


def _switch_on(settings, own):
    """Undo MIGRATION_MODULES where it hides migrations that are there; return those apps.

    Test settings often do so to be fast; for this question it would mean that none is missing.
    """
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    given = settings.MIGRATION_MODULES
    loader = MigrationLoader(None, load=False, ignore_no_migrations=True)
    loader.load_disk()
    found = {label for label, _ in loader.disk_migrations}
    switched_off = [
        label
        for label, config in own.items()
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


def _pending(loader):
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    # The plain questioner answers what a dry run would have to ask, and never ends the process.
    asked = MigrationQuestioner(dry_run=True)
    before, after = loader.project_state(), ProjectState.from_apps(apps)
    changes = MigrationAutodetector(before, after, asked).changes(graph=loader.graph)
    text = "The models have this change, but no migration does."
    return [
        {"id": "%s: %s" % (label, _describe_operation(operation)), "text": text}
        for label, found in sorted(changes.items())
        for migration in found
        for operation in migration.operations
    ]


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


# --- system check ----------------------------------------------------------------------------


def system_check(order, report):
    """Run Django's system checks; return whether any message is an error."""
    from django.core import checks

    asked = []
    message_id = order["module"] + "." + order["must_fail"]

    def fails(app_configs=None, **kwargs):
        asked.append("fails")
        return [checks.Error("must be seen", id=message_id)]

    def passes(app_configs=None, **kwargs):
        asked.append("passes")
        return []

    checks.register(fails)
    checks.register(passes)
    messages = checks.run_checks()
    items, seen = [], False
    for message in messages:
        is_silenced = message.is_silenced()
        if message.id == message_id:
            seen = not is_silenced and message.level >= checks.ERROR
        elif not is_silenced:
            items.append(_describe_message(message, checks.ERROR))
    report.add("system_check", items=items, seen=seen, asked=sorted(asked))
    for item in items:
        print(item["id"])
    print("System check identified %d issue(s)" % len(items))
    return any(item["fails"] for item in items)


def _describe_message(message, error):
    from django.db import models

    levels = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
    about = "?" if message.obj is None else message.obj
    if isinstance(about, type) and issubclass(about, models.Model):
        about = about._meta.label
    level = levels.get(message.level, str(message.level))
    text = "%s %s: %s: %s" % (level, message.id or "(no id)", about, message.msg)
    return {
        "id": _ADDRESS.sub("", text)[:600],
        "text": mergewright_report.cut(str(message.hint or "")),
        "fails": message.level >= error,
    }


if __name__ == "__main__":
    main()
