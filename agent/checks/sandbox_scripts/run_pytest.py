"""Start pytest as `python -m pytest` does, with our plugin.

Our own pytest, if it is used, is at the end of the path, after all packages of the repository's
environment. Arguments: those of pytest.
"""

import importlib.util
import os
import sys
import threading

import mergewright_report

#: Seconds for which threads that tests left behind may go on after pytest has ended.
_LEFT_SECONDS = 5


def main():
    request, report = mergewright_report.begin()
    is_gates, gate = importlib.util.find_spec("pytest") is None, request["gate"]
    if is_gates:
        # While it is imported, our pytest is first: the project may have an older pluggy.
        sys.path.insert(0, gate)
    sys.path.append(mergewright_report.OURS)
    import mergewright_pytest
    import pytest

    options = [*sys.argv[1:], "-p", "mergewright_pytest"]
    if is_gates:
        sys.path.remove(gate)
        sys.path.append(gate)
        # Our platformdirs declares this plugin; the project's older one, found first, lacks it.
        options += ("-p", "no:platformdirs")
    # Only after pytest's import: a file of the tree may have the name of one of its modules.
    sys.path.insert(0, os.getcwd())
    mergewright_pytest.begin(request, report)
    sys.argv[0] = os.path.join(os.path.dirname(pytest.__file__), "__main__.py")
    if "no:faulthandler" not in sys.argv:
        # The line at which a test hangs is printed before the limit ends the run.
        options += ("-o", "faulthandler_timeout=60")
    if int(pytest.__version__.partition(".")[0]) >= 8:
        # Show the difference of two long values, not their beginnings.
        options += ("-o", "verbosity_assertions=2")
    tracer = mergewright_report.Tracer(request)
    code = int(pytest.main(options))
    tracer.write(report)
    report.add("exit", code=code)
    return code


if __name__ == "__main__":
    exit_code = main()
    # The interpreter would wait for a thread that a test has left and that never ends.
    timer = threading.Timer(_LEFT_SECONDS, os._exit, (exit_code,))
    timer.daemon = True
    timer.start()
    sys.exit(exit_code)
