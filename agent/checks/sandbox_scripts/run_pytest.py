"""Start pytest as `python -m pytest` does, with our plugin.

A pytest of the gate comes in only at the end of the path, after everything that the repository's
own environment has. Arguments: those of pytest.
"""

import importlib.metadata
import importlib.util
import os
import sys
import threading

import mergewright_report

#: So long threads that tests left may go on.
_LEFT_SECONDS = 5


def _list_shadowed(gate):
    """Yield options that keep out plugins which only the gate's version of a package has.

    Its modules are those of the installed one, which comes first.
    """
    installed = [
        (distribution.metadata["Name"], {point.name for point in distribution.entry_points})
        for distribution in importlib.metadata.distributions(
            path=[p for p in sys.path if p != gate]
        )
    ]
    for distribution in importlib.metadata.distributions(path=[gate]):
        known = [names for name, names in installed if name == distribution.metadata["Name"]]
        for point in distribution.entry_points if known else ():
            if point.group == "pytest11" and point.name not in set().union(*known):
                yield from ("-p", "no:" + point.name)


def main():
    request, report = mergewright_report.begin()
    gate = request["gate"]
    if gate:
        # What the gate's pytest is made of goes with it: an older pluggy of the project is not for
        # it.
        is_gates = importlib.util.find_spec("pytest") is None
        sys.path.insert(0 if is_gates else len(sys.path), gate)
    sys.path.append(mergewright_report.OURS)
    import mergewright_pytest
    import pytest

    if gate:
        sys.path.remove(gate)
        sys.path.append(gate)
    # Only now: a file of the tree may be called as a module of pytest is.
    sys.path.insert(0, os.getcwd())
    mergewright_pytest.begin(request, report)
    sys.argv[0] = os.path.join(os.path.dirname(pytest.__file__), "__main__.py")
    options = [*request["options"], *(_list_shadowed(gate) if gate else ())]
    if importlib.util.find_spec("_pytest.faulthandler") and "no:faulthandler" not in sys.argv:
        # A test that hangs is named with its line, before time ends the run.
        options += ("-o", "faulthandler_timeout=60")
    if int(pytest.__version__.partition(".")[0]) >= 8:
        # Of two long values that differ the difference is shown, not their beginnings.
        options += ("-o", "verbosity_assertions=2")
    tracer = mergewright_report.Tracer(request)
    code = int(pytest.main([*sys.argv[1:], "-p", "mergewright_pytest", *options]))
    tracer.write(report)
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
