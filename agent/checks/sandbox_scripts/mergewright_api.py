"""Ask griffe what users of a library lose by a change.

Base's packages are the change's with the earlier content of its files laid over them. Nothing of
them is imported.

Arguments: the report, a folder of earlier files, the files. A line of the report is
`path line code text`, by tabs.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sys
import tempfile

import griffe


def main():
    place, earlier, *paths = sys.argv[1:]
    logging.disable()
    base, rows = tempfile.mkdtemp(), set()
    for root, name in sorted({_split_path(path)[:2] for path in paths}):
        if os.path.isdir(os.path.join(root, name)):
            target = os.path.join(base, root, name)
            shutil.copytree(
                os.path.join(root, name), target, ignore=_is_other, ignore_dangling_symlinks=True
            )
    shutil.copytree(earlier, base, dirs_exist_ok=True)
    for path in paths:
        root, name, dotted = _split_path(path)
        # An alias that leads nowhere ends the look at a whole package.
        for module in dict.fromkeys([name, dotted]):
            old = _find_module(os.path.join(base, root), name, module)
            new = _find_module(root, name, module)
            try:
                if old and not any(part.startswith("_") for part in module.split(".")):
                    rows.update(_find_losses(old, new, base))
                if old and not new and module == name:
                    rows.add((path, 0, "gone", "%s: Module was removed" % module))
            except griffe.AliasResolutionError:
                continue
            except Exception as problem:
                text = "griffe cannot compare it (%s)" % type(problem).__name__
                rows.add((path, 0, "unread", text))
    rows = sorted(row for row in rows if row[0] in paths)
    with open(place, "w", encoding="utf-8") as report:
        report.writelines("%s\t%d\t%s\t%s\n" % row for row in rows)
    return bool(rows)


def _find_losses(old, new, base):
    for one in griffe.find_breaking_changes(old, new) if new else ():
        if one.kind is not griffe.BreakageKind.ATTRIBUTE_CHANGED_VALUE:
            yield _describe(one, base)


def _split_path(path):
    """Return where a module is looked for, its package, and its name in full."""
    root = "src" if path.startswith("src/") else "."
    parts = os.path.relpath(path, root)[: -len(".py")].split("/")
    return root, parts[0], ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_other(folder, names):
    """Return the files that are no Python code."""
    files = [name for name in names if not os.path.isdir(os.path.join(folder, name))]
    return [name for name in files if not name.endswith((".py", ".pyi"))]


@functools.cache
def _load(folder, package):
    loader = griffe.GriffeLoader(search_paths=[folder], allow_inspection=False)
    with contextlib.suppress(ImportError, griffe.GriffeError):
        loader.load(package, try_relative_path=False)
        loader.resolve_aliases(external=False)
    return loader.modules_collection


def _find_module(folder, package, module):
    with contextlib.suppress(KeyError):
        return _load(folder, package).get_member(module)
    return None


def _describe(breakage, base):
    thing, value = breakage.obj, breakage.old_value or breakage.new_value
    of = "(%s)" % value.name if isinstance(value, griffe.Parameter) else ""
    file = str((thing.parent if thing.is_alias else thing).filepath)
    gone = breakage.kind is griffe.BreakageKind.OBJECT_REMOVED
    path = os.path.relpath(file, base if gone else ".")
    line = 0 if gone else thing.lineno or 0
    return path, line, breakage.kind.name, "%s%s: %s" % (thing.path, of, breakage.kind.value)


if __name__ == "__main__":
    sys.exit(main())
