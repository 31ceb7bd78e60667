"""Run Django's own checks: missing migrations, and the system check.

The project's manage.py runs first, if there is one, for its effects on `sys.path` and the
environment.

Argument: `makemigrations` or `check`; `field` makes the migration for a new field.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import runpy
import sys
import traceback

import mergewright_report

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: Lines as `makemigrations` prints them; before Django 5.1 all operations begin with a minus.
_APP, _OPERATION = re.compile(r"Migrations for '(.+)':"), re.compile(r"    [-+~] (.+)")


def main():
    """Run the job; end the process with exit code 1 if an item fails."""
    job, code = sys.argv[1], 1
    order, report = mergewright_report.begin()
    try:
        items = _enter(job, order, report)
        code = int(any(item["outcome"] == "finding" for item in items))
    except BaseException as problem:
        traceback.print_exc()
        place = mergewright_report.find_last_place(problem.__traceback__, order["tree"])
        words = mergewright_report.describe_exception(type(problem), problem)
        report.add("broken", text=words, place=place)
    report.add("exit", code=code)
    sys.stdout.flush()
    sys.exit(code)


def _enter(job, order, report):
    """Run the job once, in place of manage.py's command if there is one; return its items."""
    if order["manage"]:
        # As for any script, manage.py's folder comes first; the project's other ones come last.
        folder = os.path.dirname(os.path.abspath(order["manage"]))
        sys.path[:] = [folder, *sys.path, *order["python_path"]]
    else:
        sys.path[:0] = order["python_path"]
    from django.core import management

    @functools.lru_cache
    def answer():
        if order["settings"]:
            os.environ["DJANGO_SETTINGS_MODULE"] = order["settings"]
        return _answer(job, order, report)

    if order["manage"]:
        management.execute_from_command_line = lambda argv=None: answer()
        sys.argv[:] = [order["manage"], job]
        with contextlib.suppress(SystemExit):
            runpy.run_path(order["manage"], run_name="__main__")
    return answer()


def _answer(job, order, report):
    import django

    if job == "field":
        sys.path.append(mergewright_report.OURS)
        import mergewright_field  # it imports Django

        made = mergewright_field.make_migration(order, django.setup, lambda: switch_on(order))
        report.add(job, **made)
        return []
    django.setup()
    items = JOBS[job](order)
    print("\n".join(item["item_id"] for item in items) or "nothing was found")
    report.add("django", items=items)
    return items


def _make_item(name, text, *, fails=True):
    outcome = "finding" if fails else "warning"
    return {"item_id": name, "outcome": outcome, "text": text, "place": ""}


# --- migrations ------------------------------------------------------------------------------


def find_missing_migrations(order):
    """Return the operations that the project's own makemigrations would write."""
    from django.core.management import CommandError, call_command
    from django.utils import translation

    # As on the command line, names in migrations are not translated.
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
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    text, items, label = "The models have this change, but no migration does.", [], ""
    lines = printed.getvalue().splitlines()
    for line in lines:
        if match := _APP.match(line):
            label = match[1]
        elif match := _OPERATION.match(line):
            items.append(_make_item("%s: %s" % (label, _ADDRESS.sub("", match[1])[:400]), text))
    if code and not items:
        words = lines[-1] if lines else "exit code %s" % code
        items.append(_make_item("makemigrations: %s" % words[:400], "It cannot be answered."))
    return items


def switch_on(order):
    """Enable migrations of the tree that MIGRATION_MODULES disables; return their apps.

    Test settings often disable migrations to be fast. No migration would be missing then.
    """
    from django.apps import apps
    from django.conf import settings

    modules, tree = settings.MIGRATION_MODULES, order["tree"]
    named = [config for config in apps.get_app_configs() if config.label in modules]
    hidden = [
        config.label
        for config in named
        if modules[config.label] is None and mergewright_report.name_place(config.path, 1, tree)
    ]
    settings.MIGRATION_MODULES = {
        config.label: modules[config.label] for config in named if config.label not in hidden
    }
    return hidden


# --- system check ----------------------------------------------------------------------------


def run_system_check(order):
    """Return the messages of Django's system checks as items, with the hints as their texts."""
    from django.core import checks

    items = []
    for message in checks.run_checks():
        if not message.is_silenced():
            hint, message.hint = message.hint, None
            # The levels are those of the module `logging`.
            text = "%s: %s" % (logging.getLevelName(message.level).lower(), message)
            fails = message.level >= checks.ERROR
            hint = mergewright_report.cut(str(hint or ""))
            items.append(_make_item(_ADDRESS.sub("", text)[:600], hint, fails=fails))
    return items


JOBS = {
    "makemigrations": find_missing_migrations,
    "check": run_system_check,
}


if __name__ == "__main__":
    main()
