"""Read the request and write the report, for every script in this folder.

It runs inside a sandbox, on Python 3.9 and later, with the standard library alone. The report is a
file of JSON lines; the last one has the exit code of the script.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback

REQUEST_PATH = "/tmp/mergewright-request.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
OURS = os.path.dirname(os.path.abspath(__file__))
#: Id of our own test, which must fail: it shows that failures are detected.
SENTINEL = "mergewright_sentinel"
COLLECTION = " (collection)"
LONGEST_TEXT, LONGEST_ID = 4000, 900

# Bound at import: a test may replace these in their modules while a line is written.
_open, _getpid, _dumps = open, os.getpid, json.dumps
_signal, _getsignal, _setitimer = signal.signal, signal.getsignal, signal.setitimer
#: The one clock that no library moves: time-machine replaces `monotonic`, in C.
now = time.perf_counter
#: When the script began, so that the import of pytest counts, too.
BEGUN = now()


def begin():
    """Return the request and the report; remove our own folder from the path."""
    with open(REQUEST_PATH, encoding="utf-8") as file:
        request = json.load(file)
    if "last_start" in request:
        request["last_start"] += BEGUN  # all processes have the same clock
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != OURS]
    return request, Report(request["report"])


def import_ours(name, gate):
    """Import a package, ours if the environment has none; later imports find no package of ours."""
    sys.path.append(gate)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(gate)


class Report:
    """A file of JSON lines, which only the process that made it writes."""

    def __init__(self, path):
        self._path, self._pid = path, _getpid()

    def add(self, event, **facts):
        """Append one event."""
        if _getpid() == self._pid:
            # File names that are not UTF-8 contain surrogates, which are no valid JSON.
            line = _dumps(dict(facts, event=event), ensure_ascii=False).encode("utf-8", "replace")
            # Opened for each line: a test may close files that it did not open.
            with _open(self._path, "ab") as file:
                file.write(line + b"\n")


class TestLog:
    """Writes a line for each test, and decides when no further test is to run."""

    def __init__(self, request, report):
        self._request, self._report = request, report
        self._counts = {"passed": 0, "failed": 0, "error": 0}
        self._looks_early = request["looks_early"]

    def add(self, facts):
        """Write the line of a test; return why the run ends after it, or ""."""
        outcome = facts["outcome"]
        self._report.add("test", **facts)
        if facts["id"] == SENTINEL:
            return ""
        known_red = self._request["known_red"]
        is_red = outcome in ("failed", "error")
        if known_red is not None and is_red and facts["id"] not in known_red:
            return "a test failed"
        return "at least half of the first tests fail" if self._are_first_poor(outcome) else ""

    def _are_first_poor(self, outcome):
        """Decide once, on the first 50 tests or as many as ended within a minute."""
        if not self._looks_early or outcome not in self._counts:
            return False
        self._counts[outcome] += 1
        ended = sum(self._counts.values())
        self._looks_early = ended < 50 and (ended < 5 or now() - BEGUN <= 60)
        return not self._looks_early and 2 * self._counts["passed"] <= ended


class Patience:
    """Interrupts tests that do not end; each interruption halves the time of later tests.

    Works only in the main thread, and not if SIGALRM is in use, for example by pytest-timeout.
    """

    least = 20.0

    def __init__(self, seconds):
        self._seconds = seconds

    def begin(self):
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and _getsignal(signal.SIGALRM) is signal.SIG_DFL:
            _signal(signal.SIGALRM, self._interrupt)
            _setitimer(signal.ITIMER_REAL, self._seconds)

    def end(self):
        # The test itself may have set another handler, which has to stay.
        if _getsignal(signal.SIGALRM) == self._interrupt:
            _setitimer(signal.ITIMER_REAL, 0)
            _signal(signal.SIGALRM, signal.SIG_DFL)

    def _interrupt(self, *_):
        waited, self._seconds = self._seconds, max(self.least, self._seconds / 2)
        raise OverdueError("the test did not end within %.0f s and was interrupted" % waited)


class OverdueError(BaseException):
    """A test took too long. A BaseException, since tests that catch Exception must not catch it."""


class Tracer:
    """Traces which lines of the requested files run."""

    def __init__(self, request):
        self._files, self._tree = request["covers"], request["tree"]
        if self._files:
            coverage = import_ours("coverage", request["gate"])
            self._coverage = coverage.Coverage(None, include=self._files, config_file=False)
            self._coverage.start()

    def write(self, report):
        if self._files:
            self._coverage.stop()
        for path in self._files:
            try:
                missing = self._coverage.analysis2(path)[3]
            except Exception:  # noqa: S112 - the file cannot be parsed, or is gone
                continue
            report.add("coverage", file=relative_path(path, self._tree), missing=missing)


def is_late(request):
    """Whether no further test is to start."""
    return now() > request["last_start"]


def relative_path(path, tree):
    """Return a path relative to the tree; "": it is outside."""
    start = tree.rstrip("/") + "/"
    return path[len(start) :] if path and path.startswith(start) else ""


def name_place(path, line, tree):
    """Return `path:line` in the tree; "": it is outside, or an installed package."""
    name = relative_path(path, tree)
    return "%s:%d" % (name, line) if name and "site-packages/" not in name else ""


def cut(text):
    """Return the beginning and the end of a long text."""
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else text[:half] + "\n[...]\n" + text[-half:]


def shorten_id(text):
    """Shorten a long id, so that the host accepts it and can select the test by it."""
    if len(text) <= LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text[:LONGEST_ID] + "_" + digest[:12]


def find_last_place(trace, tree):
    """Return `path:line` of the innermost frame in the tree; "": no frame is."""
    frames = list(traceback.walk_tb(trace))
    places = (name_place(frame.f_code.co_filename, line, tree) for frame, line in frames[::-1])
    return next(filter(None, places), "")


def describe_exception(kind, value):
    """Return the message of an exception, without its traceback."""
    return cut("".join(traceback.format_exception_only(kind, value)).strip())
