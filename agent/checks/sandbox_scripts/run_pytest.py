"""Start pytest as `python -m pytest` does, with our plugin.

A pytest of the gate comes in only at the end of the path, after everything that the repository's
own environment has. Arguments: those of pytest.
"""

import importlib.util
import os
import sys
import threading

import mergewright_report

#: So long threads that tests left may go on.
_LEFT_SECONDS = 5


def main():
    request, report = mergewright_report.begin()
    is_gates, gate = importlib.util.find_spec("pytest") is None, request["gate"]
    if is_gates:
        # What it is made of goes with it: an older pluggy of the project is not for it.
        sys.path.insert(0, gate)
    sys.path.append(mergewright_report.OURS)
    import mergewright_pytest
    import pytest

    options = [*sys.argv[1:], "-p", "mergewright_pytest"]
    if is_gates:
        sys.path.remove(gate)
        sys.path.append(gate)
        # It is named by the gate's newer copy, and missing from an older one, which comes first.
        options += ("-p", "no:platformdirs")
    # Only now: a file of the tree may be called as a module of pytest is.
    sys.path.insert(0, os.getcwd())
    mergewright_pytest.begin(request, report)
    sys.argv[0] = os.path.join(os.path.dirname(pytest.__file__), "__main__.py")
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
