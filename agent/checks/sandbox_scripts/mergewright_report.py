"""Shared by every script here: the order that it reads, and the sealed report that it writes.

Runs inside a sandbox, on any Python from 3.9, with the standard library alone. The order is in a
file that is read and deleted before any code of the repository is imported. Each line of the
report carries a keyed digest over itself and all lines before it. So a line that other code wrote,
changed or removed breaks the report. The host accepts a report only as a whole.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import types

ORDER_PATH = "/tmp/mergewright-order.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
#: Written by `agent/setup/sandbox_services.py`.
SERVER_PATHS = "/tmp/mergewright-services-*.sh"  # noqa: S108
LONGEST_TEXT = 4000
LONGEST_ID = 900
MOST_DETAILS = 20
WRITE_SECONDS = 0.1

# Bound now: a test may replace these in their modules while one of its lines is written.
_open, _write, _close, _getpid = os.open, os.write, os.close, os.getpid
_signal, _getsignal, _setitimer = signal.signal, signal.getsignal, signal.setitimer
_dumps, _blake2b, _fstat = json.dumps, hashlib.blake2b, os.fstat
#: The clock that nothing moves: time-machine replaces `monotonic`, and in C.
now = time.perf_counter
#: When the script began: importing pytest counts for its time.
BEGUN = now()
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def accept_order():
    """Read the order and delete it; nothing that runs later finds it."""
    with open(ORDER_PATH, encoding="utf-8") as file:
        order = json.load(file)
    os.unlink(ORDER_PATH)
    start_servers(order.get("environ", {}))
    return order


def start_servers(environ):
    """Start the repository's own servers, which run its code."""
    for path in sorted(glob.glob(SERVER_PATHS)):
        code = subprocess.call(["/bin/sh", path], env=dict(os.environ, **environ))
        os.unlink(path)
        if code:
            sys.exit(code)


class SealedWriter:
    """A file of sealed lines, written by the process that opened it and by no other."""

    def __init__(self, order):
        self._path = order["report"]
        # Out of the order, which the scripts hand around.
        self._key = bytes.fromhex(order.pop("key"))
        self._last = b""
        self._pid = _getpid()
        # O_EXCL: whatever has this name already is not ours.
        descriptor = _open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        state = os.fstat(descriptor)
        self._identity = (state.st_dev, state.st_ino)
        self._descriptor = _out_of_the_way(descriptor)
        self._waiting = []
        self._written = now()

    def add(self, event, **facts):
        """Append one event; those about single tests reach the file within a moment."""
        if _getpid() != self._pid:
            return
        # Half a character, as file names that are not UTF-8 give, is not JSON for everybody.
        line = _dumps(dict(facts, event=event), ensure_ascii=False).encode("utf-8", "replace")
        digest = _blake2b(self._last + line, key=self._key, digest_size=16).hexdigest()
        self._last = digest.encode("ascii")
        self._waiting.append(self._last + b" " + line + b"\n")
        if event != "test" or now() - self._written > WRITE_SECONDS:
            self._write()

    def _write(self):
        content = b"".join(self._waiting)
        self._waiting.clear()
        self._written = now()
        while content:
            try:
                content = content[_write(self._descriptor, content) :]
            except OSError as problem:
                # A test closed what it did not open.
                if problem.errno != errno.EBADF:
                    raise
                self._reopen()

    def _reopen(self):
        descriptor = _open(self._path, _FLAGS)
        state = _fstat(descriptor)
        if (state.st_dev, state.st_ino) != self._identity:
            raise OSError(errno.ESTALE, "the report was replaced", self._path)
        self._descriptor = _out_of_the_way(descriptor)


class FirstTests:
    """The outcomes of the first 50 tests, or of as many as ended within a minute."""

    def __init__(self, order):
        self._counts = {"passed": 0, "failed": 0, "error": 0}
        self._is_over = not order["looks_early"]

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


def _out_of_the_way(descriptor):
    """Give a descriptor a number that no test gets by opening a file after closing many."""
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 800)
    except OSError:
        return descriptor
    _close(descriptor)
    return moved


def own_tools_only(tree):
    inside = tree.rstrip("/") + "/"
    kept = []
    for entry in sys.path:
        full = os.path.realpath(entry or os.getcwd())
        if not (full + "/").startswith(inside):
            kept.append(entry)
    return kept


def relative_path(path, tree):
    """Return a path relative to the tree; "" where it is elsewhere."""
    start = tree.rstrip("/") + "/"
    return path[len(start) :] if path and path.startswith(start) else ""


def list_replaced(order, test_files):
    """Say which functions and classes of the change's tests are left in modules of the tree."""
    tree, found = order["tree"], []

    def locate(module):
        return relative_path(getattr(module, "__file__", None), tree)

    for module in list(sys.modules.values()):
        path = locate(module)
        if not path or path in test_files or path in order["own_files"]:
            continue
        owners = [module, *(each for each in vars(module).values() if type(each) is type)]
        for owner in owners:
            for name, value in list(vars(owner).items()):
                # A proxy of a library may do something when it is asked for an attribute.
                if type(value) in (type, types.FunctionType):
                    origin = locate(sys.modules.get(value.__module__))
                    if origin in order["own_files"]:
                        found.append("%s puts its own `%s` into %s" % (origin, name, path))
    return sorted(set(found))[:MOST_DETAILS]


def django_settings():
    """Return those of Django's settings that decide how tests run, as text."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is None or not settings.configured:
        return {}
    kept = settings.MIGRATION_MODULES
    found = {
        "TEST_RUNNER": str(settings.TEST_RUNNER),
        "MIGRATION_MODULES": repr(kept) if isinstance(kept, dict) else type(kept).__name__,
    }
    for alias, database in settings.DATABASES.items():
        own = {name: value for name, value in database.get("TEST", {}).items() if name != "NAME"}
        found["DATABASES[%r]" % alias] = "%s %r" % (database.get("ENGINE"), own)
    return found


def watch_conditions():
    """Keep what unittest's decorators say, also where their conditions are not met here."""
    import unittest

    for name in ("skipIf", "skipUnless"):
        setattr(unittest, name, _keep_condition(name, getattr(unittest, name)))
        setattr(unittest.case, name, getattr(unittest, name))


def _keep_condition(name, original):
    def decorate(condition, reason):
        def mark(item):
            made = original(condition, reason)(item)
            made._mergewright_conditions = (*list_conditions(item), "%s: %s" % (name, reason))
            return made

        return mark

    return decorate


def list_conditions(item):
    """List under which conditions a function or class is skipped, as far as unittest is asked."""
    return getattr(item, "_mergewright_conditions", ())


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
    inside = tree.rstrip("/") + "/"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(inside) and "/site-packages/" not in name:
            place = "%s:%d" % (name[len(inside) :], trace.tb_lineno)
        trace = trace.tb_next
    return place


def describe_exception(kind, value):
    """Say what an exception says, without its traceback."""
    try:
        lines = traceback.format_exception_only(kind, value)
    except Exception:
        lines = [getattr(kind, "__name__", "exception") + " (no text available)"]
    return cut("".join(lines).strip())


def describe_traceback(raised):
    try:
        return "".join(traceback.format_exception(*raised))
    except Exception:
        return ""


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


def make_tables_from_models():
    """Let Django make test databases without migrations."""
    from django.db.backends.base.creation import BaseDatabaseCreation as Creation

    original = Creation.create_test_db

    def create(self, *args, **named):
        self.connection.settings_dict["TEST"]["MIGRATE"] = False
        return original(self, *args, **named)

    Creation.create_test_db = create
