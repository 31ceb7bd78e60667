"""Measure which lines of some files the tests run, in the process that runs them.

Only where the order asks for it; the run whose verdict counts never does. Uses the repository's own
coverage.py, else the gate's, without the repository's configuration of it, which may leave out
whatever it likes; `# pragma: no cover` still counts, and is seen in the diff.
"""

from __future__ import annotations

import os
import sys

import mergewright_report


def begin(order):
    """Start measuring; return what ends it and reports, or does nothing where it is not asked."""
    asked = order.get("coverage")
    if not asked:
        return lambda report: None
    try:
        measured = _start(asked)
    except Exception as problem:
        text = mergewright_report.describe_exception(type(problem), problem)
        return lambda report: report.add("unmeasured", text=text)
    return lambda report: _report(measured, asked, order["tree"], report)


def _start(asked):
    path = list(sys.path)
    if asked["gate"]:
        # At the end: the repository's own modules come first.
        sys.path.append(asked["gate"])
    before = os.environ.get("COVERAGE_CORE")
    if before is None and sys.version_info >= (3, 12):
        os.environ["COVERAGE_CORE"] = "sysmon"  # counts lines at next to no cost
    try:
        import coverage

        measured = coverage.Coverage(
            data_file=None, config_file=False, include=sorted(asked["files"])
        )
        measured.start()
    finally:
        sys.path[:] = path
        if before is None:
            os.environ.pop("COVERAGE_CORE", None)
    return measured


def _report(measured, asked, tree, report):
    try:
        measured.stop()
        for path, lines in sorted(asked["files"].items()):
            _, statements, _, missing, _ = measured.analysis2(path)
            # Statements count by their first lines.
            first_lines = measured._get_file_reporter(path).translate_lines(lines)
            wanted = first_lines.intersection(statements)
            report.add(
                "covered",
                path=mergewright_report.relative_path(path, tree),
                lines=sorted(wanted),
                missed=sorted(wanted.intersection(missing)),
            )
    except Exception as problem:
        text = mergewright_report.describe_exception(type(problem), problem)
        report.add("unmeasured", text=text)
