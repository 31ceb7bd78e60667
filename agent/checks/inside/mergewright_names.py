"""Ask installed libraries whether they have the names that code takes from them.

Only libraries are imported, never a module of the tree. Of each name is said whether it is there,
certainly missing, or unknown: whatever cannot be imported here, or makes up its attributes, has
them all. Of methods that are called on objects, `mergewright_methods` says so.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.machinery
import inspect
import io
import os
import re
import sys
import types
from abc import ABCMeta

import mergewright_entry
import mergewright_methods
import mergewright_report

#: What only some platforms have, and no look at another one can deny.
_OF_PLATFORMS = re.compile(
    r"[A-Z][A-Z0-9_]*|startfile|add_dll_directory|l?ch(?:flags|mod)|get(?:windowsversion|resuid)"
    r"|w(?:indll|intypes)|oledll|WinDLL|OleDLL|WinError|FormatError|GetLastError|kqueue|kevent"
    r"|devpoll|epoll|STARTUPINFO|Windows\w+|ProactorEventLoop|_\w*|winver|frozen|fork\w*|last_\w+"
    r"|ps[12]|getobjects|gettotalrefcount|setdlopenflags|tracebacklimit|openpty|memfd_create"
)
#: For a Python that cannot name its own modules.
_OF_ELSEWHERE = frozenset({"msvcrt", "winreg", "winsound", "_winapi", "nt", "tomllib", "_scproxy"})
_LONGEST_TEXT = 200
_PLAIN = (type, ABCMeta)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class Missing(Exception):
    """A name that is not there."""


class Unknown(Exception):
    """Nothing can be said."""


def main():
    """Answer for each name, in its order."""
    order, report = mergewright_entry.begin()
    # Installed in place, the repository's own modules would be found from here.
    sys.path[:] = mergewright_report.own_tools_only(order["tree"])
    out, sys.stdout, sys.stderr = sys.stdout, io.StringIO(), io.StringIO()
    if not all(_is_stdlib(entry["name"].partition(".")[0]) for entry in order["names"]):
        _set_up_django()
    answers = [_asked(entry, order["tree"]) for entry in order["names"]]
    asked = {
        number: entry["called"]
        for number, entry in enumerate(order["names"])
        if entry["called"] and answers[number][0] == "missing"
    }
    libraries = [place for place in sys.path if not _is_below(place, order["tree"])]
    for number in mergewright_methods.given_elsewhere(asked, libraries, order["tree"]):
        answers[number] = ("unknown", "other code may give it")
    for number, entry in enumerate(order["names"]):
        state, text = answers[number]
        report.add("name", number=number, state=state, text=text)
        if state in ("missing", "absent"):
            out.write("%s%s: %s\n" % (entry["name"], entry["keyword"] and "(...)", text))
    report.add("exit", code=0)
    out.flush()
    # Threads that a library started are nobody's concern.
    os._exit(0)


def _set_up_django():
    """Let the modules of Django itself be imported that need settings; any will do."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    try:
        import django
        from django.conf import settings

        parts = ("contenttypes", "auth", "sessions", "messages", "sites", "admin", "staticfiles")
        settings.configure(INSTALLED_APPS=["django.contrib." + part for part in parts])
        django.setup()
        # Brings what only tests have, as `django.core.mail.outbox`.
        from django.test.utils import setup_test_environment

        setup_test_environment()
    except BaseException:  # whatever it is, what needs it is unknown
        return


def _asked(entry, tree):
    name, called = entry["name"], entry["called"]
    try:
        thing = _found(name, tree)
        if called:
            return _asked_of_objects(thing, name, called)
        if entry["keyword"]:
            _takes(thing, name, entry["keyword"])
    except Missing as problem:
        state, text = problem.args
        # What is said of a class that is not there is said of its name.
        return "unknown" if called else state, text[:_LONGEST_TEXT]
    except (Unknown, mergewright_methods.Unknown) as problem:
        return "unknown", str(problem)[:_LONGEST_TEXT]
    except BaseException as problem:
        return "unknown", type(problem).__name__
    return "there", ""


def _asked_of_objects(owner, name, called):
    if not mergewright_methods.lacks(owner, called):
        return "there", ""
    said = "objects of %s have no %s" % (name, called["name"])
    return "missing", _words(said, called["name"], dir(owner))[:_LONGEST_TEXT]


def _found(name, tree):
    """Return what a dotted name means."""
    first, *rest = name.split(".")
    thing = _imported(first)
    if thing is None:
        if _is_stdlib(first):
            raise Unknown("a module of another platform or version")
        raise Missing("absent", first + " is not in the environment")
    if _is_below(getattr(thing, "__file__", None) or "/", tree):
        raise Unknown("of the repository")
    at = first
    for number, part in enumerate(rest, 1):
        inner = _member(thing, at, part)
        # `import pkg.tool.x` means the module, where `pkg.tool` may mean a class of that name.
        if number < len(rest) and inspect.isclass(inner) and _has_module(thing, part):
            raise Unknown("a class or a module")
        thing = inner
        at += "." + part
    return thing


def _is_below(path, folder):
    return os.path.realpath(path).startswith(folder.rstrip("/") + "/")


def _has_module(owner, part):
    """Whether a module of this name lies below a package."""
    if not hasattr(owner, "__path__"):
        return False
    return importlib.machinery.PathFinder.find_spec(owner.__name__ + "." + part, owner.__path__)


def _is_stdlib(name):
    """Whether a module comes with Python, on whatever platform."""
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return name in names
    if name in _OF_ELSEWHERE or name in sys.builtin_module_names:
        return True
    folder = os.path.dirname(os.__file__)
    return any(os.path.exists(os.path.join(folder, name + end)) for end in ("", ".py"))


def _imported(name):
    """Return a module; None where there is certainly none of this name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name == name:
            return None
        raise Unknown("cannot be imported here") from problem
    except BaseException as problem:
        raise Unknown("cannot be imported here") from problem


def _member(owner, name, part):
    if isinstance(owner, types.ModuleType):
        return _of_module(owner, name, part)
    if not inspect.isclass(owner):
        raise Unknown("not of a module or class")
    try:
        return getattr(owner, part)
    except BaseException as problem:
        if not isinstance(problem, AttributeError) or _may_have(owner, part):
            raise Unknown("made up by the class") from problem
    raise Missing("missing", _words("%s has no %s" % (name, part), part, dir(owner)))


def _of_module(owner, name, part):
    try:
        return getattr(owner, part)
    except AttributeError:
        pass
    except BaseException as problem:
        raise Unknown("made up by the module") from problem
    full = owner.__name__ + "." + part
    below = _imported(full) if hasattr(owner, "__path__") else None
    if below is not None:
        return below
    if _is_stdlib(owner.__name__.partition(".")[0]) and _OF_PLATFORMS.fullmatch(part):
        raise Unknown("may be there on another platform")
    raise Missing("missing", _words("%s has no %s" % (name, part), part, dir(owner)))


def _may_have(owner, part):
    """Whether a class may have an attribute that cannot be had from the class itself."""
    if type(owner) not in _PLAIN:
        return True
    for base in owner.__mro__:
        if part in vars(base) or part in vars(base).get("__annotations__", {}):
            return True
    return False


def _takes(thing, name, keyword):
    """Look whether something can be called with an argument of this name."""
    if inspect.isclass(thing):
        thing = _initialiser(thing)
    if not isinstance(thing, _FUNCTIONS) or hasattr(thing, "__wrapped__"):
        raise Unknown("not a plain function")
    if hasattr(thing, "__signature__"):
        raise Unknown("says itself what it takes")
    try:
        parameters = inspect.signature(thing).parameters.values()
    except BaseException as problem:
        raise Unknown("has no signature") from problem
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        raise Unknown("takes any")
    names = [one.name for one in parameters if one.kind is not one.POSITIONAL_ONLY]
    if keyword not in names:
        said = "%s takes no argument %s" % (name, keyword)
        raise Missing("missing", _words(said, keyword, names))


def _initialiser(owner):
    """Return the function that takes the arguments of a class."""
    made = owner.__new__ is object.__new__ or issubclass(owner, BaseException)
    if type(owner) not in _PLAIN or not made or "__signature__" in dir(owner):
        raise Unknown("a class with ways of its own")
    function = inspect.getattr_static(owner, "__init__")
    if not isinstance(function, types.FunctionType):
        raise Unknown("not a plain initialiser")
    return function


def _words(said, word, known):
    """Add the nearest name that there is."""
    near = difflib.get_close_matches(word, [one for one in known if not one.startswith("_")], 1)
    return said + (" (%s?)" % near[0] if near else "")


if __name__ == "__main__":
    main()
