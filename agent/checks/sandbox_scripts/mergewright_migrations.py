"""Ask Django itself for missing migrations, conflicts and system check messages.

The project's own manage.py runs first, if there is one, for its effects on `sys.path` and the
environment. Then Django's own autodetector is asked, no command of the project. Each answer is
verified: a model, a field and an altered field that we add to the state must be found. Functions of
Django that were replaced are reported.

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
_MOST_MODELS = 50


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
    probes = sorted(set(own) & loader.migrated_apps) or sorted(loader.migrated_apps)[:1]
    probed, found = [], []
    if not conflicts:
        probed, found = _probe(loader, probes, order["must_fail"])
        items += _pending(loader)
    report.add(
        "migrations",
        items=items,
        conflicts=bool(conflicts),
        migrated=sorted(loader.migrated_apps),
        probed=probed,
        found=found,
        switched_off=switched_off,
    )
    for item in items:
        print(item["id"])
    for label in switched_off:
        print("%s: the settings switch its migrations off; they were looked at" % label)
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


def _changes(loader, before, after):
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import MigrationQuestioner

    # The plain questioner answers what a dry run would have to ask, and never ends the process.
    questioner = MigrationQuestioner(dry_run=True)
    return MigrationAutodetector(before, after, questioner).changes(graph=loader.graph)


def _probe(loader, labels, name):
    """Add a model to each app, and to each of its models a field; alter one that it has.

    Returns:
        What was done, and what of it was found.
    """
    from django.db import models
    from django.db.migrations.state import ModelState
    from django.db.models.options import normalize_together

    before = loader.project_state()
    after = before.clone()
    # Models that are made of a state are made anew.
    after.__dict__.pop("apps", None)
    for state in after.models.values():
        # Migrations may have lists there, states of models never do.
        for option in {"unique_together", "index_together"}.intersection(state.options):
            together = set(normalize_together(state.options[option]))
            state.options = dict(state.options, **{option: together})
    probed = set()
    for label in labels:
        for number, model in enumerate(_plain_models(before, label)):
            state = after.models[label, model]
            fields = dict(state.fields)
            altered = _altered(fields)
            # A child has the fields of its parent, so each has a name of its own.
            fields.update(altered, **{"%s%d" % (name, number): models.IntegerField(null=True)})
            state.fields = fields if isinstance(state.fields, dict) else list(fields.items())
            probed.add("%s.%s: a new field" % (label, model))
            probed.update("%s.%s: an altered field" % (label, model) for _ in altered)
        after.add_model(ModelState(label, name, [("id", models.AutoField(primary_key=True))]))
        probed.add("%s: a new model" % label)
    wanted = {"CreateModel": ("", "a new model")}
    wanted.update(AddField=(".%s", "a new field"), AlterField=(".%s", "an altered field"))
    found = set()
    for label, migrations in _changes(loader, before, after).items():
        for operation in (one for migration in migrations for one in migration.operations):
            place, what = wanted.get(type(operation).__name__, ("", ""))
            model = getattr(operation, "model_name", "").lower()
            found.add("%s%s: %s" % (label, place and place % model, what))
    return sorted(probed), sorted(found & probed)


def _plain_models(state, label):
    """Return the names of an app's models that have a table of their own."""
    return [
        model
        for (app, model), one in sorted(state.models.items())
        if app == label and one.options.get("managed", True) and not one.options.get("proxy")
    ][:_MOST_MODELS]


def _altered(fields):
    """Return one of the fields that may not be empty as one that may; none where there is none."""
    for name, field in fields.items():
        # A field of the project itself may be made in ways of its own.
        plain = type(field).__module__.startswith("django.")
        if plain and not (field.null or field.primary_key or field.is_relation):
            altered = field.clone()
            altered.null = True
            return {name: altered}
    return {}


def _pending(loader):
    from django.apps import apps
    from django.db.migrations.state import ProjectState

    changes = _changes(loader, loader.project_state(), ProjectState.from_apps(apps))
    text = "The models say so, and no migration does."
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
