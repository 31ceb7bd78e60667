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
    """Yield options that keep out plugins which only the gate's newer copy of a package has."""
    places = [entry for entry in sys.path if entry != gate]
    installed = list(importlib.metadata.distributions(path=places))
    names = {distribution.metadata["Name"] for distribution in installed}
    points = {point.name for distribution in installed for point in distribution.entry_points}
    for distribution in importlib.metadata.distributions(path=[gate]):
        for point in distribution.entry_points if distribution.metadata["Name"] in names else ():
            if point.group == "pytest11" and point.name not in points:
                yield from ("-p", "no:" + point.name)


def main():
    request, report = mergewright_report.begin()
    is_gates, gate, shadowed = importlib.util.find_spec("pytest") is None, request["gate"], ()
    if is_gates:
        # What it is made of goes with it: an older pluggy of the project is not for it.
        sys.path.insert(0, gate)
    sys.path.append(mergewright_report.OURS)
    import mergewright_pytest
    import pytest

    if is_gates:
        sys.path.remove(gate)
        sys.path.append(gate)
        shadowed = _list_shadowed(gate)
    # Only now: a file of the tree may be called as a module of pytest is.
    sys.path.insert(0, os.getcwd())
    mergewright_pytest.begin(request, report)
    sys.argv[0] = os.path.join(os.path.dirname(pytest.__file__), "__main__.py")
    options = [*sys.argv[1:], "-p", "mergewright_pytest", *shadowed]
    if "no:faulthandler" not in sys.argv:
        # A test that hangs is named with its line, before time ends the run.
        options += ("-o", "faulthandler_timeout=60")
    if int(pytest.__version__.partition(".")[0]) >= 8:
        # Of two long values that differ the difference is shown, not their beginnings.
        options += ("-o", "verbosity_assertions=2")
    tracer = mergewright_report.Tracer(request)
    code = int(pytest.main(options))
    tracer.write(report)
    report.add("exit", code=code)
    return code


if __name__ == "__main__":
    exit_code = main()
    # A test may have left a thread that never ends: the interpreter would wait for it.
    timer = threading.Timer(_LEFT_SECONDS, os._exit, (exit_code,))
    timer.daemon = True
    timer.start()
    sys.exit(exit_code)
