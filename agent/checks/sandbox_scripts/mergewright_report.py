"""Shared by every script here: the request that it reads, and the report that it writes.

Runs inside a sandbox, on any Python from 3.9, with the standard library alone. The report is a
file of JSON lines, the last of which says with which code the script ends.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback

REQUEST_PATH = "/tmp/mergewright-request.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
OURS = os.path.dirname(os.path.abspath(__file__))
LONGEST_TEXT = 4000
LONGEST_ID = 900
MOST_DETAILS = 20

# Bound now: a test may replace these in their modules while one of its lines is written.
_open, _write, _close, _getpid, _dumps = os.open, os.write, os.close, os.getpid, json.dumps
_signal, _getsignal, _setitimer = signal.signal, signal.getsignal, signal.setitimer
#: The clock that nothing moves: time-machine replaces `monotonic`, and in C.
now = time.perf_counter
#: When the script began: importing pytest counts for its time.
BEGUN = now()
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


def begin():
    """Read the request; return it and the report. Our own folder is no longer on the path."""
    with open(REQUEST_PATH, encoding="utf-8") as file:
        request = json.load(file)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != OURS]
    if request.get("linked"):
        sys.path.append(_link_packages(request["linked"], request["gate_packages"]))
    return request, Report(request["report"])


def _link_packages(packages, place):
    """Return a folder with some of our own packages, and no others of ours."""
    folder = tempfile.mkdtemp()
    for distribution in importlib.metadata.distributions(path=[place]):
        if distribution.metadata["Name"] in packages:
            for name in {file.parts[0] for file in distribution.files or ()} - {".."}:
                os.symlink(os.path.join(place, name), os.path.join(folder, name))
    return folder


class Report:
    """A file of JSON lines, written by the process that began it and by no other."""

    def __init__(self, path):
        self._path, self._pid = path, _getpid()

    def add(self, event, **facts):
        """Append one event."""
        if _getpid() != self._pid:
            return
        # Half a character, as file names that are not UTF-8 give, is not JSON for everybody.
        line = _dumps(dict(facts, event=event), ensure_ascii=False).encode("utf-8", "replace")
        # Opened each time: a test may close what it did not open.
        descriptor, left = _open(self._path, _FLAGS, 0o600), line + b"\n"
        try:
            while left:
                left = left[_write(descriptor, left) :]
        finally:
            _close(descriptor)


class FirstTests:
    """The outcomes of the first 50 tests, or of as many as ended within a minute."""

    def __init__(self, request):
        self._counts = {"passed": 0, "failed": 0, "error": 0}
        self._is_over = not request["looks_early"]

    def are_poor(self, outcome):
        """Count a test; say, once, whether so many fail that the others need not run."""
        if self._is_over or outcome not in self._counts:
            return False
        self._counts[outcome] += 1
        ended = sum(self._counts.values())
        self._is_over = ended >= 50 or (ended >= 5 and now() - BEGUN > 60)
        return self._is_over and 2 * self._counts["passed"] <= ended


class Patience:
    """Interrupts tests that do not end; after each, the next ones have half of the time.

    In the main thread alone, and not where something else has the alarm, such as pytest-timeout.
    """

    least = 20.0

    def __init__(self, seconds):
        self._seconds = seconds
        self._is_waiting = False

    def begin(self):
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or _getsignal(signal.SIGALRM) is not signal.SIG_DFL:
            return
        _signal(signal.SIGALRM, self._interrupt)
        _setitimer(signal.ITIMER_REAL, self._seconds)
        self._is_waiting = True

    def end(self):
        if self._is_waiting:
            self._is_waiting = False
            # A test may have taken the alarm for itself.
            if _getsignal(signal.SIGALRM) == self._interrupt:
                _setitimer(signal.ITIMER_REAL, 0)
                _signal(signal.SIGALRM, signal.SIG_DFL)

    def _interrupt(self, *_):
        waited, self._seconds = self._seconds, max(self.least, self._seconds / 2)
        raise OverdueError("the test did not end within %.0f s and was interrupted" % waited)


class OverdueError(BaseException):
    """No code that catches what fails means this."""


class Tracer:
    """Notes which lines of some files run, where there is a coverage for this Python."""

    def __init__(self, request):
        self._files, self._tree, self._coverage = request["covers"], request["tree"], None
        if self._files:
            try:
                import coverage
            except ImportError:
                return
            self._coverage = coverage.Coverage(None, include=self._files, config_file=False)
            self._coverage.start()

    def write(self, report):
        if self._coverage is None:
            return
        self._coverage.stop()
        for path in self._files:
            try:
                missing = self._coverage.analysis2(path)[3]
            except Exception:  # noqa: S112 - no Python for it, or gone meanwhile
                continue
            report.add("coverage", file=relative_path(path, self._tree), missing=missing)


def relative_path(path, tree):
    """Return a path relative to the tree; "" where it is elsewhere."""
    start = tree.rstrip("/") + "/"
    return path[len(start) :] if path and path.startswith(start) else ""


def cut(text):
    """Keep the first and the last part of a long text."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return text[:half] + "\n[...]\n" + text[-half:]


_detailed = set()


def add_details(facts, details):
    """Add the details of a failure; of few, as most failures with the same text say the same."""
    if facts.get("text") not in _detailed and len(_detailed) < MOST_DETAILS:
        _detailed.add(facts.get("text"))
        facts["details"] = cut(details)


def shorten_id(text):
    """Cut a long id, so that the other side takes it as it is and can ask for it again."""
    if len(text) <= LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text[:LONGEST_ID] + "_" + digest[:12]


def find_last_place(trace, tree):
    """Name `path:line` of the innermost frame that belongs to the tree."""
    place = ""
    while trace is not None:
        path = relative_path(trace.tb_frame.f_code.co_filename, tree)
        if path and "site-packages/" not in path:
            place = "%s:%d" % (path, trace.tb_lineno)
        trace = trace.tb_next
    return place


def describe_exception(kind, value):
    """Say what an exception says, without its traceback."""
    try:
        lines = traceback.format_exception_only(kind, value)
    except Exception:
        lines = [getattr(kind, "__name__", "exception") + " (no text available)"]
    return cut("".join(lines).strip())


def leave(report, tree, work, ended):
    """Do the work, which returns an exit code, say what broke it, and end the process.

    `ended` has a `%s` for the code with which the code of the tree ended the process itself.
    """
    try:
        code = work()
    except SystemExit as end:
        code = 1
        report.add("broken", text=ended % end.code)
    except BaseException as problem:
        code = 1
        traceback.print_exc()
        place = find_last_place(problem.__traceback__, tree)
        report.add("broken", text=describe_exception(type(problem), problem), place=place)
    report.add("exit", code=code)
    sys.stdout.flush()
    sys.exit(code)
