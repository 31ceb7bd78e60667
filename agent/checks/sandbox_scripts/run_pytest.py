"""Start pytest as `python -m pytest` does, with our plugin and without what poses as pytest.

`python -m pytest` puts the working directory first on `sys.path`, on which many repositories
rely, and so runs a `pytest.py` lying there. Here pytest is imported first and the working
directory is put on the path afterwards. A pytest of the gate comes in only at the end of the
path, after everything that the repository's own environment has.

Arguments: those of pytest.
"""

import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
import threading

import mergewright_entry
import mergewright_report

#: So long threads that tests left may go on.
_LEFT_SECONDS = 5


def _list_plugins():
    """List what packages on `sys.path` announce as pytest's plugins."""
    found = importlib.metadata.entry_points()
    return found.select(group="pytest11") if hasattr(found, "select") else found.get("pytest11", ())


def _without_shadowed(gate):
    """Keep plugins out that only the gate's version of an installed package has.

    Its modules are those of the installed one, which comes first.
    """
    if not gate:
        return
    known, plugins = set(), set()
    for distribution in importlib.metadata.distributions(path=[p for p in sys.path if p != gate]):
        known.add(_get_name(distribution))
        plugins.update(_list_plugins_of(distribution))
    for distribution in importlib.metadata.distributions(path=[gate]):
        if _get_name(distribution) in known:
            for name in sorted(set(_list_plugins_of(distribution)) - plugins):
                yield from ("-p", "no:" + name)


def _get_name(distribution):
    return (distribution.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-")


def _list_plugins_of(distribution):
    return [point.name for point in distribution.entry_points if point.group == "pytest11"]


def _locate_plugins():
    """Say where each of these plugins comes from, as `sys.path` is now."""
    places = {}
    for plugin in _list_plugins():
        spec = importlib.util.find_spec(plugin.value.partition(":")[0].partition(".")[0])
        if spec is not None:
            places.setdefault(plugin.name, (plugin.value, spec.origin))
    return places


def main():
    order, report = mergewright_entry.begin()
    whole_path = list(sys.path)
    ours = mergewright_entry.OURS
    own_tools = mergewright_report.own_tools_only(order["tree"])
    sys.path[:] = [*own_tools, ours]
    if order["gate"]:
        # What the gate's pytest is made of goes with it: an older pluggy of the project is not for
        # it.
        is_gates = importlib.machinery.PathFinder.find_spec("pytest", own_tools) is None
        sys.path.insert(0 if is_gates else len(sys.path), order["gate"])
    import mergewright_pytest
    import pytest

    if order["gate"]:
        sys.path[:] = [*own_tools, ours, order["gate"]]

    if not os.path.realpath(pytest.__file__).startswith(tuple(order["tools"])):
        report.add("refused", text="pytest was imported from %s" % pytest.__file__)
        return 70
    installed = _locate_plugins()
    mergewright_pytest.begin(order, report)
    sys.path[:] = [os.getcwd(), *whole_path, ours]
    if order["gate"]:
        sys.path.append(order["gate"])
    # The tree may contain a module, or a package's metadata, in place of an installed one.
    seen = _locate_plugins()
    for name in installed:
        if seen.get(name) != installed[name]:
            report.add("refused", text="the plugin %s was loaded from the repository" % name)
            return 70
    sys.argv[0] = os.path.join(os.path.dirname(pytest.__file__), "__main__.py")
    options = [*order["options"], *_without_shadowed(order["gate"])]
    if importlib.util.find_spec("_pytest.faulthandler") and "no:faulthandler" not in sys.argv:
        # A test that hangs is named with its line, before time ends the run.
        options += ("-o", "faulthandler_timeout=60")
    if int(pytest.__version__.partition(".")[0]) >= 8:
        # Of two long values that differ the difference is shown, not their beginnings.
        options += ("-o", "verbosity_assertions=2")
    code = int(pytest.main([*sys.argv[1:], "-p", "mergewright_pytest", *options]))
    report.add("exit", code=code)
    return code


def _end(code):
    """Exit, also where a test left a thread that never ends: the interpreter would wait for it."""
    timer = threading.Timer(_LEFT_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()
    sys.exit(code)


if __name__ == "__main__":
    _end(main())
