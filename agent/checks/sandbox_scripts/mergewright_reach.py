"""Record which functions of the tree each test starts, by the interpreter's own profiler.

What happens once for several tests belongs to each of them: what runs while a module is imported or
a function fills its cache, and in a fixture that they share.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import sys
import threading

import mergewright_report

#: In the place of a name: something ran that is not recorded.
_ANYTHING = "*"
#: Code in another process, or under another profiler, is not seen.
_ESCAPES = (
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system",
    "subprocess.Popen", "sys.setprofile",
)  # fmt: skip
#: Since Python 3.12 one profiler sees all threads, and no other takes its place.
_IS_OF_THREAD = sys.version_info < (3, 12)
_SHARED = "shared", None
_IMPORTLIB = "<frozen importlib"


class Reach:
    """Notes what starts, each time for the test that runs."""

    def __init__(self, tree, tool):
        self._tree, self._runner = tree, os.path.dirname(tool.__file__)
        self._numbers, self._by_name, self._asked = {}, set(), set()
        #: Bits of names, by what they are noted for: a test, a group of tests, or all.
        self._found, self._group_of = {_SHARED: 0}, {}
        self._bucket, self._notes, self._has_begun, self._is_lost = _SHARED, set(), False, False
        self._profiler, self._others = _make_profiler(), []
        self._watch_imports()
        sys.addaudithook(self._listen)
        if _IS_OF_THREAD:
            threading.setprofile(self._follow_thread)
        self._profiler.enable()

    def begin(self, test, group):
        """Note for a test from now on; what it shares with those of its group is noted apart."""
        self.switch(("test", test))
        self._group_of[test], self._has_begun = ("group", group), True
        if self._is_lost:
            self._is_lost = False
            self._profiler.enable()

    def begin_between(self, group):
        """Note what prepares tests; it may be for the tests before it and after it."""
        self.switch(("group", group))

    def share(self, scope):
        """Note for all tests, or those of the group, from now on; return where it was before."""
        if scope == "function":
            return self._bucket
        is_wide = scope in ("session", "package") or self._bucket[0] != "test"
        return self.switch(_SHARED if is_wide else self._group_of[self._bucket[1]])

    def switch(self, bucket):
        """Keep what was noted so far; return what it was for."""
        before, self._bucket = self._bucket, bucket
        codes, calls = self._record_calls()
        # The others find in its place what an import or a cache leaves.
        once = [key for key, code in codes.items() if _is_module(code) or key in self._caches]
        shared = set()
        while once:
            key = once.pop()
            if key not in shared:
                shared.add(key)
                once += calls.get(key, ())
        self._note(_SHARED, (self._name(codes[key]) for key in shared if key in codes))
        self._note(before, [*map(self._name, codes.values()), *self._notes])
        self._notes = set()
        return before

    def write(self, report):
        self.switch(_SHARED)
        self._profiler.disable()
        self._has_begun = False
        for test, group in self._group_of.items():
            bits = self._found["test", test] | self._found.get(group, 0)
            report.add("starts", id=test, starts="%x" % bits)
        asked = (getattr(sys.modules.get(name), "__file__", None) for name in self._asked)
        by_name = self._by_name.union(map(self._locate, filter(None, asked)))
        names, shared = list(self._numbers), "%x" % self._found[_SHARED]
        report.add("reach", names=names, by_name=sorted(by_name - {""}), shared=shared)

    def _note(self, bucket, names):
        bits = self._found.get(bucket, 0)
        for name in names:
            if name:
                bits |= 1 << self._numbers.setdefault(name, len(self._numbers))
        self._found[bucket] = bits

    def _name(self, code):
        # How multiprocessing starts a process; no audit event says so.
        if code.co_name == "spawnv_passfds":
            return _ANYTHING
        # A module begins in the line in which its first function may.
        path = "" if _is_module(code) else self._locate(code.co_filename)
        return path and "%s:%d" % (path, code.co_firstlineno)

    def _locate(self, path):
        if path[:1] not in ("/", "<"):
            with contextlib.suppress(OSError):  # the working directory is gone
                path = os.path.abspath(path)
        return mergewright_report.relative_path(path, self._tree)

    def _record_calls(self):
        """Take from the profilers what has started, and what each of that has called, by ids.

        Code objects of different files may be equal.
        """
        codes, calls = {}, {}
        for profiler in [self._profiler, *(other for _, other in self._others)]:
            for entry in profiler.getstats():
                codes[id(entry.code)] = entry.code
                inner = (id(each.code) for each in entry.calls or ())
                calls.setdefault(id(entry.code), []).extend(inner)
            profiler.clear()
        self._others = [(thread, other) for thread, other in self._others if thread.is_alive()]
        return codes, calls

    @functools.cached_property
    def _caches(self):
        """Functions with a cache, as they are when the first test begins: code by its id."""
        kind = type(functools.lru_cache(int))
        wrapped = [each.__wrapped__ for each in gc.get_objects() if type(each) is kind]
        codes = [getattr(each, "__code__", None) for each in wrapped]
        return {id(code): code for code in codes}

    def _watch_imports(self):
        original = importlib.import_module

        def import_module(name, package=None):
            self._asked.add(name)
            return original(name, package)

        importlib.import_module = import_module

    def _follow_thread(self, *_):
        profiler = _make_profiler()
        self._others.append((threading.current_thread(), profiler))
        profiler.enable()

    def _listen(self, event, args):
        if event == "exec":
            self._note_import(args[0], sys._getframe(1))
        elif event in ("open", "os.listdir", "os.scandir"):
            # Imports, and who looks for tests, read and list as well.
            by = sys._getframe(1)
            # As pkgutil.get_data does it, importlib reads for others.
            if by.f_code.co_filename.startswith(_IMPORTLIB) and by.f_back:
                by = by.f_back
            if isinstance(args[0], str) and not by.f_code.co_filename.startswith(
                (_IMPORTLIB, self._runner)
            ):
                name = self._locate(args[0]).rstrip("/")
                self._notes.add(name + "/" * (name != "" and event != "open"))
        elif event in _ESCAPES and self._has_begun:
            if sys._getframe(1).f_code.co_filename not in (__file__, threading.__file__):
                self._notes.add(_ANYTHING)
                self._is_lost = self._is_lost or (_IS_OF_THREAD and event == "sys.setprofile")
        # Only threads of `threading` are followed.
        elif event == "_thread.start_new_thread" and self._has_begun:
            if getattr(args[0], "__name__", "") != "_bootstrap":
                self._notes.add(_ANYTHING)

    def _note_import(self, code, by):
        """Note a module that something outside the tree imports: it was found by its name."""
        while by is not None and by.f_code.co_filename.startswith(_IMPORTLIB):
            by = by.f_back
        if _is_module(code):
            if by is None or not self._locate(by.f_code.co_filename):
                self._by_name.add(self._locate(code.co_filename))


def _is_module(code):
    return getattr(code, "co_name", "") == "<module>"


def _make_profiler():
    import _lsprof  # an interpreter may not have it

    return _lsprof.Profiler(subcalls=True, builtins=False)
